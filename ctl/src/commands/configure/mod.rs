//! `configure`: shows or changes the configuration.

mod dialogue;
mod offers;
mod sources;
mod trust;

use std::{io, path::PathBuf};

use clap::ValueHint;
use shopmaster_proto::{
    Client,
    v1::{
        ConfigureRequest, ConfigureResponse, GetConfigRequest, GetConfigResponse, GetInfoRequest,
    },
};

use super::{Ctl, answer, test};
use crate::{
    error::Error,
    exit::Exit,
    prompt,
    render::{
        human,
        json::{ConfigJson, ConfiguredJson},
    },
    settings::{self, Changes, SettingFlags},
};

/// What to change, and where the values come from. Without any argument, on a terminal, each value is asked for.
#[derive(clap::Args)]
#[command(
    after_help = "Passwords are never arguments: enter them at a prompt, or pass them on standard input or in the \
                  environment variables SHOPMASTER_DIGIBLE_PASSWORD and SHOPMASTER_SQL_PASSWORD"
)]
pub struct Args {
    /// Print the configuration and change nothing
    #[arg(long, conflicts_with_all = settings::flags())]
    #[arg(conflicts_with_all = ["stdin", "from_env", "digible_password_stdin", "sql_password_stdin"])]
    show: bool,
    /// Read `key = value` lines from standard input, such as `catalog.table = dbo.Products`
    #[arg(long, conflicts_with_all = ["digible_password_stdin", "sql_password_stdin"])]
    stdin: bool,
    /// Import the settings of the old program's `.env` file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    from_env: Option<PathBuf>,
    /// Read the Digible password from a line of standard input
    #[arg(long)]
    digible_password_stdin: bool,
    /// Read the SQL password from a line of standard input, after the Digible password if both are read
    #[arg(long)]
    sql_password_stdin: bool,
    /// Do not ask what a change means: another Digible account requires a new journal, and another table leaves products
    /// at Digible
    #[arg(long, short)]
    yes: bool,
    /// Only print what the change would mean for the products that were sent before, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    flags: SettingFlags,
}

/// Shows or changes the configuration.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    if args.show {
        return show(ctl).await;
    }
    if args.names_nothing() && !ctl.output.json && prompt::is_interactive() {
        let how = How {
            yes: args.yes,
            dry_run: args.dry_run,
        };
        return by_dialogue(ctl, how).await;
    }
    // Read before connecting: the program that writes to standard input may take its time.
    let given = sources::gather(&args, &mut io::stdin().lock())?;
    if args.names_nothing() && given.changes.is_empty() {
        return Err(Error::Usage {
            message: "no settings were given".to_owned(),
            remedy: "use flags such as `--kind sqlite --path FILE`, or `--stdin`, or `--from-env FILE`; \
                     on a terminal, without `--json`, shopmasterctl asks for each value"
                .to_owned(),
        });
    }
    for note in &given.notes {
        ctl.output.note(&format!("note: {note}"));
    }
    let mut client = ctl.connect().await?;
    let how = How {
        yes: args.yes,
        dry_run: args.dry_run,
    };
    change(ctl, &mut client, given.changes, given.notes, how).await
}

impl Args {
    /// True when neither a setting nor a source of settings was named.
    fn names_nothing(&self) -> bool {
        let sources = self.stdin || self.digible_password_stdin || self.sql_password_stdin;
        !sources && self.from_env.is_none() && self.flags.0.is_empty()
    }
}

async fn show(ctl: &Ctl) -> Result<Exit, Error> {
    let mut client = ctl.connect().await?;
    let configuration = current(&mut client).await?;
    let text = human::config::configuration(&configuration);
    ctl.output.show(&ConfigJson::from(configuration), || text)?;
    Ok(Exit::Done)
}

async fn by_dialogue(ctl: &Ctl, how: How) -> Result<Exit, Error> {
    let mut client = ctl.connect().await?;
    let info = answer(client.agent.get_info(GetInfoRequest {})).await?;
    let known = dialogue::Known {
        current: current(&mut client).await?,
        environment: sources::environment(),
        platform: info.into_inner().platform,
    };
    let changes = prompt::aside(move || dialogue::hold(known)).await?;
    let exit = change(ctl, &mut client, changes, Vec::new(), how).await?;
    if how.dry_run {
        return Ok(exit);
    }
    if !prompt::aside(|| prompt::confirm("Test the connections now?", true)).await? {
        return Ok(Exit::Done);
    }
    let mut made = Vec::new();
    let mut checks = test::checks(ctl).await?;
    while let Some(offer) = offers::next(&checks, &made) {
        made.push(offer.clone());
        let is_needed = offer.is_needed();
        let settings = current(&mut client).await?.settings.unwrap_or_default();
        let catalog = settings.catalog.unwrap_or_default();
        match prompt::aside(move || offer.ask(&catalog)).await? {
            Some(changes) => {
                change(ctl, &mut client, changes, Vec::new(), how).await?;
                checks = test::checks(ctl).await?;
            }
            None if is_needed => break,
            None => {}
        }
    }
    Ok(test::exit(&checks))
}

async fn current(client: &mut Client) -> Result<GetConfigResponse, Error> {
    let response = answer(client.config.get_config(GetConfigRequest {})).await?;
    Ok(response.into_inner())
}

/// Sends the changes to the agent, and prints the result. What would not work fails a dry run only: otherwise the change
/// was made, as asked.
async fn change(
    ctl: &Ctl,
    client: &mut Client,
    mut changes: Changes,
    notes: Vec<String>,
    how: How,
) -> Result<Exit, Error> {
    // Elsewhere, a path is one of the agent's computer: the agent refuses a relative one.
    if !ctl.target.is_remote() {
        let absolute = changes.make_paths_absolute();
        absolute.map_err(|problem| Error::Usage {
            message: problem,
            remedy: "give the whole path".to_owned(),
        })?;
    }
    let done = if changes.is_empty() {
        let now = current(client).await?;
        ConfigureResponse {
            settings: now.settings,
            secrets: now.secrets,
            ..ConfigureResponse::default()
        }
    } else {
        let request = ConfigureRequest {
            start_journal_over: how.yes,
            confirmed: how.yes,
            dry_run: how.dry_run,
            ..changes.clone().into_request()
        };
        let may_ask = changes.names_shop() && !how.yes && !how.dry_run;
        configure(ctl, client, request, may_ask).await?
    };
    let text = match how.dry_run {
        true => human::config::would_configure(&done),
        false => human::config::configured(&done, &changes.secrets),
    };
    let missing = missing(&done);
    let exit = match how.dry_run {
        true => test::exit(&done.warnings),
        false => Exit::Done,
    };
    ctl.output
        .show(&ConfiguredJson::new(done, notes), || text)?;
    if let Some(missing) = missing.filter(|_| !how.dry_run) {
        ctl.output.hint(&format!(
            "the {missing} is not set; run {} on a terminal to enter it",
            ctl.target.ctl("configure")
        ));
    }
    Ok(exit)
}

/// How a change is made.
#[derive(Debug, Clone, Copy)]
struct How {
    /// The user has agreed to what it means.
    yes: bool,
    /// Nothing is changed.
    dry_run: bool,
}

/// Asks before a new journal is started, and, if `may_ask`, before another table is served, if a user is there to answer.
async fn configure(
    ctl: &Ctl,
    client: &mut Client,
    mut request: ConfigureRequest,
    may_ask: bool,
) -> Result<ConfigureResponse, Error> {
    let asks = !ctl.output.json && prompt::is_interactive();
    if may_ask && asks {
        request.confirmed = agrees(client, &request).await?;
    }
    let refused = match answer(client.config.configure(request.clone())).await {
        Ok(done) => return Ok(done.into_inner()),
        Err(Error::Refused(refused)) if refused.code == "JOURNAL_STARTS_OVER" => refused,
        Err(error) => return Err(error),
    };
    if !asks {
        return Err(Error::Refused(refused));
    }
    let question = format!("{}. Continue?", refused.message);
    if !prompt::aside(move || prompt::confirm(&question, false)).await? {
        return Err(Error::Declined("nothing was changed"));
    }
    request.start_journal_over = true;
    let done = answer(client.config.configure(request)).await?;
    Ok(done.into_inner())
}

/// Whether the user agrees to what the change means for the products that were sent before. False when it means nothing.
async fn agrees(client: &mut Client, request: &ConfigureRequest) -> Result<bool, Error> {
    let request = ConfigureRequest {
        dry_run: true,
        ..request.clone()
    };
    let told = answer(client.config.configure(request)).await?.into_inner();
    let Some(effect) = told
        .effect
        .filter(|it| it.gone + it.differing + it.refused > 0)
    else {
        return Ok(false);
    };
    let question = format!("{}. Continue?", effect.text);
    match prompt::aside(move || prompt::confirm(&question, false)).await? {
        true => Ok(true),
        false => Err(Error::Declined("nothing was changed")),
    }
}

/// The first required value that is missing and that the old program's file does not contain.
fn missing(done: &ConfigureResponse) -> Option<&'static str> {
    let secrets = done.secrets.clone().unwrap_or_default();
    let settings = done.settings.clone().unwrap_or_default();
    let email = settings.digible.unwrap_or_default().email;
    let catalog = settings.catalog.unwrap_or_default();
    if email.is_empty() {
        // Without a shop, the configuration has only begun: no need to mention it.
        return (!catalog.kind.is_empty()).then_some("email of the Digible account");
    }
    if !secrets.digible_password {
        return Some("Digible password");
    }
    let needs_sql = catalog.kind == "sqlserver" && catalog.auth == "sql";
    (needs_sql && !secrets.sql_password).then_some("SQL password")
}

#[cfg(test)]
mod tests {
    use shopmaster_proto::v1::{CatalogSettings, DigibleSettings, SecretsSet, Settings};

    use super::*;

    #[test]
    fn only_what_is_needed_is_missed() {
        let done = |email: &str, auth: &str, digible_password| ConfigureResponse {
            settings: Some(Settings {
                catalog: Some(CatalogSettings {
                    kind: "sqlserver".to_owned(),
                    auth: auth.to_owned(),
                    ..CatalogSettings::default()
                }),
                digible: Some(DigibleSettings {
                    email: email.to_owned(),
                    ..DigibleSettings::default()
                }),
                ..Settings::default()
            }),
            secrets: Some(SecretsSet {
                digible_password,
                ..SecretsSet::default()
            }),
            ..ConfigureResponse::default()
        };
        assert_eq!(
            missing(&done("a@b", "sql", false)),
            Some("Digible password")
        );
        assert_eq!(missing(&done("a@b", "sql", true)), Some("SQL password"));
        assert_eq!(missing(&done("a@b", "windows", true)), None);
        assert_eq!(
            missing(&done("", "windows", false)),
            Some("email of the Digible account")
        );
        assert_eq!(missing(&ConfigureResponse::default()), None);
    }
}

//! A prompt for each setting that most shops need.

use shopmaster_proto::v1::{GetConfigResponse, Secrets, Settings};

use crate::{
    error::Error,
    prompt,
    settings::{Changes, FIELDS, Field},
};

const SQLITE: [&str; 2] = ["catalog.path", "catalog.table"];
const SQL_SERVER: [&str; 4] = [
    "catalog.server",
    "catalog.database",
    "catalog.table",
    "catalog.auth",
];
const REST: [&str; 4] = [
    "catalog.columns.id",
    "catalog.columns.name",
    "catalog.columns.price",
    "digible.email",
];

/// Asks for settings and for the passwords that the environment does not give.
pub fn hold(current: &GetConfigResponse, environment: Secrets) -> Result<Changes, Error> {
    prompt::say("Enter keeps the value in brackets");
    let settings = current.settings.clone().unwrap_or_default();
    let mut changes = ask_settings(&settings, &mut prompt::line)?;
    let set = current.secrets.clone().unwrap_or_default();
    changes.secrets.digible_password = match environment.digible_password {
        Some(password) => Some(password),
        None => ask_password("Password of the Digible account", set.digible_password)?,
    };
    if value(&changes, &settings, "catalog.kind") == "sqlserver"
        && value(&changes, &settings, "catalog.auth") == "sql"
    {
        changes.secrets.sql_password = match environment.sql_password {
            Some(password) => Some(password),
            None => ask_password("Password of the SQL login", set.sql_password)?,
        };
    }
    Ok(changes)
}

/// Asks for each setting that matters for the kind of database that is chosen first.
fn ask_settings(
    settings: &Settings,
    line: &mut impl FnMut(&str) -> Result<String, Error>,
) -> Result<Changes, Error> {
    let mut changes = Changes::default();
    ask(&mut changes, settings, "catalog.kind", line)?;
    if value(&changes, settings, "catalog.kind") == "sqlite" {
        ask_all(&mut changes, settings, &SQLITE, line)?;
    } else {
        ask_all(&mut changes, settings, &SQL_SERVER, line)?;
        if value(&changes, settings, "catalog.auth") == "sql" {
            ask(&mut changes, settings, "catalog.username", line)?;
        }
    }
    ask_all(&mut changes, settings, &REST, line)?;
    Ok(changes)
}

fn ask_all(
    changes: &mut Changes,
    settings: &Settings,
    paths: &[&str],
    line: &mut impl FnMut(&str) -> Result<String, Error>,
) -> Result<(), Error> {
    paths
        .iter()
        .try_for_each(|path| ask(changes, settings, path, line))
}

/// Asks until the answer makes sense.
fn ask(
    changes: &mut Changes,
    settings: &Settings,
    path: &str,
    line: &mut impl FnMut(&str) -> Result<String, Error>,
) -> Result<(), Error> {
    let Some(field) = field(path) else {
        return Ok(());
    };
    let now = field.text(settings);
    loop {
        let answer = line(&question(field, &now))?;
        if answer.is_empty() || answer == now {
            return Ok(());
        }
        match changes.set(field, &answer) {
            Ok(()) => return Ok(()),
            Err(problem) => prompt::say(&problem),
        }
    }
}

fn question(field: &Field, now: &str) -> String {
    let words = match field.words() {
        [] => String::new(),
        words => format!(" ({})", words.join(" or ")),
    };
    let now = match now {
        "" => String::new(),
        now => format!(" [{now}]"),
    };
    format!("{}{words}{now}", field.help)
}

fn ask_password(question: &str, is_set: bool) -> Result<Option<String>, Error> {
    let keeps = if is_set { " [keep]" } else { "" };
    let answer = prompt::password(&format!("{question}{keeps}"))?;
    Ok(Some(answer).filter(|answer| !answer.is_empty()))
}

fn value(changes: &Changes, settings: &Settings, path: &str) -> String {
    field(path)
        .map(|field| changes.get(field).unwrap_or_else(|| field.text(settings)))
        .unwrap_or_default()
}

fn field(path: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.path == path)
}

#[cfg(test)]
mod tests {
    use shopmaster_proto::v1::CatalogSettings;

    use super::*;

    fn settings() -> Settings {
        Settings {
            catalog: Some(CatalogSettings {
                kind: "sqlserver".to_owned(),
                table: "dbo.Products".to_owned(),
                auth: "windows".to_owned(),
                ..CatalogSettings::default()
            }),
            ..Settings::default()
        }
    }

    /// The questions that were asked, and the paths that change.
    fn hold(answers: &[&str]) -> (Vec<String>, Vec<String>) {
        let mut asked = Vec::new();
        let mut answers = answers.iter();
        let changes = ask_settings(&settings(), &mut |question| {
            asked.push(question.to_owned());
            Ok(answers.next().copied().unwrap_or_default().to_owned())
        });
        let request = changes.unwrap().into_request();
        (asked, request.update_mask.unwrap().paths)
    }

    #[test]
    fn enter_keeps_everything() {
        let (asked, changed) = hold(&[]);
        assert_eq!(
            asked,
            [
                "Kind of the shop's database (sqlserver or sqlite) [sqlserver]",
                r"SQL Server: host, host\instance or host,port",
                "SQL Server: the database",
                "The product table, with its schema where it has one [dbo.Products]",
                "SQL Server: how to log in (windows or sql) [windows]",
                "Column of the product's key",
                "Column of its name",
                "Column of its price",
                "Email of the Digible account",
            ]
        );
        assert!(changed.is_empty(), "{changed:?}");
    }

    #[test]
    fn only_what_matters_is_asked() {
        let (asked, changed) = hold(&["sqlite", "/shop.db", "Products"]);
        assert_eq!(asked.len(), 7);
        assert_eq!(changed, ["catalog.kind", "catalog.path", "catalog.table"]);
        let (asked, changed) = hold(&["", "srv", "", "dbo.Products", "sql", "shop"]);
        assert_eq!(asked.len(), 10);
        assert_eq!(
            changed,
            ["catalog.server", "catalog.auth", "catalog.username"]
        );
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_asked_again() {
        let (asked, changed) = hold(&["oracle", "sqlite"]);
        assert_eq!(asked[0], asked[1]);
        assert_eq!(changed, ["catalog.kind"]);
    }
}

//! `capture`: shows, installs, removes or adopts change capture in the shop's database.

use clap::Subcommand;
use shopmaster_proto::v1::{
    AdoptRequest, GetCaptureRequest, InstallCaptureRequest, PlanCaptureRequest,
    RemoveCaptureRequest,
};

use super::{Ctl, answer};
use crate::{
    error::Error,
    exit::Exit,
    prompt,
    render::{
        human::{self, Clock},
        json::{AdoptionJson, CaptureChangeJson, CaptureNowJson, PlanJson},
    },
};

/// The action.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the exact statements that `install` and `remove` would run
    Plan,
    /// Install capture: run exactly the planned statements
    Install(Agreement),
    /// Remove capture: run exactly the planned statements
    Remove {
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
    },
    /// Show the state of capture, as the database reports it now
    Status,
    /// Take over the capture of the old program
    Adopt {
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        agreement: Agreement,
    },
}

/// The risk that the user accepts.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Agreement {
    /// Install even if a trigger would break one of the shop's programs (OUTPUT without INTO)
    #[arg(long)]
    ignore_output: bool,
}

/// Runs one of the actions.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    match args.action {
        Action::Plan => plan(ctl).await,
        Action::Install(agreement) => install(ctl, agreement).await,
        Action::Remove { yes } => remove(ctl, yes).await,
        Action::Status => status(ctl).await,
        Action::Adopt { yes, agreement } => return adopt(ctl, yes, agreement).await,
    }?;
    Ok(Exit::Done)
}

async fn plan(ctl: &Ctl) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let plan = answer(client.config.plan_capture(PlanCaptureRequest {}))
        .await?
        .into_inner();
    // Standard output has exactly what a database administrator runs by hand.
    let checks = human::check::list(&plan.checks);
    ctl.output.notes(&checks);
    let text = human::capture::plan(&plan);
    ctl.output.show(&PlanJson::from(plan), || text)
}

async fn install(ctl: &Ctl, agreement: Agreement) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let request = InstallCaptureRequest {
        ignore_output: agreement.ignore_output,
    };
    let done = answer(client.config.install_capture(request))
        .await?
        .into_inner();
    let text = human::capture::installed(&done);
    ctl.output.show(&CaptureChangeJson::from(done), || text)
}

/// Removes capture; asks first on a terminal, unless `yes`.
pub(super) async fn remove(ctl: &Ctl, yes: bool) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    if !yes && prompt::is_interactive() {
        let question = "Remove capture? Changes will no longer be recorded";
        if !prompt::aside(move || prompt::confirm(question, false)).await? {
            return Err(Error::Declined("capture was not removed"));
        }
    }
    let done = answer(client.config.remove_capture(RemoveCaptureRequest {}))
        .await?
        .into_inner();
    let text = human::capture::removed(&done);
    ctl.output.show(&CaptureChangeJson::from(done), || text)
}

async fn status(ctl: &Ctl) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let now = answer(client.config.get_capture(GetCaptureRequest {}))
        .await?
        .into_inner();
    let text = human::capture::current(&now, &Clock::local());
    ctl.output.show(&CaptureNowJson::from(now), || text)
}

/// Shows what would be done, and does it after a confirmation or with `--yes`.
async fn adopt(ctl: &Ctl, yes: bool, agreement: Agreement) -> Result<Exit, Error> {
    let mut client = ctl.connect().await?;
    if !yes {
        let found = answer(client.config.adopt(AdoptRequest::default()))
            .await?
            .into_inner();
        let needed = found.needed;
        let text = human::capture::adoption(&found);
        ctl.output.show(&AdoptionJson::new(found, false), || text)?;
        if !needed {
            return Ok(Exit::Done);
        }
        if ctl.output.json || !prompt::is_interactive() {
            ctl.output.hint(&format!(
                "nothing was changed; run {} to do this",
                ctl.target.ctl("capture adopt --yes")
            ));
            return Ok(Exit::Failed);
        }
        if !prompt::aside(|| prompt::confirm("Do this?", false)).await? {
            return Err(Error::Declined("the database was not changed"));
        }
    }
    let request = AdoptRequest {
        confirm: true,
        ignore_output: agreement.ignore_output,
    };
    let done = answer(client.config.adopt(request)).await?.into_inner();
    let exit = if done.needed {
        Exit::Failed
    } else {
        Exit::Done
    };
    let text = human::capture::adoption(&done);
    ctl.output.show(&AdoptionJson::new(done, true), || text)?;
    Ok(exit)
}

//! `autostart`: whether and how the agent starts automatically.
//!
//! It works whether or not the agent is running, and changes this machine: files, the registry, the service
//! manager. The agent's own program in the folder of this program does it; this command passes the arguments on
//! and prints the output.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

use clap::{Subcommand, ValueEnum};

use shopmaster_proto::v1::{CaptureState, GetStatusRequest};

use super::{Ctl, capture};
use crate::{error::Error, exit::Exit, prompt};

/// The action.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start the agent automatically
    Enable(EnableArgs),
    /// Remove the login item and the service; an agent that runs as a service stops
    Disable,
    /// Show the login item and the service as they are, even if changed by hand
    Status,
}

#[derive(Debug, clap::Args)]
struct EnableArgs {
    /// Start it when you log in, or as a service
    #[arg(long = "as", value_name = "WAY")]
    way: Way,
    /// Linux, with `--as service`: a system unit instead of a user unit; requires root
    #[arg(long)]
    system: bool,
    /// Linux, with `--system`: the account that the agent runs under; default: the account that called sudo
    #[arg(long, value_name = "USER", requires = "system")]
    run_as: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    Login,
    Service,
}

/// Runs the agent's program with these arguments. Its exit code becomes the command's.
pub async fn run(ctl: &Ctl, args: &Args) -> Result<Exit, Error> {
    if ctl.target.agent.is_some() {
        return Err(Error::Usage {
            message: "`autostart` changes this machine, and cannot be used with `--agent`"
                .to_owned(),
            remedy: "name the agent with `--instance`".to_owned(),
        });
    }
    if let Action::Disable = args.action {
        offer_removal(ctl).await?;
    }
    let path = program()?;
    let mut command = Command::new(&path);
    command.arg("autostart");
    command.args(arguments(&args.action)?);
    command.args(["--instance", ctl.target.instance.as_str()]);
    if ctl.output.json {
        command.arg("--json");
    }
    if ctl.output.quiet {
        command.arg("--quiet");
    }
    // Through pipes, because on Windows the agent is not a console program.
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|source| Error::Program { path, source })?;
    let printed = String::from_utf8_lossy(&output.stdout);
    ctl.output.relay(&printed)?;
    ctl.output
        .relay_errors(&String::from_utf8_lossy(&output.stderr));
    Ok(match output.status.code() {
        Some(0) => Exit::Done,
        Some(2) => Exit::Usage,
        _ => Exit::Failed,
    })
}

/// An agent that no longer starts leaves capture in the shop's database, where the triggers go on recording changes
/// that no agent reads. While the agent still runs, it can remove capture: this offers it.
async fn offer_removal(ctl: &Ctl) -> Result<(), Error> {
    // Without an agent the state of capture is unknown, and it cannot be removed.
    let Ok(mut client) = ctl.connect().await else {
        return Ok(());
    };
    let status = client.agent.get_status(GetStatusRequest {}).await;
    let capture = match status {
        Ok(answer) => answer.into_inner().status.and_then(|now| now.capture),
        Err(_) => None,
    };
    if !capture.is_some_and(|capture| is_installed(capture.state())) {
        return Ok(());
    }
    let why = "capture is still installed in the shop's database, and its ChangeLog grows while no agent reads it";
    let asks = prompt::is_interactive() && !ctl.output.json && !ctl.output.quiet;
    if asks {
        ctl.output.note(&format!("note: {why}"));
        let question = "Remove capture first? Answer no if the agent will run again";
        if prompt::aside(move || prompt::confirm(question, false)).await? {
            return capture::remove(ctl, true).await;
        }
    }
    ctl.output.hint(&format!(
        "{why}; if the agent will not run again, run {} before it stops, or have a database administrator run the removal statements that {} prints",
        ctl.target.ctl("capture remove"),
        ctl.target.ctl("capture plan"),
    ));
    Ok(())
}

fn is_installed(state: CaptureState) -> bool {
    matches!(
        state,
        CaptureState::Installed | CaptureState::Outdated | CaptureState::Drifted
    )
}

/// Path of the agent's program, in the folder of this program.
fn program() -> Result<PathBuf, Error> {
    let name = format!("shopmaster-agent{}", env::consts::EXE_SUFFIX);
    match env::current_exe() {
        Ok(own) => Ok(own.with_file_name(name)),
        Err(source) => Err(Error::Program {
            path: name.into(),
            source,
        }),
    }
}

fn arguments(action: &Action) -> Result<Vec<&str>, Error> {
    let args = match action {
        Action::Disable => return Ok(vec!["disable"]),
        Action::Status => return Ok(vec!["status"]),
        Action::Enable(args) => args,
    };
    let linux = cfg!(target_os = "linux") && args.way == Way::Service;
    if args.system && !linux {
        return Err(Error::Usage {
            message: "`--system` is for services on Linux".to_owned(),
            remedy: "omit it".to_owned(),
        });
    }
    let way = match args.way {
        Way::Login => "login",
        Way::Service => "service",
    };
    let mut arguments = vec!["enable", "--as", way];
    if args.system {
        arguments.push("--system");
    }
    if let Some(account) = &args.run_as {
        arguments.extend(["--run-as", account]);
    }
    Ok(arguments)
}

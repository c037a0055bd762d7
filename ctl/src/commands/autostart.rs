//! `autostart`: whether and how the agent starts by itself.
//!
//! No agent needs to run for it, and what it changes is this machine's: files, the registry, the service
//! manager. So the agent's own program does it, the one that lies beside this program, and we pass on
//! what is asked and what it answers.

use std::{
    env,
    io::{self, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
};

use clap::{Subcommand, ValueEnum};

use shopmaster_proto::v1::{CaptureState, GetStatusRequest};

use super::{Ctl, capture};
use crate::{error::Error, exit::Exit, prompt};

/// What to do.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make it start by itself
    Enable(EnableArgs),
    /// Remove the login item and the service; what runs as a service stops
    Disable,
    /// Tell what is there, also when somebody changed it by hand
    Status,
}

#[derive(Debug, clap::Args)]
struct EnableArgs {
    /// How: when you log in, or as a service
    #[arg(long = "as", value_name = "WAY")]
    way: Way,
    /// Linux, with `--as service`: a unit of the machine instead of your own; takes root
    #[arg(long)]
    system: bool,
    /// Linux, with `--system`: the account that the agent runs under; without it, the one that called sudo
    #[arg(long, value_name = "USER", requires = "system")]
    run_as: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    Login,
    Service,
}

/// Does it.
pub async fn run(ctl: &Ctl, args: &Args) -> Result<Exit, Error> {
    if ctl.target.agent.is_some() {
        return Err(Error::Usage {
            message: "`autostart` is about this machine's files, not about the agent at an address"
                .to_owned(),
            remedy: "name the agent with `--instance`".to_owned(),
        });
    }
    if let Action::Disable = args.action {
        leave_nothing_behind(ctl).await?;
    }
    let path = program()?;
    let mut command = Command::new(&path);
    command.arg("autostart");
    command.args(words(&args.action)?);
    command.args(["--instance", ctl.target.instance.as_str()]);
    if ctl.output.json {
        command.arg("--json");
    }
    if ctl.output.quiet {
        command.arg("--quiet");
    }
    // Through pipes, because on Windows the agent is no console program.
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|source| Error::Program { path, source })?;
    ctl.output.text(&String::from_utf8_lossy(&output.stdout))?;
    // Where standard error is gone there is nobody left to tell.
    let _ = io::stderr().write_all(&output.stderr);
    Ok(match output.status.code() {
        Some(0) => Exit::Done,
        Some(2) => Exit::Usage,
        _ => Exit::Failed,
    })
}

/// An agent that no longer starts leaves capture in the shop's database, where it goes on writing changes down
/// that nobody reads. While the agent still runs, it can take it away.
async fn leave_nothing_behind(ctl: &Ctl) -> Result<(), Error> {
    // Without an agent nobody knows, and nothing can be removed.
    let Ok(mut client) = ctl.connect().await else {
        return Ok(());
    };
    let status = client.agent.get_status(GetStatusRequest {}).await;
    let capture = match status {
        Ok(answer) => answer.into_inner().status.and_then(|now| now.capture),
        Err(_) => None,
    };
    if !capture.is_some_and(|capture| is_there(capture.state())) {
        return Ok(());
    }
    let why = "capture is still installed in the shop's database, and its ChangeLog grows while no agent reads it";
    let asks = prompt::is_interactive() && !ctl.output.json && !ctl.output.quiet;
    if asks {
        ctl.output.note(&format!("note: {why}"));
        let question = "Remove capture first? Answer no when the agent will run again";
        if prompt::aside(move || prompt::confirm(question, false)).await? {
            return capture::remove(ctl, true).await;
        }
    }
    ctl.output.hint(&format!(
        "{why}; if it will not run again, run {} before it stops, or have a database administrator run the removing text of {}",
        ctl.target.ctl("capture remove"),
        ctl.target.ctl("capture plan"),
    ));
    Ok(())
}

fn is_there(state: CaptureState) -> bool {
    matches!(
        state,
        CaptureState::Installed | CaptureState::Outdated | CaptureState::Drifted
    )
}

/// The agent's program, beside this one.
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

fn words(action: &Action) -> Result<Vec<&str>, Error> {
    let args = match action {
        Action::Disable => return Ok(vec!["disable"]),
        Action::Status => return Ok(vec!["status"]),
        Action::Enable(args) => args,
    };
    let linux = cfg!(target_os = "linux") && args.way == Way::Service;
    if args.system && !linux {
        return Err(Error::Usage {
            message: "`--system` is for services on Linux".to_owned(),
            remedy: "leave it out".to_owned(),
        });
    }
    let way = match args.way {
        Way::Login => "login",
        Way::Service => "service",
    };
    let mut words = vec!["enable", "--as", way];
    if args.system {
        words.push("--system");
    }
    if let Some(account) = &args.run_as {
        words.extend(["--run-as", account]);
    }
    Ok(words)
}

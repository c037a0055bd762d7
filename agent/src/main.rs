//! `shopmaster-agent` keeps a Digible catalog in sync with a shop's database.

// A console program would open a window at each login.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

use std::{process::ExitCode, time::Duration};

use clap::Parser as _;
use shopmaster_agent::{
    args::{Cli, Command, RunArgs, TrayArgs},
    autostart, console, logging,
    service::{self, Launch, RunError},
    signals::Signals,
    tray,
};
use shopmaster_base::causes::with_causes;
use shopmaster_proto::{Endpoint, Folders};
use tokio::{runtime::Runtime, sync::oneshot};

/// How long blocking calls, for example into a database that hangs, may delay the end of the process.
const BLOCKING_CALL_GRACE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    console::attach();
    let cli = Cli::parse();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("cannot start threads: {error}")),
    };
    let result = run(cli, &runtime);
    // If it were dropped, it would wait for blocking calls without limit.
    runtime.shutdown_timeout(BLOCKING_CALL_GRACE);
    match result {
        Ok(code) => code,
        Err(message) => failed(&message),
    }
}

fn run(cli: Cli, runtime: &Runtime) -> Result<ExitCode, String> {
    let result = match cli.command.unwrap_or(Command::Run(cli.run)) {
        Command::Run(args) => tray::beside(runtime, args.headless, |icon| {
            runtime
                .block_on(agent(args, icon))
                .map_err(|error| with_causes(&error))
        }),
        Command::Tray(args) => icon_alone(runtime, args),
        #[cfg(windows)]
        Command::Service(args) => {
            shopmaster_agent::windows_service::run(args).map_err(|error| with_causes(&error))
        }
        Command::Autostart(args) => return Ok(autostart::run(&args)),
    };
    result.map(|()| ExitCode::SUCCESS)
}

/// Runs the agent until a signal or a client asks it to stop. `icon` gets the icon's setup once the agent listens.
async fn agent(args: RunArgs, icon: Option<oneshot::Sender<tray::Setup>>) -> Result<(), RunError> {
    let launch = Launch {
        folders: Folders::of(&args.instance)?,
        instance: args.instance,
        config: args.config,
        headless: args.headless,
        icon,
        #[cfg(windows)]
        owner: None,
    };
    // Before anything else, so that a signal during the start also stops the agent cleanly.
    let mut signals = Signals::take().map_err(RunError::Signals)?;
    let end = async move {
        signals.end().await;
        signals.end_at_once();
    };
    service::run(launch, end).await
}

/// Shows an icon for an agent that runs in another process.
fn icon_alone(runtime: &Runtime, args: TrayArgs) -> Result<(), String> {
    logging::to_stderr();
    let folders = Folders::of(&args.instance).map_err(|error| with_causes(&error))?;
    let endpoint = match args.agent {
        Some(endpoint) => endpoint,
        None => Endpoint::local(&args.instance, &folders).map_err(|error| with_causes(&error))?,
    };
    let setup = tray::Setup {
        instance: args.instance,
        endpoint,
        folders,
        host: tray::IconHost::OwnProcess,
    };
    tray::alone(runtime, setup);
    Ok(())
}

fn failed(message: &str) -> ExitCode {
    logging::final_message(&format!("error: {message}"));
    ExitCode::FAILURE
}

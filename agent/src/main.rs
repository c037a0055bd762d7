//! `shopmaster-agent` keeps a Digible catalogue equal to a shop's product database.

// Started at login, it would open a console window that nobody wants.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

use std::{process::ExitCode, time::Duration};

use clap::Parser as _;
use shopmaster_agent::{
    args::{Cli, Command, TrayArgs},
    autostart, console, logging, service, tray,
};
use shopmaster_base::causes::with_causes;
use shopmaster_proto::{Endpoint, Folders};
use tokio::runtime::Runtime;

/// How long a call that blocks, into a database that hangs, may hold up the end.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    console::attach();
    let cli = Cli::parse();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("no thread can be started: {error}")),
    };
    let result = run(cli, &runtime);
    // Dropped, it would wait for them without limit.
    runtime.shutdown_timeout(PATIENCE);
    match result {
        Ok(code) => code,
        Err(message) => failed(&message),
    }
}

fn run(cli: Cli, runtime: &Runtime) -> Result<ExitCode, String> {
    let result = match cli.command.unwrap_or(Command::Run(cli.run)) {
        Command::Run(args) => tray::beside(runtime, args.headless, |icon| {
            let agent = service::run(args, icon);
            runtime.block_on(agent).map_err(|error| with_causes(&error))
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
        place: tray::Place::Beside,
    };
    tray::alone(runtime, setup);
    Ok(())
}

fn failed(message: &str) -> ExitCode {
    logging::last_words(&format!("error: {message}"));
    ExitCode::FAILURE
}

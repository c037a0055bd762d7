//! `shopmaster-agent` keeps a Digible catalogue equal to a shop's product database.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use clap::Parser as _;
use shopmaster_agent::{
    args::{Cli, Command},
    autostart,
    engine::with_causes,
    service,
};

/// How long a call that blocks, into a database that hangs, may hold up the end.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("no thread can be started: {error}")),
    };
    let result = runtime.block_on(run(cli));
    // Dropped, it would wait for them without limit.
    runtime.shutdown_timeout(PATIENCE);
    match result {
        Ok(code) => code,
        Err(message) => failed(&message),
    }
}

async fn run(cli: Cli) -> Result<ExitCode, String> {
    let result = match cli.command.unwrap_or(Command::Run(cli.run)) {
        Command::Run(args) => service::run(args)
            .await
            .map_err(|error| with_causes(&error)),
        #[cfg(feature = "demo")]
        Command::Demo(args) => shopmaster_agent::demo::run(args)
            .await
            .map_err(|error| with_causes(&error)),
        #[cfg(windows)]
        Command::Service(args) => {
            shopmaster_agent::windows_service::run(args).map_err(|error| with_causes(&error))
        }
        Command::Autostart(args) => return Ok(autostart::run(&args)),
    };
    result.map(|()| ExitCode::SUCCESS)
}

fn failed(message: &str) -> ExitCode {
    // Standard error may be closed, and then nobody reads it.
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::FAILURE
}

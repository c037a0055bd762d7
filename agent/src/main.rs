//! `shopmaster-agent` keeps a Digible catalogue equal to a shop's product database.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use shopmaster_agent::{
    args::{Cli, Command},
    engine::with_causes,
    service,
};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command.unwrap_or(Command::Run(cli.run)) {
        Command::Run(args) => service::run(args)
            .await
            .map_err(|error| with_causes(&error)),
        #[cfg(feature = "demo")]
        Command::Demo(args) => shopmaster_agent::demo::run(args)
            .await
            .map_err(|error| with_causes(&error)),
    };
    let Err(message) = result else {
        return ExitCode::SUCCESS;
    };
    // Standard error may be closed, and then nobody reads it.
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::FAILURE
}

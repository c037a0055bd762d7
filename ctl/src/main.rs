//! `shopmasterctl` controls a shopMaster agent from a terminal or a script. It is a client of the agent's gRPC
//! services and nothing else.

mod agents;
mod args;
mod commands;
mod connect;
mod enums;
mod error;
mod exit;
mod fleet;
mod output;
mod prompt;
mod render;
mod settings;
mod ssh;
mod target;
mod time;

use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::{args::Cli, commands::Ctl, error::Error, exit::Exit};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    run(cli).await.into()
}

async fn run(cli: Cli) -> Exit {
    let ctl = Ctl::new(cli.target, cli.output);
    match cli.command.run(&ctl, Cli::command()).await {
        Ok(exit) => exit,
        // The reader closed the pipe: `shopmasterctl logs | head`.
        Err(error) if error.is_broken_pipe() => Exit::Done,
        Err(error) => report(&ctl, &error),
    }
}

fn report(ctl: &Ctl, error: &Error) -> Exit {
    ctl.output
        .error(error.code(), &error.message(), error.remedy(&ctl.target));
    error.exit()
}

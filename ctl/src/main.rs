//! `shopmasterctl` drives a shopMaster agent from a terminal or a script. It is a client of the
//! agent's gRPC service and nothing else.

mod args;
mod commands;
mod error;
mod exit;
mod output;
mod prompt;
mod render;
mod settings;
mod target;
mod time;
mod words;

use std::process::ExitCode;

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
    match cli.command.run(&ctl).await {
        Ok(exit) => exit,
        // Who reads us had enough: `shopmasterctl logs | head`.
        Err(error) if error.is_broken_pipe() => Exit::Done,
        Err(error) => report(&ctl, &error),
    }
}

fn report(ctl: &Ctl, error: &Error) -> Exit {
    ctl.output
        .error(error.code(), &error.message(), error.remedy(&ctl.target));
    error.exit()
}

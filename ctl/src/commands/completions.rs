//! `completions`: a completion script for a shell. It needs no agent.

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use super::Ctl;
use crate::{args::Cli, error::Error, exit::Exit};

/// For which shell.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(ctl: &Ctl, args: &Args) -> Result<Exit, Error> {
    let mut script = Vec::new();
    generate(
        args.shell,
        &mut Cli::command(),
        "shopmasterctl",
        &mut script,
    );
    ctl.output.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

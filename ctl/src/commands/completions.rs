//! `completions`: a completion script for a shell. It needs no agent.

use clap::Command;
use clap_complete::{Shell, generate};

use super::Ctl;
use crate::{error::Error, exit::Exit};

/// The shell to complete for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the shell
    shell: Shell,
}

/// Prints the script for `command`, the whole command line.
pub fn run(ctl: &Ctl, mut command: Command, args: &Args) -> Result<Exit, Error> {
    let mut script = Vec::new();
    generate(args.shell, &mut command, "shopmasterctl", &mut script);
    ctl.output.file(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

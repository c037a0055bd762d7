//! The command line as a whole: global options, and the commands.

use std::env;

use clap::Parser;

use crate::{commands::Command, exit::Exit, output::Output, target::Target};

/// Controls a shopMaster agent, which keeps Digible in sync with the shop
#[derive(Parser)]
#[command(
    name = "shopmasterctl",
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 usage error, 3 no agent, 4 `status --check` or `fleet` found an issue"
)]
pub struct Cli {
    #[command(flatten)]
    pub target: Target,
    #[command(flatten)]
    pub output: Output,
    #[command(subcommand)]
    pub command: Command,
}

/// Reads the arguments of this process, and prints usage errors, `--help` and `--version`.
pub fn parse() -> Result<Cli, Exit> {
    let problem = match Cli::try_parse() {
        Ok(cli) => return Ok(cli),
        Err(problem) => problem,
    };
    if !problem.use_stderr() {
        // Help or version. A broken pipe counts as success here, too.
        let _ = problem.print();
        return Err(Exit::Done);
    }
    // The arguments could not be parsed, so `--json` is looked for in the raw ones.
    if env::args_os().any(|argument| argument == "--json") {
        let output = Output {
            json: true,
            quiet: false,
        };
        output.error("USAGE", &first_paragraph(&problem.to_string()), None);
    } else {
        let _ = problem.print();
    }
    Err(Exit::Usage)
}

/// The error itself, without the usage that follows it.
fn first_paragraph(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or(text);
    let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
    let joined = lines.join(" ");
    joined.strip_prefix("error: ").unwrap_or(&joined).to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_work_on_both_sides_of_the_command() {
        for line in [
            ["shopmasterctl", "--json", "--quiet", "status"],
            ["shopmasterctl", "status", "--quiet", "--json"],
        ] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert!(cli.output.json && cli.output.quiet);
        }
    }

    #[test]
    fn usage_errors_are_refused() {
        for line in [
            "shopmasterctl",
            "shopmasterctl --instance A/b status",
            "shopmasterctl --agent tcp:1 status",
            "shopmasterctl status --watch --check",
            "shopmasterctl pause --for 30m --until 14:30",
            "shopmasterctl pause --for 0s",
            "shopmasterctl pause --until noon",
            "shopmasterctl parked retry",
            "shopmasterctl parked retry P1 --all",
            "shopmasterctl parked discard",
            "shopmasterctl removed forget",
            "shopmasterctl logs --lines 1001",
            "shopmasterctl configure --kind oracle",
            "shopmasterctl configure --automatic maybe",
            "shopmasterctl configure --interval soon",
            "shopmasterctl configure --show --email a@b",
            "shopmasterctl configure --stdin --sql-password-stdin",
            "shopmasterctl stop",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }

    #[test]
    fn an_error_loses_its_usage() {
        let problem = Cli::try_parse_from(["shopmasterctl", "stop"])
            .err()
            .unwrap();
        assert_eq!(
            first_paragraph(&problem.to_string()),
            "unrecognized subcommand 'stop'"
        );
    }
}

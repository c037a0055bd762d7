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

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::CommandFactory as _;
use tokio::runtime;

use crate::{args::Cli, commands::Ctl, error::Error, exit::Exit};

fn main() -> ExitCode {
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    match to_its_end(run(cli)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            // Without a runtime, there are no settings for the output either.
            let _ = writeln!(io::stderr(), "error: cannot start: {error}");
            Exit::Failed.into()
        }
    }
}

/// Runs a future to its end, and leaves behind what still waits on a thread of its own: the name service, and a person at a
/// prompt. Programs that were started, such as `ssh`, end.
///
/// # Errors
///
/// When the operating system refuses what the runtime needs.
fn to_its_end<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(future);
    // Dropped, it would wait for those threads.
    runtime.shutdown_background();
    Ok(result)
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

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    /// Longer than anything takes here.
    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn a_thread_that_waits_for_ever_keeps_nothing_from_ending() {
        // Like the name service: it answers when this is dropped, not before.
        let (name_service, answer) = mpsc::channel::<()>();
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || {
            let result = to_its_end(async move {
                tokio::task::spawn_blocking(move || answer.recv());
                tokio::task::yield_now().await;
                7
            });
            sender.send(result.unwrap()).unwrap();
        });
        assert_eq!(ended.recv_timeout(PATIENCE), Ok(7));
        drop(name_service);
    }
}

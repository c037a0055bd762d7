//! Builds both programs and runs `shopmaster-agent demo`, so that the commands that the demo prints
//! work as they stand. Arguments are passed on.

use std::{
    env,
    io::{self, Write as _},
    process::{Command, ExitCode},
};

use shopmaster_testkit::programs::Programs;

fn main() -> ExitCode {
    let programs = match Programs::build() {
        Ok(programs) => programs,
        Err(error) => return fail(&error.to_string()),
    };
    let mut demo = Command::new(&programs.agent);
    demo.arg("demo")
        .arg("--ctl")
        .arg(&programs.ctl)
        .args(env::args_os().skip(1));
    become_it(demo)
}

/// In place of this process, so that Ctrl-C and the exit code are the demo's own.
#[cfg(unix)]
fn become_it(mut demo: Command) -> ExitCode {
    use std::os::unix::process::CommandExt as _;
    let error = demo.exec();
    fail(&format!("cannot start the agent: {error}"))
}

#[cfg(not(unix))]
fn become_it(mut demo: Command) -> ExitCode {
    match demo.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => fail(&format!("cannot start the agent: {error}")),
    }
}

fn fail(message: &str) -> ExitCode {
    // Standard error may be closed, and then nobody reads it.
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::FAILURE
}

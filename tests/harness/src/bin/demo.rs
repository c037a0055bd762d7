//! Builds both programs, so that the commands that the demo prints work, and runs the demo.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use clap::Parser as _;
use shopmaster_agent::tray;
use shopmaster_base::causes::with_causes;
use shopmaster_harness::{
    demo::{self, DemoArgs},
    programs::Programs,
};
use tokio::runtime::Runtime;

/// How long blocking calls may delay the end of the process.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let args = DemoArgs::parse();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Standard error may be closed.
            let _ = writeln!(io::stderr(), "error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: DemoArgs) -> Result<(), String> {
    let programs = Programs::build().map_err(|error| with_causes(error))?;
    let runtime = Runtime::new().map_err(|error| format!("cannot start threads: {error}"))?;
    let result = tray::beside(&runtime, args.headless, |icon| {
        let demo = demo::run(args, &programs.ctl, icon);
        runtime.block_on(demo).map_err(|error| with_causes(&error))
    });
    // If it were dropped, it would wait for blocking calls without limit.
    runtime.shutdown_timeout(SHUTDOWN_GRACE);
    result
}

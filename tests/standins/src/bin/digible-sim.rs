//! `digible-sim`: the stand-in for Digible as a program.
//!
//! It listens on 127.0.0.1, prints its base URL as the first line on standard output, and ends on
//! Ctrl-C or SIGTERM. While it runs, tools set faults and read what arrived below `/_sim/`:
//!
//! ```text
//! digible-sim --port 8080 --latency 20ms &
//! curl -s 127.0.0.1:8080/_sim/counts
//! curl -s 127.0.0.1:8080/_sim/faults -d '[{"on":"batch","times":2,"kind":"refuse","status":503}]'
//! curl -s 127.0.0.1:8080/_sim/settings -d '{"latency":"0ms"}'
//! ```

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use serde_json::json;
use shopmaster_standins::{
    digible::{DigibleSim, Remember, Settings, SimOptions},
    duration,
};

/// A stand-in for Digible on 127.0.0.1 for tests and trials, which accepts only documented requests
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Args {
    /// Port to listen on; 0 lets the system choose
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Email of the only account
    #[arg(long, default_value = "shop@example.com")]
    email: String,
    /// Password of the only account
    #[arg(long, default_value = "secret")]
    password: String,
    /// How long each request takes
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = duration::parse)]
    latency: Duration,
    /// How long a token is valid
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration::parse)]
    token_lifetime: Duration,
    /// Issue tokens without the claim `exp`
    #[arg(long)]
    token_hides_end: bool,
    /// Seconds that the clock is ahead; negative if it is behind
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    clock_offset: i64,
    /// Status of the answer to an invalid token; with 200 only the body reports it
    #[arg(long, value_name = "STATUS", default_value_t = 401)]
    token_refusal: u16,
    /// Create an unknown product on update instead of answering 404
    #[arg(long)]
    upsert: bool,
    /// Keep only sums and the newest state of each product, not every request
    #[arg(long)]
    counts_only: bool,
    /// Seed of the random generator
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print the first line as JSON
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
While it runs, below `/_sim/` on the same port:
  GET  products | requests | counts | faults | settings
  POST faults    an array that replaces all faults, such as
                 [{\"on\":\"batch\",\"times\":2,\"kind\":\"refuse\",\"status\":503}]
  POST settings  an object with the settings to change, such as {\"latency\":\"20ms\"}
  POST release   release the requests that hang
  POST reset     forget products, requests, tokens and faults";

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> io::Result<()> {
    let port = args.port;
    let json = args.json;
    let sim = DigibleSim::start(options(args)).await.map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot listen on 127.0.0.1:{port}: {error}"),
        )
    })?;
    // Before the line is printed: the program that reads it may end this one at once.
    let end = end_signal()?;
    announce(&sim, json)?;
    end.await;
    Ok(())
}

fn options(args: Args) -> SimOptions {
    SimOptions {
        port: args.port,
        seed: args.seed,
        remember: if args.counts_only {
            Remember::Counts
        } else {
            Remember::Everything
        },
        settings: Settings {
            email: args.email,
            password: args.password,
            latency: args.latency,
            token_lifetime: args.token_lifetime,
            token_tells_end: !args.token_hides_end,
            clock_offset: args.clock_offset,
            token_refusal: args.token_refusal,
            upsert: args.upsert,
        },
    }
}

fn announce(sim: &DigibleSim, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        let line = json!({
            "base_url": sim.base_url(),
            "admin_url": sim.admin_url(),
            "port": sim.address().port(),
        });
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "{}", sim.base_url())?;
    }
    out.flush()
}

#[cfg(unix)]
fn end_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(windows)]
fn end_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}

//! Measures the numbers of the design and prints one table: `cargo run --release -p shopmaster-bench`. A missed target
//! is shown, but is not a failure.

use std::{
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser;
use serde_json::Value;
use shopmaster_bench::{Bench, BenchError, Figure, table};

/// Measures the numbers of the design and prints one table
#[derive(Debug, Parser)]
struct Args {
    /// Run only this bench
    #[arg(long, value_name = "NAME")]
    only: Option<Bench>,
    /// Print an array of figures instead of a table
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  caused by: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build, whose numbers mean nothing: use `cargo run --release`");
    }
    let mut figures = Vec::new();
    for bench in Bench::ALL {
        if args.only.is_some_and(|only| only != bench) {
            continue;
        }
        eprintln!("Measuring {} …", bench.name());
        let measured = match bench.measure().await {
            Err(error @ BenchError::NoEngine) if args.only.is_none() => {
                eprintln!("Skipped: {error}");
                continue;
            }
            measured => measured?.into_iter(),
        };
        figures.extend(measured.map(|figure| (bench, figure)));
    }
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", json(&figures))?;
    } else {
        write!(out, "{}", table(&figures))?;
    }
    Ok(())
}

fn json(figures: &[(Bench, Figure)]) -> Value {
    figures
        .iter()
        .map(|(bench, figure)| figure.to_json(bench.name()))
        .collect()
}

//! `logs`: the agent's log.

use std::pin::pin;

use shopmaster_proto::v1::{TailLogsRequest, TailLogsResponse};
use tokio::signal::ctrl_c;

use super::{Ctl, answer};
use crate::{
    error::Error,
    exit::Exit,
    render::{human::Text, json::LogLineJson},
};

/// How much of the log to print.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Number of past lines to print
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=1000))]
    lines: u32,
    /// Continue with new lines, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
}

/// Prints the last lines, and with `--follow` new ones until Ctrl-C.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    let mut leave = pin!(ctrl_c());
    tokio::select! {
        // First: Ctrl-C also ends `ssh`, and so the connection.
        biased;
        _ = &mut leave => Ok(Exit::Done),
        end = tail(ctl, &args) => end,
    }
}

async fn tail(ctl: &Ctl, args: &Args) -> Result<Exit, Error> {
    let mut client = ctl.connect().await?;
    let request = TailLogsRequest {
        lines: args.lines,
        follow: args.follow,
    };
    let mut stream = answer(client.agent.tail_logs(request)).await?.into_inner();
    while let Some(message) = answer(stream.message()).await? {
        print(ctl, message)?;
    }
    if args.follow {
        return Err(Error::AgentLeft);
    }
    Ok(Exit::Done)
}

fn print(ctl: &Ctl, message: TailLogsResponse) -> Result<(), Error> {
    if message.lagged {
        ctl.output
            .note("(some lines were skipped: this terminal was too slow)");
    }
    let line = message.line.clone();
    let json = LogLineJson {
        line: message.line,
        lagged: message.lagged,
    };
    ctl.output
        .show(&json, || Text::of(line.replace('\t', "    ")))
}

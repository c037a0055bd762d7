//! `pause`: stop sending for a while, or until `resume`.

use jiff::{SignedDuration, Timestamp};
use shopmaster_proto::v1::{PauseRequest, pause_request::End};

use super::{Ctl, answer, status};
use crate::{error::Error, exit::Exit, time};

/// The length or the end of the pause; without either, it lasts until `resume`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Length of the pause: 90s, 30m, 2h, 1h30m
    #[arg(long = "for", value_name = "DURATION", value_parser = time::parse_duration)]
    duration: Option<SignedDuration>,
    /// End of the pause: 14:30 in local time, or an RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = time::parse_until, conflicts_with = "duration")]
    until: Option<Timestamp>,
}

/// Pauses sending, and shows the status.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    let mut client = ctl.connect().await?;
    let request = PauseRequest { end: args.end() };
    let response = answer(client.agent.pause(request)).await?.into_inner();
    status::show(ctl, response.status.ok_or(Error::Incomplete("status"))?)?;
    if args.end().is_none() {
        let resume = ctl.target.ctl("resume");
        ctl.output.hint(&format!("run {resume} to end the pause"));
    }
    Ok(Exit::Done)
}

impl Args {
    /// The end that was given.
    pub fn end(&self) -> Option<End> {
        let until = self.until.map(|time| End::Until(time::to_proto(time)));
        let duration = self
            .duration
            .map(time::duration_to_proto)
            .map(End::Duration);
        until.or(duration)
    }
}

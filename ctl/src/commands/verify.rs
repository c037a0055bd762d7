//! `verify`: compare every product with what Digible last acknowledged, and repair.

use shopmaster_proto::v1::{RunKind, StartRunRequest};

use super::{Ctl, follow};
use crate::{error::Error, exit::Exit};

/// How to do it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Send what differs even when that is more than a tenth of the shop, and list as many as gone
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    waiting: follow::Waiting,
}

/// Runs a verify.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    let request = StartRunRequest {
        kind: RunKind::Verify.into(),
        from_start: false,
        confirmed: args.yes,
    };
    follow::start(ctl, request, &args.waiting).await
}

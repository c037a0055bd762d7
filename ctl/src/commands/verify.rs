//! `verify`: compare every product with what Digible last acknowledged, and send what differs.

use shopmaster_proto::v1::{RunKind, StartRunRequest};

use super::{Ctl, follow};
use crate::{error::Error, exit::Exit};

/// How to run the verify.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Send what differs, and list what is gone from the shop, even if it is more than a tenth of the products
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    waiting: follow::Waiting,
}

/// Starts a verify, and watches it unless `--no-wait` is given.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    let request = StartRunRequest {
        kind: RunKind::Verify.into(),
        from_start: false,
        confirmed: args.yes,
    };
    follow::start(ctl, request, &args.waiting).await
}

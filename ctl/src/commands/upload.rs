//! `upload`: send every product, in batches.

use shopmaster_proto::v1::{RunKind, StartRunRequest};

use super::{Ctl, follow};
use crate::{error::Error, exit::Exit};

/// How to do it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Start anew, even when an earlier upload did not finish
    #[arg(long)]
    from_start: bool,
    /// List more than a tenth of the products as gone from the shop, if they are
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    waiting: follow::Waiting,
}

/// Runs an upload.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    let request = StartRunRequest {
        kind: RunKind::Upload.into(),
        from_start: args.from_start,
        confirmed: args.yes,
    };
    follow::start(ctl, request, &args.waiting).await
}

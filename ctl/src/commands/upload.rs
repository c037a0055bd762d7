//! `upload`: send every product, in batches.

use shopmaster_proto::v1::{RunKind, StartRunRequest};

use super::{Ctl, follow};
use crate::{error::Error, exit::Exit};

/// How to run the upload.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Start from the beginning, even if an earlier upload did not finish
    #[arg(long)]
    from_start: bool,
    /// Allow more than a tenth of the products to be listed as gone from the shop
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    waiting: follow::Waiting,
}

/// Starts an upload, and watches it unless `--no-wait` is given.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    let request = StartRunRequest {
        kind: RunKind::Upload.into(),
        from_start: args.from_start,
        confirmed: args.yes,
    };
    follow::start(ctl, request, &args.waiting).await
}

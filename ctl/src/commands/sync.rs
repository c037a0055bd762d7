//! `sync`: send the products that changed.

use shopmaster_proto::v1::{RunKind, StartRunRequest};

use super::{Ctl, follow};
use crate::{error::Error, exit::Exit};

/// How to run the sync.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    waiting: follow::Waiting,
}

/// Starts a sync, and watches it unless `--no-wait` is given.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    let request = StartRunRequest {
        kind: RunKind::Sync.into(),
        from_start: false,
        confirmed: false,
    };
    follow::start(ctl, request, &args.waiting).await
}

//! `explain`: all that is known of one product.

use shopmaster_proto::v1::ExplainRequest;

use super::{Ctl, answer};
use crate::{
    error::Error,
    exit::Exit,
    render::{
        human::{self, Clock},
        json::ExplainJson,
    },
};

/// Which one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The product's id; after `--` when it starts with a dash
    product_id: String,
}

/// Tells it.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    let mut client = ctl.connect().await?;
    let request = ExplainRequest {
        product_id: args.product_id,
    };
    let found = answer(client.products.explain(request)).await?.into_inner();
    let text = human::product::explanation(&found, &Clock::local());
    ctl.output.show(&ExplainJson::from(found), || text)?;
    Ok(Exit::Done)
}

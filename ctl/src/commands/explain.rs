//! `explain`: everything known about one product.

use shopmaster_proto::v1::{ExplainRequest, ProductIdType};

use super::{Ctl, answer, selection::IdTypeFlag};
use crate::{
    error::Error,
    exit::Exit,
    render::{
        human::{self, Clock},
        json::ExplainJson,
    },
};

/// The product to explain.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the product; put `--` before an id that starts with a dash
    product_id: String,
    #[command(flatten)]
    named: IdTypeFlag,
}

/// Asks the agent, and prints its answer.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    let mut client = ctl.connect().await?;
    let id_type = match args.product_id.as_str() {
        // Given as an argument, it is meant.
        "" => ProductIdType::Text,
        _ => args.named.id_type(),
    };
    let request = ExplainRequest {
        product_id_type: id_type.into(),
        product_id: args.product_id,
    };
    let found = answer(client.products.explain(request)).await?.into_inner();
    let text = human::product::explanation(&found, &Clock::local());
    ctl.output.show(&ExplainJson::from(found), || text)?;
    Ok(Exit::Done)
}

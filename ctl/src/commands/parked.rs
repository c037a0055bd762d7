//! `parked`: products that Digible refuses.

use clap::Subcommand;
use shopmaster_proto::v1::{
    DiscardParkedRequest, ListParkedRequest, ParkedProduct, RetryParkedRequest,
};
use shopmaster_view::products;

use super::{Ctl, answer, selection::Selection};
use crate::{
    error::Error,
    exit::Exit,
    render::{
        human::{self, Clock},
        json::{CountJson, ParkedJson, ParkedListJson},
    },
};

/// Products in one page; the agent gives no more at once.
const PAGE: u32 = 1_000;

/// The action; without one, the products are listed.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// Also list dismissed products
    #[arg(long)]
    all: bool,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Send refused products again with the next sync
    Retry(Selection),
    /// Dismiss refused products: stop listing them until they change
    Discard(Selection),
}

/// Runs the action.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    match args.action {
        None => list(ctl, args.all).await,
        Some(Action::Retry(which)) => retry(ctl, which).await,
        Some(Action::Discard(which)) => discard(ctl, which).await,
    }?;
    Ok(Exit::Done)
}

async fn list(ctl: &Ctl, dismissed: bool) -> Result<(), Error> {
    let (parked, total) = all(ctl, dismissed).await?;
    if parked.is_empty() {
        ctl.output.note("No product is refused");
    }
    let text = human::product::parked(&parked, &Clock::local());
    let json = ParkedListJson {
        products: parked.into_iter().map(ParkedJson::from).collect(),
        total,
    };
    ctl.output.show(&json, || text)
}

async fn all(ctl: &Ctl, include_discarded: bool) -> Result<(Vec<ParkedProduct>, u64), Error> {
    let mut client = ctl.connect().await?;
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListParkedRequest {
            page_size: PAGE,
            page_token,
            include_discarded,
        };
        let page = answer(client.products.list_parked(request))
            .await?
            .into_inner();
        found.extend(page.products);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok((found, page.total));
        }
    }
}

async fn retry(ctl: &Ctl, which: Selection) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let (product_ids, all, id_type) = which.into_parts();
    let request = RetryParkedRequest {
        product_ids,
        all,
        product_id_type: id_type.into(),
    };
    let count = answer(client.products.retry_parked(request))
        .await?
        .into_inner()
        .count;
    ctl.output.show(&CountJson { count }, || {
        format!("{} will be sent again with the next sync", products(count))
    })
}

async fn discard(ctl: &Ctl, which: Selection) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let (product_ids, all, id_type) = which.into_parts();
    let request = DiscardParkedRequest {
        product_ids,
        all,
        product_id_type: id_type.into(),
    };
    let count = answer(client.products.discard_parked(request))
        .await?
        .into_inner()
        .count;
    ctl.output.show(&CountJson { count }, || {
        format!(
            "{} dismissed until they change; `shopmasterctl parked --all` lists them",
            products(count)
        )
    })
}

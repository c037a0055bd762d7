//! `removed`: products that are gone from the shop but may be at Digible.

use std::{fs, path::PathBuf};

use clap::{Subcommand, ValueEnum, ValueHint};
use shopmaster_proto::v1::{ForgetRemovedRequest, ListRemovedRequest, RemovedProduct};
use shopmaster_view::products;

use super::{Ctl, answer, selection::Selection};
use crate::{
    error::Error,
    exit::Exit,
    render::{
        csv,
        human::{self, Clock},
        json::{self, CountJson, RemovedJson, RemovedListJson},
    },
};

/// Products in one page; the agent gives no more at once.
const PAGE: u32 = 1_000;

/// The action; without one, the products are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Stop listing products, once you have deleted them at Digible
    Forget(Selection),
    /// Write the whole list to a file, or to standard output, for whoever deletes the products at Digible
    Export(Export),
}

#[derive(Debug, clap::Args)]
struct Export {
    /// The file; without it, standard output
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// The format; without it, what the file's name ends with, or CSV
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Comma-separated values (RFC 4180), with a line of names
    Csv,
    /// One JSON object
    Json,
}

/// Runs the action.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    match args.action {
        None => list(ctl).await,
        Some(Action::Forget(which)) => forget(ctl, which).await,
        Some(Action::Export(export)) => self::export(ctl, export).await,
    }?;
    Ok(Exit::Done)
}

async fn list(ctl: &Ctl) -> Result<(), Error> {
    let (removed, total) = all(ctl).await?;
    if removed.is_empty() {
        ctl.output.note("No product is gone from the shop");
    } else {
        ctl.output.hint(&format!(
            "delete them at Digible, then run {} to stop listing them",
            ctl.target.ctl("removed forget --all")
        ));
    }
    let text = human::product::removed(&removed, &Clock::local());
    let json = RemovedListJson {
        products: removed.into_iter().map(RemovedJson::from).collect(),
        total,
    };
    ctl.output.show(&json, || text)
}

async fn export(ctl: &Ctl, export: Export) -> Result<(), Error> {
    let (removed, total) = all(ctl).await?;
    let text = match export.format(ctl.output.json) {
        Format::Csv => csv::removed(&removed),
        Format::Json => {
            let products = removed.into_iter().map(RemovedJson::from).collect();
            let list = RemovedListJson { products, total };
            json::line(&list)?
        }
    };
    let Some(file) = export.file else {
        return ctl.output.file(&text);
    };
    fs::write(&file, text).map_err(|source| Error::WriteFile {
        path: file.clone(),
        source,
    })?;
    let count = CountJson { count: total };
    ctl.output.show(&count, || {
        format!("Wrote {} to {}", products(total), file.display())
    })
}

impl Export {
    /// `json`: without a file, JSON was asked for.
    fn format(&self, json: bool) -> Format {
        let is_json = |file: &PathBuf| {
            file.extension()
                .is_some_and(|it| it.eq_ignore_ascii_case("json"))
        };
        let named = match self.file.as_ref().map_or(json, is_json) {
            true => Format::Json,
            false => Format::Csv,
        };
        self.format.unwrap_or(named)
    }
}

async fn all(ctl: &Ctl) -> Result<(Vec<RemovedProduct>, u64), Error> {
    let mut client = ctl.connect().await?;
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListRemovedRequest {
            page_size: PAGE,
            page_token,
        };
        let page = answer(client.products.list_removed(request))
            .await?
            .into_inner();
        found.extend(page.products);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok((found, page.total));
        }
    }
}

async fn forget(ctl: &Ctl, which: Selection) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let (product_ids, all, id_type) = which.into_parts();
    let request = ForgetRemovedRequest {
        product_ids,
        all,
        product_id_type: id_type.into(),
    };
    let count = answer(client.products.forget_removed(request))
        .await?
        .into_inner()
        .count;
    ctl.output.show(&CountJson { count }, || {
        format!("{} no longer listed", products(count))
    })
}

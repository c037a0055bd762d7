//! The gRPC service `Products`.

use std::sync::Arc;

use shopmaster_engine::Engine;
use shopmaster_journal::Journal;
use shopmaster_product::ProductId;
use shopmaster_proto::v1;
use tonic::{Code, Request, Response, Status};

use super::{convert::product, failure, page_token::List};
use crate::supervisor::Supervisor;

/// Products on a page by default.
const PAGE: u32 = 100;
/// The remedy for a request that does not name its products.
const CHOOSE: &str = "Set either `product_ids` or `all`";
/// At most this many products are on a page.
const MOST: u32 = 1_000;

pub(super) struct Service {
    supervisor: Arc<Supervisor>,
}

impl Service {
    pub(super) fn new(supervisor: Arc<Supervisor>) -> Self {
        Self { supervisor }
    }

    /// The engine, for a call that acts on what a list has of these products.
    async fn engine(
        &self,
        list: Listed,
        ids: &[String],
        id_type: v1::ProductIdType,
    ) -> Result<Arc<Engine>, Status> {
        let engine = failure::engine(&self.supervisor).await?;
        only_one_is_listed(engine.journal(), list, ids, id_type).await?;
        Ok(engine)
    }
}

#[tonic::async_trait]
impl v1::products_server::Products for Service {
    async fn explain(
        &self,
        request: Request<v1::ExplainRequest>,
    ) -> Result<Response<v1::ExplainResponse>, Status> {
        let request = request.into_inner();
        let (id_type, asked) = (request.product_id_type(), request.product_id);
        // An empty key is one that a shop may have, if the caller says that it means one.
        if asked.is_empty() && id_type != v1::ProductIdType::Text {
            return Err(failure::invalid(
                "The request names no product",
                "Set `product_id` to the product's id",
            ));
        }
        let meanings = product::meanings(&asked, id_type);
        if meanings.is_empty() {
            return Err(no_number(&asked));
        }
        let engine = failure::engine(&self.supervisor).await?;
        if meanings.len() > 1 {
            let is_ambiguous = engine.is_ambiguous(&asked).await;
            if is_ambiguous.map_err(|error| failure::step(&error))? {
                return Err(ambiguous(&asked));
            }
        }
        let explained = engine
            .explain_one_of(meanings)
            .await
            .map_err(|error| failure::step(&error))?;
        Ok(Response::new(product::explained(&explained)))
    }

    async fn list_parked(
        &self,
        request: Request<v1::ListParkedRequest>,
    ) -> Result<Response<v1::ListParkedResponse>, Status> {
        let request = request.into_inner();
        let list = match request.include_discarded {
            true => List::ParkedAndDiscarded,
            false => List::Parked,
        };
        let after = list.after(&request.page_token)?;
        let engine = failure::engine(&self.supervisor).await?;
        let listed = engine
            .journal()
            .list_parked(after, size(request.page_size), request.include_discarded)
            .await;
        let page = listed.map_err(|error| failure::journal(&error))?;
        Ok(Response::new(v1::ListParkedResponse {
            products: page.entries.iter().map(product::parked).collect(),
            next_page_token: list.next(page.next.as_ref()),
            total: page.total,
        }))
    }

    async fn retry_parked(
        &self,
        request: Request<v1::RetryParkedRequest>,
    ) -> Result<Response<v1::RetryParkedResponse>, Status> {
        let request = request.into_inner();
        let id_type = request.product_id_type();
        let ids = chosen(&request.product_ids, request.all, id_type)?;
        let engine = self
            .engine(Listed::Parked, &request.product_ids, id_type)
            .await?;
        let retried = engine.retry_parked(ids).await;
        let count = retried.map_err(|error| failure::journal(&error))?;
        found(&request.product_ids, count)?;
        Ok(Response::new(v1::RetryParkedResponse { count }))
    }

    async fn discard_parked(
        &self,
        request: Request<v1::DiscardParkedRequest>,
    ) -> Result<Response<v1::DiscardParkedResponse>, Status> {
        let request = request.into_inner();
        let id_type = request.product_id_type();
        let ids = chosen(&request.product_ids, request.all, id_type)?;
        let engine = self
            .engine(Listed::Parked, &request.product_ids, id_type)
            .await?;
        let discarded = engine.journal().discard_parked(ids).await;
        let count = discarded.map_err(|error| failure::journal(&error))?;
        engine.refresh().await;
        found(&request.product_ids, count)?;
        Ok(Response::new(v1::DiscardParkedResponse { count }))
    }

    async fn list_removed(
        &self,
        request: Request<v1::ListRemovedRequest>,
    ) -> Result<Response<v1::ListRemovedResponse>, Status> {
        let request = request.into_inner();
        let after = List::Removed.after(&request.page_token)?;
        let engine = failure::engine(&self.supervisor).await?;
        let listed = engine
            .journal()
            .list_removed(after, size(request.page_size))
            .await;
        let page = listed.map_err(|error| failure::journal(&error))?;
        Ok(Response::new(v1::ListRemovedResponse {
            products: page.entries.iter().map(product::removed).collect(),
            next_page_token: List::Removed.next(page.next.as_ref()),
            total: page.total,
        }))
    }

    async fn forget_removed(
        &self,
        request: Request<v1::ForgetRemovedRequest>,
    ) -> Result<Response<v1::ForgetRemovedResponse>, Status> {
        let request = request.into_inner();
        let id_type = request.product_id_type();
        let ids = chosen(&request.product_ids, request.all, id_type)?;
        let engine = self
            .engine(Listed::Removed, &request.product_ids, id_type)
            .await?;
        let forgotten = engine.journal().forget_removed(ids).await;
        let count = forgotten.map_err(|error| failure::journal(&error))?;
        engine.refresh().await;
        found(&request.product_ids, count)?;
        Ok(Response::new(v1::ForgetRemovedResponse { count }))
    }
}

fn size(asked: u32) -> u32 {
    match asked {
        0 => PAGE,
        asked => asked.min(MOST),
    }
}

/// The products that a request names; none for all. Ids are text, and may stand for a number.
fn chosen(
    ids: &[String],
    all: bool,
    id_type: v1::ProductIdType,
) -> Result<Option<Vec<ProductId>>, Status> {
    match (ids.is_empty(), all) {
        (true, true) => Ok(None),
        (false, false) => {
            let mut chosen = Vec::new();
            for id in ids {
                let meanings = product::meanings(id, id_type);
                if meanings.is_empty() {
                    return Err(no_number(id));
                }
                chosen.extend(meanings);
            }
            Ok(Some(chosen))
        }
        (true, false) => Err(failure::invalid("The request names no products", CHOOSE)),
        (false, true) => Err(failure::invalid(
            "The request names products and sets `all`",
            CHOOSE,
        )),
    }
}

/// A list of products that a person acts on.
#[derive(Debug, Clone, Copy)]
enum Listed {
    Parked,
    Removed,
}

/// Fails for an id by which both a number and a text are listed: a person would act on two products, and mean one.
async fn only_one_is_listed(
    journal: &Journal,
    list: Listed,
    ids: &[String],
    id_type: v1::ProductIdType,
) -> Result<(), Status> {
    for id in ids {
        let mut listed = 0;
        for meaning in product::meanings(id, id_type) {
            let is_listed = match list {
                Listed::Parked => journal.parked(meaning).await.map(|it| it.is_some()),
                Listed::Removed => journal.removed(meaning).await.map(|it| it.is_some()),
            };
            listed += usize::from(is_listed.map_err(|error| failure::journal(&error))?);
        }
        if listed > 1 {
            return Err(ambiguous(id));
        }
    }
    Ok(())
}

fn ambiguous(id: &str) -> Status {
    failure::failure(
        Code::FailedPrecondition,
        "PRODUCT_AMBIGUOUS",
        format!("`{id}` is two products: the number {id} and the text \"{id}\""),
        "Name one of them with `--id-type number` or `--id-type text`",
    )
}

fn no_number(id: &str) -> Status {
    failure::invalid(
        &format!("`{id}` is no number that can be a product's id"),
        "Use `--id-type text`",
    )
}

/// If a request names products and none was found, the ids are probably misspelled.
fn found(ids: &[String], count: u64) -> Result<(), Status> {
    if ids.is_empty() || count > 0 {
        return Ok(());
    }
    Err(failure::failure(
        Code::NotFound,
        "PRODUCT_NOT_FOUND",
        format!("None of these products is in the list: {}", ids.join(", ")),
        "List the products with `shopmasterctl parked` or `shopmasterctl removed`",
    ))
}

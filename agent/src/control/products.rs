//! The gRPC service `Products`.

use std::sync::Arc;

use shopmaster_engine::Engine;
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
}

#[tonic::async_trait]
impl v1::products_server::Products for Service {
    async fn explain(
        &self,
        request: Request<v1::ExplainRequest>,
    ) -> Result<Response<v1::ExplainResponse>, Status> {
        let asked = request.into_inner().product_id;
        if asked.is_empty() {
            return Err(failure::invalid(
                "The request names no product",
                "Set `product_id` to the product's id",
            ));
        }
        let explained = failure::engine(&self.supervisor)
            .await?
            .explain(&asked)
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
        let ids = chosen(&request.product_ids, request.all)?;
        let retried = failure::engine(&self.supervisor)
            .await?
            .retry_parked(ids)
            .await;
        let count = retried.map_err(|error| failure::journal(&error))?;
        found(&request.product_ids, count)?;
        Ok(Response::new(v1::RetryParkedResponse { count }))
    }

    async fn discard_parked(
        &self,
        request: Request<v1::DiscardParkedRequest>,
    ) -> Result<Response<v1::DiscardParkedResponse>, Status> {
        let request = request.into_inner();
        let ids = chosen(&request.product_ids, request.all)?;
        let engine = failure::engine(&self.supervisor).await?;
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
        let ids = chosen(&request.product_ids, request.all)?;
        let engine = failure::engine(&self.supervisor).await?;
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
fn chosen(ids: &[String], all: bool) -> Result<Option<Vec<ProductId>>, Status> {
    match (ids.is_empty(), all) {
        (true, true) => Ok(None),
        (false, false) => Ok(Some(
            ids.iter().flat_map(|id| Engine::meanings(id)).collect(),
        )),
        (true, false) => Err(failure::invalid("The request names no products", CHOOSE)),
        (false, true) => Err(failure::invalid(
            "The request names products and sets `all`",
            CHOOSE,
        )),
    }
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

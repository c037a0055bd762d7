//! Requests that take effect in part, and how an answer reports that.

use std::collections::BTreeSet;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    answer::Answer,
    wire::{Call, Product, ProductId, Refusal},
};

/// The message for a product that was left out.
const WHY: &str = "price too high";

/// How an answer names the products that it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Naming {
    /// 200, `data.failed`: a list of objects.
    Failed,
    /// 200, `data.errors`: an object by id.
    Errors,
    /// 207 with a status for each product.
    MultiStatus,
    /// 200, `data.count` below what was sent; no product is named.
    Count,
    /// 200 with `success: false`, and the list.
    Unsuccessful,
}

/// The products of a request that were left out, and those that were not.
#[derive(Debug)]
pub(super) struct LeftOut {
    out: Vec<ProductId>,
    kept: Vec<ProductId>,
}

/// A batch without its second half.
pub(super) fn first_half(call: Call) -> Call {
    match call {
        Call::Batch(mut products) => {
            products.truncate(products.len() / 2);
            Call::Batch(products)
        }
        other => other,
    }
}

/// A good request without these products, if anything is left of it.
pub(super) fn split(
    call: Result<Call, Refusal>,
    without: &BTreeSet<ProductId>,
) -> (Option<Call>, LeftOut) {
    let Ok(call) = call else {
        let nothing = LeftOut {
            out: Vec::new(),
            kept: Vec::new(),
        };
        return (None, nothing);
    };
    let ids = |products: &[Product]| products.iter().map(|it| it.id.clone()).collect();
    let (out, kept): (Vec<_>, Vec<_>) = call
        .products()
        .iter()
        .cloned()
        .partition(|product| without.contains(&product.id));
    let left_out = LeftOut {
        out: ids(&out),
        kept: ids(&kept),
    };
    let rest = match call {
        Call::Batch(_) if !kept.is_empty() => Some(Call::Batch(kept)),
        _ => None,
    };
    (rest, left_out)
}

impl Naming {
    /// The answer to a request without the products that were left out.
    pub(super) fn answer(self, left: &LeftOut) -> Answer {
        let count = left.kept.len();
        let list: Vec<Value> = left
            .out
            .iter()
            .map(|id| json!({ "productId": id, "error": WHY }))
            .collect();
        match self {
            Self::Failed => success(json!({ "count": count, "failed": list })),
            Self::Errors => {
                let errors = left.out.iter().map(|id| (id.to_string(), json!(WHY)));
                let errors: serde_json::Map<_, _> = errors.collect();
                success(json!({ "count": count, "errors": errors }))
            }
            Self::MultiStatus => {
                let passed = left
                    .kept
                    .iter()
                    .map(|id| json!({ "productId": id, "status": 200 }));
                let failed = left
                    .out
                    .iter()
                    .map(|id| json!({ "productId": id, "status": 422, "message": WHY }));
                let results: Vec<Value> = passed.chain(failed).collect();
                Answer::json(StatusCode::MULTI_STATUS, &json!({ "results": results }))
            }
            Self::Count => success(json!({ "count": count })),
            Self::Unsuccessful => Answer::json(
                StatusCode::OK,
                &json!({ "success": false, "message": WHY, "data": { "failed": list } }),
            ),
        }
    }
}

fn success(data: Value) -> Answer {
    let body = json!({ "message": "success", "data": data });
    Answer::json(StatusCode::OK, &body)
}

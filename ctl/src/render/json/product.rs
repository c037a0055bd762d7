//! Single products as JSON.

use serde::Serialize;
use shopmaster_proto::v1::{
    ExplainResponse, ParkedProduct, PendingChange, RemovedProduct, ShopRow,
};

use crate::{enums::Word as _, time::rfc3339};

/// Everything known about one product.
#[derive(Debug, Serialize)]
pub struct ExplainJson {
    /// Its id in the row's own spelling, or as asked when there is no row.
    product_id: String,
    /// `number` or `text`.
    product_id_type: Option<String>,
    /// `unknown`, `equal`, `pending`, `in_doubt`, `parked`, `removed`, `never_sent` or `different`.
    state: Option<String>,
    /// The state and its reason, for people.
    text: String,
    /// The shop's row; null when there is none.
    row: Option<RowJson>,
    /// Its waiting changes, oldest first, at most 100.
    changes: Vec<ChangeJson>,
    /// Digest of the body that the row makes now; null when it makes none.
    current_digest: Option<String>,
    /// Digest of the body as last acknowledged; null when there is none.
    published_digest: Option<String>,
    /// When Digible last acknowledged it.
    acknowledged_at: Option<String>,
    /// True while the product is unconfirmed.
    in_doubt: bool,
    /// Why it is refused; null when it is not.
    parked: Option<ParkedJson>,
    /// Since when it has been gone from the shop; null when it is not.
    removed: Option<RemovedJson>,
    /// When it will be sent again after a failure; null when no attempt is planned.
    retry_at: Option<String>,
    /// The time as of which every product, including this one, was last compared; null before the first time.
    compared_at: Option<String>,
}

/// The shop's row.
#[derive(Debug, Serialize)]
struct RowJson {
    /// The id as text.
    product_id: String,
    /// The name; null when NULL.
    name: Option<String>,
    /// The price as exact decimal text; null when NULL or unreadable.
    price: Option<String>,
    /// Why the row cannot be sent; null when it can.
    problem: Option<String>,
}

/// One waiting change.
#[derive(Debug, Serialize)]
struct ChangeJson {
    /// `INSERT`, `UPDATE` or `DELETE`.
    #[serde(rename = "type")]
    kind: String,
    /// When it was made, by the database's clock.
    changed_at: Option<String>,
}

/// A refused product.
#[derive(Debug, Serialize)]
pub struct ParkedJson {
    /// Its id as text.
    product_id: String,
    /// `number` or `text`: the products 1 and "1" are two.
    product_id_type: Option<String>,
    /// Why it was refused, for people.
    reason: String,
    /// Since when, as RFC 3339 in UTC.
    since: Option<String>,
    /// Digest of the refused body.
    digest: String,
    /// True when it was dismissed.
    discarded: bool,
}

/// A product that is gone from the shop.
#[derive(Debug, Serialize)]
pub struct RemovedJson {
    /// Its id as text.
    product_id: String,
    /// `number` or `text`: the products 1 and "1" are two.
    product_id_type: Option<String>,
    /// Since when, as RFC 3339 in UTC.
    since: Option<String>,
}

/// All refused products.
#[derive(Debug, Serialize)]
pub struct ParkedListJson {
    /// By id.
    pub products: Vec<ParkedJson>,
    /// How many there are.
    pub total: u64,
}

/// All products gone from the shop.
#[derive(Debug, Serialize)]
pub struct RemovedListJson {
    /// By id.
    pub products: Vec<RemovedJson>,
    /// How many there are.
    pub total: u64,
}

/// How many products a command has changed.
#[derive(Debug, Serialize)]
pub struct CountJson {
    /// Products.
    pub count: u64,
}

impl From<ExplainResponse> for ExplainJson {
    fn from(answer: ExplainResponse) -> Self {
        Self {
            state: answer.state().word(),
            product_id_type: answer.product_id_type().word(),
            product_id: answer.product_id,
            text: answer.text,
            row: answer.row.map(RowJson::from),
            changes: answer.changes.into_iter().map(ChangeJson::from).collect(),
            current_digest: filled(answer.current_digest),
            published_digest: filled(answer.published_digest),
            acknowledged_at: rfc3339(answer.acknowledged_at),
            in_doubt: answer.in_doubt,
            parked: answer.parked.map(ParkedJson::from),
            removed: answer.removed.map(RemovedJson::from),
            retry_at: rfc3339(answer.retry_at),
            compared_at: rfc3339(answer.compared_at),
        }
    }
}

impl From<ShopRow> for RowJson {
    fn from(row: ShopRow) -> Self {
        Self {
            product_id: row.product_id,
            name: row.name,
            price: row.price,
            problem: filled(row.problem),
        }
    }
}

impl From<PendingChange> for ChangeJson {
    fn from(change: PendingChange) -> Self {
        Self {
            kind: change.r#type,
            changed_at: rfc3339(change.changed_at),
        }
    }
}

impl From<ParkedProduct> for ParkedJson {
    fn from(product: ParkedProduct) -> Self {
        Self {
            product_id_type: product.product_id_type().word(),
            product_id: product.product_id,
            reason: product.reason,
            since: rfc3339(product.since),
            digest: product.digest,
            discarded: product.discarded,
        }
    }
}

impl From<RemovedProduct> for RemovedJson {
    fn from(product: RemovedProduct) -> Self {
        Self {
            product_id_type: product.product_id_type().word(),
            product_id: product.product_id,
            since: rfc3339(product.since),
        }
    }
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shopmaster_proto::v1::{ProductIdType, ProductState};

    use super::*;

    #[test]
    fn an_explanation_has_all_of_its_keys() {
        let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let answer = ExplainResponse {
            product_id: "P1".to_owned(),
            product_id_type: ProductIdType::Text.into(),
            state: ProductState::InDoubt.into(),
            text: "its answer is not recorded".to_owned(),
            row: Some(ShopRow {
                product_id: "P1".to_owned(),
                name: Some("Soap".to_owned()),
                price: None,
                problem: "the price is NULL".to_owned(),
            }),
            changes: vec![PendingChange {
                r#type: "UPDATE".to_owned(),
                changed_at: time(1),
            }],
            current_digest: String::new(),
            published_digest: "ab".to_owned(),
            acknowledged_at: time(2),
            in_doubt: true,
            parked: Some(ParkedProduct {
                product_id: "P1".to_owned(),
                reason: "refused".to_owned(),
                since: time(3),
                digest: "cd".to_owned(),
                discarded: false,
                product_id_type: ProductIdType::Text.into(),
            }),
            removed: Some(RemovedProduct {
                product_id: "P1".to_owned(),
                since: time(4),
                product_id_type: ProductIdType::Text.into(),
            }),
            retry_at: None,
            compared_at: time(5),
        };
        assert_eq!(
            serde_json::to_value(ExplainJson::from(answer)).unwrap(),
            json!({
                "product_id": "P1",
                "product_id_type": "text",
                "state": "in_doubt",
                "text": "its answer is not recorded",
                "row": {
                    "product_id": "P1",
                    "name": "Soap",
                    "price": null,
                    "problem": "the price is NULL",
                },
                "changes": [{"type": "UPDATE", "changed_at": "1970-01-01T00:00:01Z"}],
                "current_digest": null,
                "published_digest": "ab",
                "acknowledged_at": "1970-01-01T00:00:02Z",
                "in_doubt": true,
                "parked": {
                    "product_id": "P1",
                    "product_id_type": "text",
                    "reason": "refused",
                    "since": "1970-01-01T00:00:03Z",
                    "digest": "cd",
                    "discarded": false,
                },
                "removed": {"product_id": "P1", "product_id_type": "text", "since": "1970-01-01T00:00:04Z"},
                "retry_at": null,
                "compared_at": "1970-01-01T00:00:05Z",
            })
        );
    }
}

//! Converts single products.

use shopmaster_catalog::{Change, ChangeKind};
use shopmaster_digible::Digest;
use shopmaster_engine::{Engine, Explained, ProductState};
use shopmaster_journal::{Parked, Removed};
use shopmaster_product::{ProductId, Row};
use shopmaster_proto::v1;

use super::time::timestamp;

/// At most this many changes of a product are sent.
const MOST_CHANGES: usize = 100;

pub(in crate::control) fn explained(explained: &Explained) -> v1::ExplainResponse {
    let hexadecimal = |digest: Digest| digest.to_string();
    v1::ExplainResponse {
        product_id: explained.id.to_string(),
        state: state(explained.state).into(),
        text: explained.text.clone(),
        row: explained.row.as_ref().map(row),
        changes: explained
            .changes
            .iter()
            .take(MOST_CHANGES)
            .map(change)
            .collect(),
        current_digest: explained.current.map(hexadecimal).unwrap_or_default(),
        published_digest: explained
            .known
            .published()
            .map(|digest| hexadecimal(Digest(digest)))
            .unwrap_or_default(),
        acknowledged_at: explained.known.acknowledged_at().map(timestamp),
        in_doubt: explained.known.is_in_doubt(),
        parked: explained.parked.as_ref().map(parked),
        removed: explained.removed.as_ref().map(removed),
        retry_at: explained.retry_at.map(timestamp),
        compared_at: explained.compared_at.map(timestamp),
        product_id_type: id_type(&explained.id).into(),
    }
}

/// Whether an id is a number or text.
fn id_type(id: &ProductId) -> v1::ProductIdType {
    match id {
        ProductId::Integer(_) => v1::ProductIdType::Number,
        ProductId::Text(_) => v1::ProductIdType::Text,
    }
}

/// The ids that a text may stand for.
pub(in crate::control) fn meanings(text: &str, id_type: v1::ProductIdType) -> Vec<ProductId> {
    let mut meanings = Engine::meanings(text);
    meanings.retain(|id| match id_type {
        v1::ProductIdType::Unspecified => true,
        id_type => id_type == self::id_type(id),
    });
    meanings
}

pub(in crate::control) fn parked(parked: &Parked) -> v1::ParkedProduct {
    v1::ParkedProduct {
        product_id: parked.id.to_string(),
        reason: parked.reason.clone(),
        since: Some(timestamp(parked.since)),
        digest: Digest(parked.digest).to_string(),
        discarded: parked.discarded,
        product_id_type: id_type(&parked.id).into(),
    }
}

pub(in crate::control) fn removed(removed: &Removed) -> v1::RemovedProduct {
    v1::RemovedProduct {
        product_id: removed.id.to_string(),
        since: Some(timestamp(removed.since)),
        product_id_type: id_type(&removed.id).into(),
    }
}

fn row(row: &Row) -> v1::ShopRow {
    let problem = row.name.as_ref().err().or(row.price.as_ref().err());
    v1::ShopRow {
        product_id: row.id.to_string(),
        name: row.name.as_ref().ok().cloned(),
        price: row.price.as_ref().ok().map(ToString::to_string),
        problem: problem.map(ToString::to_string).unwrap_or_default(),
    }
}

fn change(change: &Change) -> v1::PendingChange {
    v1::PendingChange {
        r#type: match change.kind {
            ChangeKind::Insert => "INSERT",
            ChangeKind::Update | ChangeKind::Unlocated => "UPDATE",
            ChangeKind::Delete => "DELETE",
        }
        .to_owned(),
        changed_at: Some(timestamp(change.changed_at)),
    }
}

fn state(state: ProductState) -> v1::ProductState {
    match state {
        ProductState::Unknown => v1::ProductState::Unknown,
        ProductState::Equal => v1::ProductState::Equal,
        ProductState::Pending => v1::ProductState::Pending,
        ProductState::InDoubt => v1::ProductState::InDoubt,
        ProductState::Parked => v1::ProductState::Parked,
        ProductState::Removed => v1::ProductState::Removed,
        ProductState::NeverSent => v1::ProductState::NeverSent,
        ProductState::Different => v1::ProductState::Different,
        ProductState::LeftOut => v1::ProductState::LeftOut,
    }
}

//! Single products as text for people.

use shopmaster_proto::v1::{ExplainResponse, ParkedProduct, ProductIdType, RemovedProduct};

use super::{Clock, Text, table};
use crate::enums::Word as _;

/// Refused products, one per line.
pub fn parked(products: &[ParkedProduct], clock: &Clock) -> Text {
    let rows: Vec<[String; 3]> = products
        .iter()
        .map(|product| {
            [
                id(&product.product_id, product.product_id_type()),
                clock.at(product.since).unwrap_or_default(),
                reason(product),
            ]
        })
        .collect();
    table::columns(&rows)
}

/// Products gone from the shop, one per line.
pub fn removed(products: &[RemovedProduct], clock: &Clock) -> Text {
    let rows: Vec<[String; 2]> = products
        .iter()
        .map(|product| {
            [
                id(&product.product_id, product.product_id_type()),
                clock.at(product.since).unwrap_or_default(),
            ]
        })
        .collect();
    table::columns(&rows)
}

/// Everything known about one product.
pub fn explanation(answer: &ExplainResponse, clock: &Clock) -> Text {
    let mut lines = vec![("shop", shop(answer))];
    if let Some(row) = answer.row.as_ref().filter(|row| !row.problem.is_empty()) {
        lines.push(("problem", row.problem.clone()));
    }
    lines.extend(answer.changes.iter().map(|change| {
        let at = clock.at(change.changed_at).unwrap_or_default();
        ("change", format!("{} {at}", change.r#type))
    }));
    // What Digible acknowledged is not recorded beyond the time when a product was listed as gone.
    let acknowledged = match (clock.at(answer.acknowledged_at), &answer.removed) {
        (Some(at), _) => Some(at),
        (None, None) => Some("never".to_owned()),
        (None, Some(_)) => None,
    };
    lines.extend(acknowledged.map(|at| ("acknowledged", at)));
    if let Some(at) = clock.at(answer.compared_at) {
        lines.push(("compared", at));
    }
    lines.extend(
        [
            ("digest now", &answer.current_digest),
            ("digest sent", &answer.published_digest),
        ]
        .into_iter()
        .filter(|(_, digest)| !digest.is_empty())
        .map(|(label, digest)| (label, digest.clone())),
    );
    if answer.in_doubt {
        lines.push(("unconfirmed", "no answer is recorded".to_owned()));
    }
    if let Some(product) = &answer.parked {
        let since = clock.at(product.since).unwrap_or_default();
        lines.push(("refused", format!("since {since}, {}", reason(product))));
    }
    if let Some(product) = &answer.removed {
        let since = clock.at(product.since).unwrap_or_default();
        lines.push(("gone", format!("since {since}")));
    }
    if let Some(at) = clock.at(answer.retry_at) {
        lines.push(("next attempt", at));
    }
    let mut text = Text::of(format!(
        "{}: {}",
        id(&answer.product_id, answer.product_id_type()),
        answer.state().plain_word()
    ));
    text.line(&answer.text);
    text.gap();
    text.with(&table::pairs(&lines))
}

/// A product's id. A text that reads like a number is another product than the number, so it stands in quotes, as does
/// one that could not be seen.
fn id(text: &str, id_type: ProductIdType) -> String {
    let is_like_a_number = id_type == ProductIdType::Text && text.parse::<i64>().is_ok();
    match is_like_a_number || text.trim().is_empty() {
        true => format!("\"{text}\""),
        false => text.to_owned(),
    }
}

fn shop(answer: &ExplainResponse) -> String {
    let Some(row) = &answer.row else {
        return "no row that is sent".to_owned();
    };
    let name = row
        .name
        .as_deref()
        .map_or_else(|| "no name".to_owned(), |name| format!("\"{name}\""));
    let price = row.price.as_deref().unwrap_or("no price");
    format!(
        "{} {name} {price}",
        id(&row.product_id, answer.product_id_type())
    )
}

fn reason(product: &ParkedProduct) -> String {
    let reason = &product.reason;
    match product.discarded {
        true => format!("{reason} (dismissed)"),
        false => reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use shopmaster_proto::v1::{PendingChange, ProductState, ShopRow};

    use super::{
        super::clock::tests::{clock, local},
        *,
    };

    #[test]
    fn an_explanation_goes_from_the_row_to_the_last_acknowledgement() {
        let answer = ExplainResponse {
            product_id: "P1".to_owned(),
            product_id_type: ProductIdType::Text.into(),
            state: ProductState::Parked.into(),
            text: "Digible refuses it".to_owned(),
            row: Some(ShopRow {
                product_id: "P1".to_owned(),
                name: Some("Soap".to_owned()),
                price: Some("1500.00".to_owned()),
                problem: String::new(),
            }),
            changes: vec![PendingChange {
                r#type: "UPDATE".to_owned(),
                changed_at: local("2026-11-21T14:20:00"),
            }],
            current_digest: "ab12".to_owned(),
            published_digest: String::new(),
            acknowledged_at: None,
            in_doubt: false,
            parked: Some(ParkedProduct {
                product_id: "P1".to_owned(),
                reason: "name too long".to_owned(),
                since: local("2026-11-20T09:00:00"),
                digest: "ab12".to_owned(),
                discarded: true,
                product_id_type: ProductIdType::Text.into(),
            }),
            removed: None,
            retry_at: None,
            compared_at: local("2026-11-21T03:10:00"),
        };
        assert_eq!(
            explanation(&answer, &clock()),
            "\
P1: refused
Digible refuses it

shop          P1 \"Soap\" 1500.00
change        UPDATE today 14:20
acknowledged  never
compared      today 03:10
digest now    ab12
refused       since yesterday 09:00, name too long (dismissed)
"
        );
        let gone = ExplainResponse {
            removed: Some(RemovedProduct {
                product_id: "P1".to_owned(),
                product_id_type: ProductIdType::Text.into(),
                since: local("2026-11-21T14:20:00"),
            }),
            ..answer
        };
        let text = explanation(&gone, &clock());
        assert!(!text.contains("acknowledged"), "{text}");
    }

    #[test]
    fn lists_are_a_line_each() {
        let product = |id: &str, id_type: ProductIdType| RemovedProduct {
            product_id: id.to_owned(),
            since: local("2026-11-20T09:00:00"),
            product_id_type: id_type.into(),
        };
        let products = [
            product("P 1", ProductIdType::Text),
            product("1", ProductIdType::Number),
            product("1", ProductIdType::Text),
            // An agent that does not tell.
            product("2", ProductIdType::Unspecified),
            product("", ProductIdType::Text),
        ];
        assert_eq!(
            removed(&products, &clock()),
            "P 1  yesterday 09:00\n1    yesterday 09:00\n\"1\"  yesterday 09:00\n2    yesterday 09:00\n\"\"   yesterday 09:00\n"
        );
    }
}

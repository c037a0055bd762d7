//! Lists as comma-separated values, for spreadsheets.

use shopmaster_proto::v1::RemovedProduct;

use crate::{enums::Word as _, time::rfc3339};

/// Products that are gone from the shop: their ids, since when, and whether the id is a number or text.
///
/// Source: RFC 4180.
pub fn removed(products: &[RemovedProduct]) -> String {
    let mut text = "product_id,since,product_id_type\r\n".to_owned();
    for product in products {
        let since = rfc3339(product.since).unwrap_or_default();
        let id_type = product.product_id_type().word().unwrap_or_default();
        text += &format!("{},{since},{id_type}\r\n", field(&product.product_id));
    }
    text
}

/// A value, in quotes where it needs them.
fn field(value: &str) -> String {
    let needs_quotes = value.contains([',', '"', '\r', '\n']) || value.trim() != value;
    match needs_quotes {
        true => format!("\"{}\"", value.replace('"', "\"\"")),
        false => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use shopmaster_proto::v1::ProductIdType;

    use super::*;

    #[test]
    fn a_value_with_a_sign_of_its_own_is_quoted() {
        let product = |id: &str| RemovedProduct {
            product_id: id.to_owned(),
            since: None,
            product_id_type: ProductIdType::Text.into(),
        };
        let products = [
            product("P1"),
            product("a,b"),
            product("6\" pipe"),
            product(" x"),
        ];
        assert_eq!(
            removed(&products),
            "product_id,since,product_id_type\r\nP1,,text\r\n\"a,b\",,text\r\n\"6\"\" pipe\",,text\r\n\" x\",,text\r\n"
        );
    }
}

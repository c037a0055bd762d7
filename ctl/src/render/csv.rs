//! Lists as comma-separated values, for spreadsheets.

use shopmaster_proto::v1::RemovedProduct;

use crate::time::rfc3339;

/// Products that are gone from the shop: their ids, and since when.
///
/// Source: RFC 4180.
pub fn removed(products: &[RemovedProduct]) -> String {
    let mut text = "product_id,since\r\n".to_owned();
    for product in products {
        let since = rfc3339(product.since).unwrap_or_default();
        text += &format!("{},{since}\r\n", field(&product.product_id));
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
    use super::*;

    #[test]
    fn a_value_with_a_sign_of_its_own_is_quoted() {
        let product = |id: &str| RemovedProduct {
            product_id: id.to_owned(),
            since: None,
        };
        let products = [
            product("P1"),
            product("a,b"),
            product("6\" pipe"),
            product(" x"),
        ];
        assert_eq!(
            removed(&products),
            "product_id,since\r\nP1,\r\n\"a,b\",\r\n\"6\"\" pipe\",\r\n\" x\",\r\n"
        );
    }
}

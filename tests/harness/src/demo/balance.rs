//! The result of the demo: how many products are the same in the shop and at the stand-in for Digible.

use shopmaster_standins::{
    digible::{DigibleSim, ProductId},
    shop::Shop,
};

use super::DemoError;

/// Compares the shop with the stand-in, product by product, and prints the result.
pub(super) fn say(shop: &Shop, digible: &DigibleSim) -> Result<(), DemoError> {
    let products = shop.all()?;
    let listings = digible.products();
    let equal = products
        .iter()
        .filter(|(id, expected)| {
            let listing = listings.get(&ProductId::from(id.as_str()));
            listing.is_some_and(|listing| {
                listing.name == expected.name && listing.price == expected.price
            })
        })
        .count();
    let gone = listings.len().saturating_sub(equal);
    let mut line = format!(
        "{} of {} up to date",
        shopmaster_view::grouped(equal as u64),
        shopmaster_view::products(products.len() as u64)
    );
    if gone > 0 && equal == products.len() {
        line.push_str(&format!(", {gone} gone from the shop and still at Digible"));
    }
    super::say(&line)?;
    match products.len() - equal {
        0 => Ok(()),
        unequal => Err(DemoError::Unequal(unequal)),
    }
}

//! How many products are equal on both sides.

use shopmaster_standins::{
    digible::{DigibleSim, ProductId},
    shop::Shop,
};

use super::DemoError;

/// Compares the shop with the stand-in, product by product, and says what came of it.
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
    let mut line = format!("{equal} of {} products equal on both sides", products.len());
    if gone > 0 && equal == products.len() {
        line.push_str(&format!(", {gone} at Digible no longer in the shop"));
    }
    super::say(&line)?;
    match products.len() - equal {
        0 => Ok(()),
        unequal => Err(DemoError::Unequal(unequal)),
    }
}

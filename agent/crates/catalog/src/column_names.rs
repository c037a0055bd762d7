//! What the name of a column says about its values.

/// What a column may say about whether a product is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Yes means that it is sold: `Active`.
    Sold,
    /// Yes means that it is not sold: `Discontinued`.
    NotSold,
    /// A value means that it is not sold: `DeletedAt`.
    Ended,
    /// A word says it: `Status`.
    Status,
}

/// What comes before the word that matters: `IsActive`, `ProductStatus`.
const BEFORE: [&str; 9] = [
    "is", "item", "product", "prod", "goods", "article", "stock", "for", "row",
];
/// What comes after it: `ActiveFlag`, `InactiveYN`.
const AFTER: [&str; 5] = ["flag", "yn", "ind", "indicator", "bit"];
const SOLD: [&str; 10] = [
    "active",
    "enabled",
    "available",
    "sellable",
    "saleable",
    "sale",
    "visible",
    "published",
    "listed",
    "online",
];
const NOT_SOLD: [&str; 18] = [
    "discontinued",
    "inactive",
    "deleted",
    "gone",
    "hidden",
    "obsolete",
    "blocked",
    "disabled",
    "archived",
    "suspended",
    "removed",
    "retired",
    "voided",
    "deactivated",
    "delisted",
    "unpublished",
    "notforsale",
    "discontinue",
];
/// What makes a day of a word such as `deleted`.
const WHEN: [&str; 6] = ["at", "on", "date", "time", "datetime", "utc"];
const STATUS: [&str; 2] = ["status", "state"];
/// What customers know a product by, the likeliest first.
const IDS: [&str; 12] = [
    "barcode",
    "ean",
    "gtin",
    "upc",
    "ean13",
    "gtin13",
    "gtin14",
    "barcodenumber",
    "sku",
    "plu",
    "code",
    "articlenumber",
];
/// How many of these are printed on the product.
const PRINTED: usize = 8;

/// What a column of this name may say about whether a product is sold.
#[must_use]
pub fn meaning(column: &str) -> Option<Meaning> {
    let name = core(column);
    let name = name.as_str();
    if SOLD.contains(&name) {
        return Some(Meaning::Sold);
    }
    if NOT_SOLD.contains(&name) {
        return Some(Meaning::NotSold);
    }
    if STATUS.contains(&name) {
        return Some(Meaning::Status);
    }
    let is_day = NOT_SOLD.iter().any(|word| {
        let after = name.strip_prefix(word);
        let before = name.strip_suffix(word);
        after.or(before).is_some_and(|rest| WHEN.contains(&rest))
    });
    is_day.then_some(Meaning::Ended)
}

/// How likely a column of this name is what customers know a product by: 0 is the likeliest.
#[must_use]
pub fn rank_of_id(column: &str) -> Option<usize> {
    let name = core(column);
    IDS.iter().position(|id| *id == name)
}

/// Whether a column of this name has what is printed on the product.
#[must_use]
pub fn is_printed(column: &str) -> bool {
    rank_of_id(column).is_some_and(|rank| rank < PRINTED)
}

/// The name in small letters, without what is said around the word that matters.
fn core(column: &str) -> String {
    let name = column.chars().filter(|c| c.is_alphanumeric());
    let name: String = name.flat_map(char::to_lowercase).collect();
    let mut name = name.as_str();
    loop {
        let before = BEFORE.iter().find_map(|it| name.strip_prefix(it));
        let after = || AFTER.iter().find_map(|it| name.strip_suffix(it));
        match before.or_else(after).filter(|rest| !rest.is_empty()) {
            Some(rest) => name = rest,
            None => return name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_sold() {
        use Meaning::{Ended, NotSold, Sold, Status};
        for (column, expected) in [
            ("Active", Some(Sold)),
            ("is_active", Some(Sold)),
            ("ProductIsActive", Some(Sold)),
            ("ActiveFlag", Some(Sold)),
            ("Enabled", Some(Sold)),
            ("ForSale", Some(Sold)),
            ("Discontinued", Some(NotSold)),
            ("Inactive", Some(NotSold)),
            ("IsDeleted", Some(NotSold)),
            ("Gone", Some(NotSold)),
            ("Obsolete", Some(NotSold)),
            ("BLOCKED", Some(NotSold)),
            ("InactiveYN", Some(NotSold)),
            ("DeletedAt", Some(Ended)),
            ("discontinued_date", Some(Ended)),
            ("DateDeleted", Some(Ended)),
            ("Status", Some(Status)),
            ("ItemStatus", Some(Status)),
            ("State", Some(Status)),
            ("Taxable", None),
            ("ActiveIngredient", None),
            ("Is", None),
            ("", None),
        ] {
            assert_eq!(meaning(column), expected, "{column}");
        }
    }

    #[test]
    fn names_say_what_customers_know_a_product_by() {
        for (column, printed, is_id) in [
            ("Barcode", true, true),
            ("EAN-13", true, true),
            ("ProductBarcode", true, true),
            ("GTIN", true, true),
            ("SKU", false, true),
            ("ItemCode", false, true),
            ("PLU", false, true),
            ("TaxCode", false, false),
            ("Title", false, false),
        ] {
            assert_eq!(is_printed(column), printed, "{column}");
            assert_eq!(rank_of_id(column).is_some(), is_id, "{column}");
        }
    }
}

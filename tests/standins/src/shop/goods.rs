//! Plausible products, the same in every run.

const WHAT: [&str; 16] = [
    "Soap",
    "Rice",
    "Coffee",
    "Tea",
    "Milk",
    "Bread",
    "Butter",
    "Sugar",
    "Pasta",
    "Apples",
    "Shampoo",
    "Candles",
    "Batteries",
    "Notebook",
    "Olive oil",
    "Honey",
];
const KIND: [&str; 9] = [
    "fine",
    "organic",
    "family pack",
    "classic",
    "fresh",
    "light",
    "premium",
    "mini",
    "crème",
];
const SIZE: [&str; 7] = [
    "100 g",
    "250 g",
    "500 g",
    "1 kg",
    "2 kg",
    "5 kg",
    "10 pieces",
];

/// The id of the product with this number, from 1 on.
pub(super) fn id(number: usize) -> String {
    format!("P{number:07}")
}

/// A name. The lists' lengths have no common divisor, so that all combinations occur.
pub(super) fn name(number: usize) -> String {
    let [what, kind, size] = [
        WHAT[number % WHAT.len()],
        KIND[number % KIND.len()],
        SIZE[number % SIZE.len()],
    ];
    format!("{what}, {kind}, {size}")
}

/// A price between 0.99 and 500 as NUMERIC(18,2) text, whole and half amounts among them.
pub(super) fn price(number: usize) -> String {
    cents(99 + (number * 7_919 % 49_901) as u64)
}

/// An amount as text with two decimals.
pub(super) fn cents(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

//! The examples of `docs/your-table.md`.

use std::collections::BTreeSet;

use super::page;

const PAGE: &str = include_str!("../../../docs/your-table.md");

/// The sections without an example, and why.
const WITHOUT: [(&str, &str); 4] = [
    ("Find your table", "a list of the other sections"),
    (
        "A synonym, or a table in another database",
        "SQLite has no such thing, and an engine that speaks T-SQL need not have it",
    ),
    (
        "Columns that are masked or encrypted, rows that a policy hides",
        "nothing can be done",
    ),
    ("Rights", "the tests have all of them"),
];

examples! {
    super::PAGE;
    which_key_to_choose: "Which key to choose",
    the_price_in_a_second_table: "The price in a second table",
    price_lists_and_currencies: "Price lists and currencies",
    a_price_with_tax: "A price with tax",
    offers_with_a_start_and_an_end: "Offers with a start and an end",
    goods_with_a_flag: "Goods with a flag",
    deleted_goods_that_stay_in_the_table: "Deleted goods that stay in the table",
    goods_with_a_status: "Goods with a status",
    several_companies_in_one_table: "Several companies in one table",
    a_key_of_several_columns: "A key of several columns",
    one_company_of_a_key_of_several_columns: "One company of a key of several columns",
    several_barcodes_of_a_product: "Several barcodes of a product",
    a_key_that_may_be_null_or_repeated: "A key that may be NULL or repeated",
    padded_keys: "Padded keys",
    a_key_of_another_type: "A key of another type",
    prices_stored_as_text: "Prices stored as text",
    prices_with_too_many_digits: "Prices with too many digits",
    padded_names: "Padded names",
    variants_that_are_named_by_their_parent: "Variants that are named by their parent",
    goods_in_two_tables: "Goods in two tables",
    from_the_table_to_a_view: "From the table to a view",
}

#[test]
fn every_section_is_tried_or_has_a_reason_why_not() {
    let sections = page::sections(PAGE);
    let with = |is_example: bool| -> BTreeSet<&str> {
        let found = sections.iter().filter(|it| it.is_example() == is_example);
        found.map(|section| section.heading.as_str()).collect()
    };
    let tried: BTreeSet<_> = HEADINGS.iter().copied().collect();
    assert_eq!(with(true), tried);
    let without: BTreeSet<_> = WITHOUT.iter().map(|(heading, _)| *heading).collect();
    assert_eq!(with(false), without);
}

/// The first words of a person who does not know the product: what to call the thing, and that it need not be changed.
#[test]
fn no_section_asks_to_alter_a_table() {
    let upper = PAGE.to_uppercase();
    for word in ["ALTER TABLE", "DROP TABLE", "ADD COLUMN"] {
        assert!(!upper.contains(word), "{word}");
    }
}

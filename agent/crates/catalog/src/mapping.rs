//! How the rows of a shop's table become products: the same for every kind of database.

use super::{Columns, condition::Condition, decimal::asked, price_text::PriceText, watch::Watch};

/// The product table, and how its rows become products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The product table, as configured.
    pub table: String,
    /// The shop's names for the columns.
    pub columns: Columns,
    /// Which rows are products that are sold: those that meet every condition.
    pub only: Vec<Condition>,
    /// The tables that a view reads, whose changes are captured.
    pub watches: Vec<Watch>,
    /// How many digits after the decimal point prices are sent with; none for as many as the column has.
    pub price_digits: Option<u8>,
    /// How prices that are text are written; none for a decimal point and nothing else.
    pub price_text: Option<PriceText>,
}

impl Mapping {
    /// This table with these columns, and nothing else set.
    #[must_use]
    pub fn new(table: impl Into<String>, columns: Columns) -> Self {
        Self {
            table: table.into(),
            columns,
            only: Vec::new(),
            watches: Vec::new(),
            price_digits: None,
            price_text: None,
        }
    }

    /// Whether rows may be left out, by a condition or by a view that is captured through the tables it reads: then
    /// a change may concern a row that is no product, and that Digible never had.
    #[must_use]
    pub fn leaves_rows_out(&self) -> bool {
        !self.only.is_empty() || !self.watches.is_empty()
    }

    /// Which rows are sold, for people: `` `Status` is 1 and `Discontinued` is 0 ``. None when all of them are.
    #[must_use]
    pub fn conditions(&self) -> Option<String> {
        let conditions: Vec<_> = self.only.iter().map(ToString::to_string).collect();
        (!conditions.is_empty()).then(|| conditions.join(" and "))
    }

    /// What the ChangeLog is about, as parts of a text: the table and its key.
    #[must_use]
    pub fn captured(&self) -> Vec<String> {
        let key = self.columns.id.identity();
        std::iter::once(self.table.clone()).chain(key).collect()
    }

    /// What decides which products are sent and how, as parts of a catalog's identity. How changes are noticed is
    /// not among them.
    #[must_use]
    pub fn identity(&self) -> Vec<String> {
        let columns = &self.columns;
        let key = columns.id.identity();
        let names = [columns.name.clone(), columns.price.clone()];
        let digits = self.price_digits.map(asked);
        let text = self.price_text.map(|text| format!("price_text={text}"));
        let only = self
            .only
            .iter()
            .map(|condition| format!("only {condition}"));
        std::iter::once(self.table.clone())
            .chain(key)
            .chain(names)
            .chain(digits)
            .chain(text)
            .chain(only)
            .collect()
    }
}

//! How many more rows than the journal the product table had when everything was last compared.

use super::{
    Journal, Result,
    meta::{EXCESS, get, set},
    uploads::compared_at,
};

/// The key of when it was counted, as in [`Journal::compared_at`].
const EXCESS_AT: &str = "excess_at";

impl Journal {
    /// How many more rows than this journal the product table had (negative for fewer) at the first count after
    /// every product was compared; none if they have not been counted since.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn row_excess(&self) -> Result<Option<i64>> {
        self.read("read the row count", |connection| {
            let at: Option<i64> = get(connection, EXCESS_AT)?;
            match at == compared_at(connection)? {
                true => get(connection, EXCESS),
                false => Ok(None),
            }
        })
        .await
    }

    /// Records how many more rows than this journal the product table has.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_row_excess(&self, excess: i64) -> Result<()> {
        self.write("record the row count", move |transaction| {
            set(transaction, EXCESS, &excess)?;
            let at = compared_at(transaction)?;
            set(transaction, EXCESS_AT, &at)
        })
        .await
    }
}

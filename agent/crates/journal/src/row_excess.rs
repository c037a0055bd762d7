//! How many rows more than the journal the product table had when everything was last compared.

use super::{
    Journal, Result,
    meta::{EXCESS, get, set},
    uploads::compared_at,
};

/// The key of when it was counted, as [`Journal::compared_at`] has it.
const EXCESS_AT: &str = "excess_at";

impl Journal {
    /// How many rows more than this journal the product table had (fewer are negative), the first time that
    /// anybody counted after every product was compared; none when nobody has since.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn row_excess(&self) -> Result<Option<i64>> {
        self.read("read how many rows there were", |connection| {
            let at: Option<i64> = get(connection, EXCESS_AT)?;
            match at == compared_at(connection)? {
                true => get(connection, EXCESS),
                false => Ok(None),
            }
        })
        .await
    }

    /// Notes how many rows more than this journal the product table has.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_row_excess(&self, excess: i64) -> Result<()> {
        self.write("note how many rows there are", move |transaction| {
            set(transaction, EXCESS, &excess)?;
            let at = compared_at(transaction)?;
            set(transaction, EXCESS_AT, &at)
        })
        .await
    }
}

//! How many changes came that only a comparison of all products can find, and how many of them were answered by one.

use super::{Journal, Result, meta};

/// The key of how many such changes came.
const CAME: &str = "unlocated";
/// The key of how many of them came before the last comparison began.
const COMPARED: &str = "unlocated_compared";

impl Journal {
    /// Records a change of a watched table that only a comparison of all products can find.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_unlocated(&self) -> Result<()> {
        self.write("record that all products must be compared", |transaction| {
            let came: i64 = meta::get(transaction, CAME)?.unwrap_or_default();
            meta::set(transaction, CAME, &(came + 1))
        })
        .await
    }

    /// How many such changes came; none when the last comparison has answered all of them.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn unlocated(&self) -> Result<Option<i64>> {
        self.read("read whether all products must be compared", |connection| {
            let came: Option<i64> = meta::get(connection, CAME)?;
            let compared: Option<i64> = meta::get(connection, COMPARED)?;
            Ok(came.filter(|_| came != compared))
        })
        .await
    }

    /// Records a comparison of all products that began when so many such changes had come.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_located(&self, came: i64) -> Result<()> {
        self.write(
            "record that all products were compared",
            move |transaction| meta::set(transaction, COMPARED, &came),
        )
        .await
    }
}

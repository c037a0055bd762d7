//! What comparing all products found, kept for as long as users need to know it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Journal, Result, meta, time};

/// The key of the stored [`Verified`].
pub(super) const VERIFIED: &str = "verified";
/// The key of the stored [`Shrank`].
pub(super) const SHRANK: &str = "shrank";

/// What the last verify found, as far as users need to know it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verified {
    /// How many changes capture missed.
    pub missed: u64,
    /// The most likely cause.
    pub cause: String,
    /// Set when more products differed than a verify sends without confirmation: none was sent.
    pub asks: Option<Asks>,
    /// Whether it was recorded before what differed was sent, by a verify that has not finished.
    #[serde(default)]
    pub is_open: bool,
    /// The last verify that compared all products; none when there was none.
    #[serde(default)]
    pub last: Option<LastVerify>,
}

/// The last verify that compared all products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastVerify {
    /// When it began.
    pub began: Timestamp,
    /// Products that differed from what Digible had acknowledged, those that were gone from the shop included.
    pub differing: u64,
}

/// What a verify asks the user about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asks {
    /// Products that differ from what Digible acknowledged.
    pub differing: u64,
    /// Products that the shop has.
    pub products: u64,
}

/// A table that returned far fewer products than it should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shrank {
    /// How many products the table did not return.
    pub missing: u64,
    /// How many products it should have returned.
    pub known: u64,
}

/// The key of when the nightly verify last started.
const RANG: &str = "verify_rang";
/// The key of whether a verify that has not ended continues in the next process.
const RESUMES: &str = "verify_resumes";

impl Journal {
    /// When the nightly verify last started, by the wall clock; none if it never has.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn verify_rang(&self) -> Result<Option<Timestamp>> {
        self.read("read when the nightly verify started", |connection| {
            Ok(meta::get(connection, RANG)?.map(time))
        })
        .await
    }

    /// Records that the nightly verify starts.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_verify_rang(&self, at: Timestamp) -> Result<()> {
        self.write(
            "record when the nightly verify started",
            move |transaction| meta::set(transaction, RANG, &at.as_millisecond()),
        )
        .await
    }

    /// Records whether a verify that has not ended restarts automatically in the next process.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn let_verify_resume(&self, resumes: bool) -> Result<()> {
        self.write(
            "record whether a verify restarts automatically",
            move |transaction| meta::set(transaction, RESUMES, &i64::from(resumes)),
        )
        .await
    }

    /// Whether a verify has not ended and restarts automatically.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn has_verify_to_resume(&self) -> Result<bool> {
        self.read(
            "look for a verify that restarts automatically",
            |connection| Ok(meta::get::<i64>(connection, RESUMES)? == Some(1)),
        )
        .await
    }

    /// What the last verify found.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn verified(&self) -> Result<Verified> {
        self.read("read what the last verify found", |connection| {
            let text: Option<String> = meta::get(connection, VERIFIED)?;
            // A record that a later version wrote counts as missing.
            Ok(text
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default())
        })
        .await
    }

    /// Records what a verify found.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_verified(&self, verified: &Verified) -> Result<()> {
        let text = serde_json::to_string(verified).ok();
        self.write("record what a verify found", move |transaction| {
            meta::set(transaction, VERIFIED, &text)
        })
        .await
    }

    /// By how much the table shrank, if that was so much that nothing was listed as gone; none if it did not.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn shrank(&self) -> Result<Option<Shrank>> {
        self.read("read whether the table shrank", |connection| {
            let text: Option<String> = meta::get(connection, SHRANK)?;
            Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
        })
        .await
    }

    /// Records that the table shrank, or that it did not.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_shrank(&self, shrank: Option<Shrank>) -> Result<()> {
        let text = shrank.and_then(|shrank| serde_json::to_string(&shrank).ok());
        self.write("record whether the table shrank", move |transaction| {
            meta::set(transaction, SHRANK, &text)
        })
        .await
    }
}

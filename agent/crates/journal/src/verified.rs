//! What comparing all products came to, for as long as people have to know it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Journal, Result, meta, time};

/// The key of [`Verified`].
pub(super) const VERIFIED: &str = "verified";
/// The key of [`Shrank`].
pub(super) const SHRANK: &str = "shrank";

/// What the last verify found, as far as a person has to look at it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verified {
    /// Changes that capture did not see.
    pub missed: u64,
    /// Why, most likely.
    pub cause: String,
    /// More products differed than are sent without a question: none was.
    pub asks: Option<Asks>,
    /// It was noted before what differed was sent, by a verify that has not come to its end.
    #[serde(default)]
    pub is_open: bool,
}

/// What a verify asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asks {
    /// Products that differ from what Digible acknowledged.
    pub differing: u64,
    /// Products that the shop has.
    pub products: u64,
}

/// A table that gave far fewer products than it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shrank {
    /// Products that the table did not give.
    pub missing: u64,
    /// Products that it should have given.
    pub known: u64,
}

/// The key of when the nightly verify last began.
const RANG: &str = "verify_rang";
/// The key of whether a verify that has not ended goes on in the next process.
const RESUMES: &str = "verify_resumes";

impl Journal {
    /// When the nightly verify last began, by the wall clock; none when it never did.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn verify_rang(&self) -> Result<Option<Timestamp>> {
        self.read("read when the nightly verify began", |connection| {
            Ok(meta::get(connection, RANG)?.map(time))
        })
        .await
    }

    /// Notes that the nightly verify begins.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_verify_rang(&self, at: Timestamp) -> Result<()> {
        self.write("note when the nightly verify began", move |transaction| {
            meta::set(transaction, RANG, &at.as_millisecond())
        })
        .await
    }

    /// Notes whether a verify that has not ended begins again by itself in the next process.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn let_verify_resume(&self, resumes: bool) -> Result<()> {
        self.write(
            "note whether a verify begins again by itself",
            move |transaction| meta::set(transaction, RESUMES, &i64::from(resumes)),
        )
        .await
    }

    /// Whether a verify has not ended and begins again by itself.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn has_verify_to_resume(&self) -> Result<bool> {
        self.read("look for a verify that begins again", |connection| {
            Ok(meta::get::<i64>(connection, RESUMES)? == Some(1))
        })
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
            // One of a later version is as good as none.
            Ok(text
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default())
        })
        .await
    }

    /// Notes what a verify found.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_verified(&self, verified: &Verified) -> Result<()> {
        let text = serde_json::to_string(verified).ok();
        self.write("note what a verify found", move |transaction| {
            meta::set(transaction, VERIFIED, &text)
        })
        .await
    }

    /// How far the table shrank, when nobody believed it; none when it did not.
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

    /// Notes that the table shrank, or that it did not.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_shrank(&self, shrank: Option<Shrank>) -> Result<()> {
        let text = shrank.and_then(|shrank| serde_json::to_string(&shrank).ok());
        self.write("note whether the table shrank", move |transaction| {
            meta::set(transaction, SHRANK, &text)
        })
        .await
    }
}

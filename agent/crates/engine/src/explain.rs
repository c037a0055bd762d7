//! Everything known about one product, from the shop's row to the last acknowledgement.

use jiff::{Timestamp, tz::TimeZone};
use shopmaster_catalog::{Change, Lookup};
use shopmaster_digible::{Digest, Item};
use shopmaster_journal::{Known, Parked, Removed};
use shopmaster_product::{Price, ProductId, Row};

use super::{engine::Engine, stop_reason::StepError};

/// Everything known about one product.
#[derive(Debug)]
pub struct Explained {
    /// As its row spells it, or as the user did.
    pub id: ProductId,
    /// Its state in one word.
    pub state: ProductState,
    /// Its state in one or two sentences.
    pub text: String,
    /// The shop's row; none when there is none, or another program keeps it locked.
    pub row: Option<Row>,
    /// Pending changes, oldest first.
    pub changes: Vec<Change>,
    /// The digest of the body that the row makes now.
    pub current: Option<Digest>,
    /// What the journal knows about it.
    pub known: Known,
    /// Why it is parked.
    pub parked: Option<Parked>,
    /// Since when it is listed as gone from the shop.
    pub removed: Option<Removed>,
    /// When it is tried again, if it waits for that.
    pub retry_at: Option<Timestamp>,
    /// As of when all products were last compared.
    pub compared_at: Option<Timestamp>,
    /// A verify has found that much differs, and waits for the user's answer.
    is_asked_about: bool,
    /// The price that its row has, where it is rounded before it is sent.
    unrounded: Option<Price>,
    /// The conditions that its row does not meet, in which case the shop does not sell it.
    left_out: Option<String>,
}

/// The state of a product in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductState {
    /// It is neither in the shop nor in the journal.
    Unknown,
    /// Digible has what the shop has.
    Equal,
    /// It waits to be sent.
    Pending,
    /// Digible may not have it as it is in the shop, because an answer is missing or an earlier request may still land.
    InDoubt,
    /// Digible refuses it, or it cannot be sent as it is.
    Parked,
    /// It is gone from the shop, and may be at Digible.
    Removed,
    /// It is in the shop, but was never sent, and no change was captured for it.
    NeverSent,
    /// It differs from what Digible acknowledged, and no change was captured for it.
    Different,
    /// The shop has it, but does not sell it, and it was never sent.
    LeftOut,
}

impl Engine {
    /// Explains the product that the user names. A number is looked up as text first, then as a number.
    ///
    /// # Errors
    ///
    /// When the database or the journal cannot be asked.
    pub async fn explain(&self, asked: &str) -> Result<Explained, StepError> {
        self.explain_one_of(Self::meanings(asked)).await
    }

    /// Whether both a number and a text exist that read like this, in the shop or in the journal.
    ///
    /// # Errors
    ///
    /// As [`explain`](Self::explain).
    pub async fn is_ambiguous(&self, asked: &str) -> Result<bool, StepError> {
        let meanings = Self::meanings(asked);
        if meanings.len() < 2 {
            return Ok(false);
        }
        let in_shop = self.core.catalog.read(&meanings).await?;
        let in_shop = in_shop.into_iter().filter_map(|lookup| match lookup {
            Lookup::Found(row) => Some(row.id),
            Lookup::LeftOut(id) => Some(id),
            Lookup::Gone | Lookup::Locked => None,
        });
        let known = self.core.journal.known(meanings.clone()).await?;
        let known = meanings
            .into_iter()
            .zip(known)
            .filter(|(_, known)| *known != Known::default());
        let existing: Vec<_> = in_shop.chain(known.map(|(id, _)| id)).collect();
        let is_number = |id: &ProductId| matches!(id, ProductId::Integer(_));
        Ok(existing.iter().any(is_number) && !existing.iter().all(is_number))
    }

    /// As [`explain`](Self::explain), for the first of these ids that exists.
    ///
    /// # Errors
    ///
    /// As [`explain`](Self::explain).
    pub async fn explain_one_of(&self, meanings: Vec<ProductId>) -> Result<Explained, StepError> {
        let lookups = self.core.catalog.read(&meanings).await?;
        let left_out = lookups.iter().find_map(|lookup| match lookup {
            Lookup::LeftOut(id) => Some(id.clone()),
            Lookup::Found(_) | Lookup::Gone | Lookup::Locked => None,
        });
        let found = meanings
            .iter()
            .zip(lookups)
            .find_map(|(key, lookup)| match lookup {
                Lookup::Found(row) => Some((key.clone(), row)),
                Lookup::Gone | Lookup::LeftOut(_) | Lookup::Locked => None,
            });
        let conditions = || self.core.catalog.conditions().unwrap_or_default();
        let unmet = (found.is_none() && left_out.is_some()).then(conditions);
        let (id, row, changes) = match found {
            // The old spelling of a key is a product of its own, so this row and its changes do not belong to it.
            Some((key, row)) if row.id != key && self.is_removed(&key).await? => {
                (key, None, Vec::new())
            }
            Some((key, row)) => {
                let changes = self.changes_of(&key).await?;
                (row.id.clone(), Some(row), changes)
            }
            None => {
                let key = match left_out {
                    Some(id) => id,
                    None => self.remembered(meanings).await?,
                };
                let changes = self.changes_of(&key).await?;
                (key, None, changes)
            }
        };
        let known = self
            .core
            .journal
            .known(vec![id.clone()])
            .await?
            .pop()
            .unwrap_or_default();
        let parked = self.core.journal.parked(id.clone()).await?;
        let removed = self.core.journal.removed(id.clone()).await?;
        let current = row
            .as_ref()
            .and_then(|row| Item::new(row).ok())
            .map(|item| item.digest);
        let retry_at = self.core.retry_queue.until(&id).and_then(|until| {
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            Timestamp::now().saturating_add(left).ok()
        });
        let mut explained = Explained {
            id,
            state: ProductState::Unknown,
            text: String::new(),
            row,
            changes,
            current,
            known,
            parked,
            removed,
            retry_at,
            compared_at: self.core.journal.compared_at().await?,
            is_asked_about: self.core.journal.verified().await?.asks.is_some(),
            left_out: unmet,
            unrounded: None,
        };
        explained.unrounded = self.unrounded(&explained).await?;
        (explained.state, explained.text) = match self.core.scans() {
            true => judge_scanned(&explained).unwrap_or_else(|| judge(&explained)),
            false => judge(&explained),
        };
        if let Some(note) = rounding(&explained) {
            explained.text = format!("{}; {note}", explained.text);
        }
        Ok(explained)
    }

    /// The price that the row has, if another one is sent.
    async fn unrounded(&self, explained: &Explained) -> Result<Option<Price>, StepError> {
        let Some(sent) = explained
            .row
            .as_ref()
            .and_then(|row| row.price.as_ref().ok())
        else {
            return Ok(None);
        };
        let price = self.core.catalog.unrounded_price(&explained.id).await?;
        Ok(price.filter(|price| !price.is_worth(*sent)))
    }

    /// The ids that the user's text may mean.
    #[must_use]
    pub fn meanings(text: &str) -> Vec<ProductId> {
        let number = text.parse().ok().map(ProductId::Integer);
        std::iter::once(ProductId::Text(text.to_owned()))
            .chain(number)
            .collect()
    }

    async fn changes_of(&self, key: &ProductId) -> Result<Vec<Change>, StepError> {
        use shopmaster_catalog::CatalogError::NotInstalled;
        if self.core.scans() {
            return Ok(Vec::new());
        }
        match self
            .core
            .catalog
            .changes_of(std::slice::from_ref(key))
            .await
        {
            Err(NotInstalled) => Ok(Vec::new()),
            result => Ok(result?),
        }
    }

    async fn is_removed(&self, id: &ProductId) -> Result<bool, StepError> {
        Ok(self.core.journal.removed(id.clone()).await?.is_some())
    }

    /// The meaning that the journal knows, or otherwise the first one.
    async fn remembered(&self, meanings: Vec<ProductId>) -> Result<ProductId, StepError> {
        let known = self.core.journal.known(meanings.clone()).await?;
        let remembered = meanings
            .iter()
            .zip(known)
            .find(|(_, known)| *known != Known::default())
            .map(|(id, _)| id.clone());
        Ok(remembered
            .or_else(|| meanings.into_iter().next())
            .unwrap_or(ProductId::Integer(0)))
    }
}

/// The states that only a walk over the table ends; none for the others.
fn judge_scanned(explained: &Explained) -> Option<(ProductState, String)> {
    let Explained {
        row,
        current,
        known,
        parked,
        removed,
        ..
    } = explained;
    if known.is_in_doubt() || (removed.is_some() && row.is_none()) {
        return None;
    }
    let text = match row {
        None if known.published().is_some() || parked.is_some() => {
            "It is no longer in the shop's table; it counts as gone from the shop after two checks, ten minutes apart"
        }
        Some(_)
            if parked.is_none() && current.is_none_or(|now| known.published() != Some(now.0)) =>
        {
            "Digible does not have it as it is in the shop; it will be sent after the next scan"
        }
        _ => return None,
    };
    Some((ProductState::Pending, text.to_owned()))
}

/// Why Digible may have something else than what it last acknowledged, and until when.
fn doubtful(explained: &Explained) -> String {
    let known = &explained.known;
    let Some(until) = known.confirmed_at() else {
        return "It was sent but no answer arrived, so it will be sent again".to_owned();
    };
    let until = shopmaster_view::clock(until, Timestamp::now(), &TimeZone::system());
    let what = match explained.row {
        Some(_) => {
            "Digible has accepted what the shop has, but an earlier request without an answer may still arrive there"
        }
        None => {
            "It is no longer in the shop, but an earlier request without an answer may still arrive at Digible"
        }
    };
    let then = match explained.row {
        Some(_) => "it will then be sent again to confirm it",
        None => "it will then be listed as gone from the shop",
    };
    format!("{what} until {until}; {then}")
}

/// The state of a product, and what it means. The order of the questions decides between states that overlap.
fn judge(explained: &Explained) -> (ProductState, String) {
    let Explained {
        row,
        changes,
        current,
        known,
        parked,
        removed,
        ..
    } = explained;
    if let Some(parked) = parked
        && row.is_some()
        && changes.is_empty()
    {
        return (
            ProductState::Parked,
            format!(
                "Refused: {}; fix the product in the shop, or run `shopmasterctl parked retry`",
                parked.reason
            ),
        );
    }
    if !changes.is_empty() {
        return (ProductState::Pending, pending(explained));
    }
    if removed.is_some()
        && let Some(conditions) = &explained.left_out
    {
        let text = format!(
            "{}, and it may still be at Digible: remove it there, then run `shopmasterctl removed forget`",
            not_sold(conditions)
        );
        return (ProductState::Removed, text);
    }
    if removed.is_some() && row.is_none() {
        let text = "It is no longer in the shop and may still be at Digible: remove it there, then run `shopmasterctl removed forget`";
        return (ProductState::Removed, text.to_owned());
    }
    if known.is_in_doubt() {
        return (ProductState::InDoubt, doubtful(explained));
    }
    if row.is_none() && known.published().is_some() {
        let text = format!(
            "It was sent, the shop no longer has it, and no change to it was captured; {}",
            compare(explained)
        );
        return (ProductState::Different, text);
    }
    if let Some(conditions) = &explained.left_out {
        let text = format!("{}, and it was never sent", not_sold(conditions));
        return (ProductState::LeftOut, text);
    }
    if row.is_none() {
        let text =
            "It is neither in the shop nor in the journal; spell ids as in the shop's database";
        return (ProductState::Unknown, text.to_owned());
    }
    match (known.published(), current) {
        (Some(published), Some(current)) if current.0 == published => (
            ProductState::Equal,
            "Digible has what the shop has".to_owned(),
        ),
        (None, _) => {
            let text = format!(
                "It was never sent and no change to it was captured; {}",
                compare(explained)
            );
            (ProductState::NeverSent, text)
        }
        _ => {
            let text = format!(
                "It differs from what Digible acknowledged and no change to it was captured; {}",
                compare(explained)
            );
            (ProductState::Different, text)
        }
    }
}

/// `its price 1.239 is sent as 1.24, because `catalog.price_digits` is 2`.
fn rounding(explained: &Explained) -> Option<String> {
    let sent = explained.row.as_ref()?.price.as_ref().ok()?;
    let price = explained.unrounded?;
    let digits = sent.scale();
    Some(format!(
        "its price {price} is sent as {sent}, because `catalog.price_digits` is {digits}"
    ))
}

fn not_sold(conditions: &str) -> String {
    format!("The shop has it, but sells only rows in which {conditions}")
}

/// What changed, and when it is sent.
fn pending(explained: &Explained) -> String {
    let waiting = match explained.retry_at {
        Some(_) => "The last attempt failed, and shopMaster retries automatically",
        None => "It will be sent with the next sync",
    };
    let what = match explained.row {
        Some(_) => "changed",
        None => "was deleted",
    };
    format!(
        "It {what} in the shop, and Digible does not have the change yet; {}",
        shopmaster_view::lower_first(waiting)
    )
}

/// What to do so that the product is compared and sent.
fn compare(explained: &Explained) -> &'static str {
    match explained.is_asked_about {
        true => {
            "a verify found that many products differ and sent none: check that it is the right database, then run `shopmasterctl verify --yes`"
        }
        false => "run `shopmasterctl verify`",
    }
}

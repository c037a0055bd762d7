//! A page is what one step works on: rows as they are now, with the changes that led to them.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use shopmaster_catalog::{Change, ChangeIdentity, ChangeKind, Lookup, Scanned};
use shopmaster_product::{Problem, ProductId, Row};

use super::{core::Core, stop_reason::StepError};

/// Where products come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The ChangeLog.
    Changes,
    /// The journal: products that are in doubt and due, or that are parked and have to be tried again.
    Due,
    /// The whole table, by key.
    Rows,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Cursor {
    /// At the beginning of the source.
    #[default]
    Start,
    /// After this change.
    Change(ChangeIdentity),
    /// After this key.
    Key(ProductId),
}

/// What one step works on.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Products that have a row, each once.
    pub(super) candidates: Vec<Candidate>,
    /// Keys that had no row at the first lookup.
    missing: Vec<Unfound>,
    /// Keys that had no row at the second lookup either.
    pub(super) gone: Vec<Gone>,
    /// Keys whose row spells them differently now.
    pub(super) respelled: Vec<ProductId>,
    /// Products whose rows another program keeps locked.
    pub(super) locked: Vec<ProductId>,
    /// Changes that concern rows that only a comparison of all products finds.
    pub(super) unlocated: Vec<ChangeIdentity>,
    /// The last key of a page of the table, after which an upload resumes.
    pub(super) last: Option<ProductId>,
    /// Where the next page begins; none at the end.
    pub(super) next: Option<Cursor>,
}

/// One product to send, if it needs sending.
#[derive(Debug)]
pub(super) struct Candidate {
    /// The row as it is now.
    pub(super) row: Row,
    /// The changes to delete once the product is dealt with.
    pub(super) changes: Vec<ChangeIdentity>,
    /// When the oldest of them was made, by the database's clock; none where there are none.
    pub(super) changed_at: Option<Timestamp>,
}

/// One key that had no row at the first lookup.
#[derive(Debug)]
struct Unfound {
    key: ProductId,
    /// Whether changes led to it.
    has_changes: bool,
}

/// One key that has no row, or whose row is not sold.
#[derive(Debug)]
pub(super) struct Gone {
    /// As the change spells it.
    pub(super) key: ProductId,
    /// The changes to delete once it is dealt with.
    pub(super) changes: Vec<ChangeIdentity>,
    /// Digible never had it, unless the journal knows of it: it was not in the shop before, or was not sold.
    pub(super) is_unsent: bool,
    /// It has a row, which is not sold.
    pub(super) is_left_out: bool,
}

impl Page {
    /// Reads one page. It may be sent only if it is read under the step lock, and before any other step begins.
    pub(super) async fn read(
        core: &Core,
        source: Source,
        from: &Cursor,
        limit: usize,
    ) -> Result<Self, StepError> {
        match source {
            Source::Changes => Self::of_changes(core, from, limit).await,
            Source::Due => Self::of_due(core, from, limit).await,
            Source::Rows => Self::of_rows(core, from, limit).await,
        }
    }

    async fn of_rows(core: &Core, from: &Cursor, limit: usize) -> Result<Self, StepError> {
        let mut rows = core.catalog.scan_past_locks(from.key(), limit).await?;
        let is_full = rows.len() == limit;
        if core.may_repeat_keys() {
            rows = once_each(rows, is_full);
        }
        let last = rows.last().map(|row| row.id().clone());
        let mut page = Self {
            next: last.clone().filter(|_| is_full).map(Cursor::Key),
            last,
            ..Self::default()
        };
        for scanned in rows {
            match scanned {
                Scanned::Row(row) => page.candidates.push(Candidate {
                    row,
                    changes: Vec::new(),
                    changed_at: None,
                }),
                Scanned::Locked(key) => page.locked.push(key),
            }
        }
        Ok(page)
    }

    async fn of_due(core: &Core, from: &Cursor, limit: usize) -> Result<Self, StepError> {
        let most = u32::try_from(limit).unwrap_or(u32::MAX);
        let keys = core.journal.due(from.key().cloned(), most).await?;
        let next = keys
            .last()
            .filter(|_| keys.len() == limit)
            .map(|key| Cursor::Key(key.clone()));
        let mut page = Self::of_keys(core, keys, HashMap::new()).await?;
        page.next = next;
        Ok(page)
    }

    async fn of_changes(core: &Core, from: &Cursor, limit: usize) -> Result<Self, StepError> {
        let after = match from {
            Cursor::Change(identity) => Some(identity),
            _ => None,
        };
        let changes = core.catalog.pending(after, limit).await?;
        let next = changes
            .last()
            .filter(|_| changes.len() == limit)
            .map(|change| Cursor::Change(change.identity.clone()));
        let (unlocated, changes) = changes
            .into_iter()
            .partition(|change| change.kind == ChangeKind::Unlocated);
        let (keys, by_key) = by_key(changes);
        let mut page = Self::of_keys(core, keys, by_key).await?;
        page.unlocated = identities(unlocated);
        page.next = next;
        Ok(page)
    }

    /// Reads the rows of keys. Two keys that find the same row make one candidate, because only the database knows
    /// which keys are equal.
    async fn of_keys(
        core: &Core,
        keys: Vec<ProductId>,
        mut changes: HashMap<ProductId, Vec<Change>>,
    ) -> Result<Self, StepError> {
        let mut page = Self::default();
        let mut places: HashMap<ProductId, usize> = HashMap::with_capacity(keys.len());
        let lookups = core.catalog.read(&keys).await?;
        for (key, lookup) in keys.into_iter().zip(lookups) {
            let changes = changes.remove(&key).unwrap_or_default();
            match lookup {
                Lookup::Found(row) => page.add(row, key, changes, &mut places),
                Lookup::LeftOut(id) => page.leave_out(id, key, identities(changes)),
                Lookup::Locked => page.locked.push(key),
                Lookup::Gone => page.missing.push(Unfound {
                    key,
                    has_changes: !changes.is_empty(),
                }),
            }
        }
        Ok(page)
    }

    /// Whether it has keys that must be looked up again.
    pub(super) fn has_missing(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Looks missing keys up again before they count as gone. The step lock under which the page is sent must be held,
    /// and all changes that the previous step dealt with must be deleted.
    pub(super) async fn look_up_missing(&mut self, core: &Core) -> Result<(), StepError> {
        let missing = std::mem::take(&mut self.missing);
        if missing.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = missing.iter().map(|missing| missing.key.clone()).collect();
        if core.scans() {
            return self.look_up_without_changes(core, keys).await;
        }
        // The changes are read first, so that a change after the lookup stays pending.
        let (_, mut all) = by_key(core.catalog.changes_of(&keys).await?);
        let lookups = core.catalog.read(&keys).await?;
        let is_whole =
            core.catalog.leaves_rows_out() && core.journal.uploaded_at().await?.is_some();
        let mut places = self.places();
        for (Unfound { key, has_changes }, lookup) in missing.into_iter().zip(lookups) {
            let changes = all.remove(&key).unwrap_or_default();
            match lookup {
                Lookup::Found(row) => self.add(row, key, changes, &mut places),
                Lookup::LeftOut(id) => self.leave_out(id, key, identities(changes)),
                Lookup::Locked => self.locked.push(key),
                // The previous step has dealt with it.
                Lookup::Gone if has_changes && changes.is_empty() => {}
                Lookup::Gone => self.gone.push(Gone {
                    key,
                    // Where rows are left out, the journal knows every product that was sent since an upload
                    // finished.
                    is_unsent: is_whole || is_new(&changes),
                    is_left_out: false,
                    changes: identities(changes),
                }),
            }
        }
        Ok(())
    }

    /// The same where no changes are captured. There, only a walk over the table finds what is gone, so a product
    /// without a row stays as it is until then.
    async fn look_up_without_changes(
        &mut self,
        core: &Core,
        keys: Vec<ProductId>,
    ) -> Result<(), StepError> {
        let lookups = core.catalog.read(&keys).await?;
        let known = core.journal.known(keys.clone()).await?;
        let mut places = self.places();
        for ((key, known), lookup) in keys.into_iter().zip(known).zip(lookups) {
            match lookup {
                Lookup::Found(row) => self.add(row, key, Vec::new(), &mut places),
                Lookup::Locked => self.locked.push(key),
                // It is listed as gone already; this only settles requests that may still have landed.
                Lookup::Gone | Lookup::LeftOut(_) if known.removed() => self.gone.push(Gone {
                    key,
                    changes: Vec::new(),
                    is_unsent: false,
                    is_left_out: matches!(lookup, Lookup::LeftOut(_)),
                }),
                Lookup::Gone | Lookup::LeftOut(_) => {}
            }
        }
        Ok(())
    }

    /// The place of each candidate, by the id in its row.
    fn places(&self) -> HashMap<ProductId, usize> {
        self.candidates
            .iter()
            .enumerate()
            .map(|(place, candidate)| (candidate.row.id.clone(), place))
            .collect()
    }

    /// Adds the row that `key` found, with the changes that led to it.
    fn add(
        &mut self,
        row: Row,
        key: ProductId,
        changes: Vec<Change>,
        places: &mut HashMap<ProductId, usize>,
    ) {
        if key != row.id {
            self.respelled.push(key);
        }
        let changed_at = changes.iter().map(|change| change.changed_at).min();
        let changes = identities(changes);
        if let Some(candidate) = places
            .get(&row.id)
            .and_then(|place| self.candidates.get_mut(*place))
        {
            candidate.changes.extend(changes);
            candidate.changed_at = candidate.changed_at.into_iter().chain(changed_at).min();
            // This row was read later, so it is newer.
            candidate.row = row;
            return;
        }
        places.insert(row.id.clone(), self.candidates.len());
        self.candidates.push(Candidate {
            row,
            changes,
            changed_at,
        });
    }

    /// Adds a product whose row is not sold. `id`: as its row spells it.
    fn leave_out(&mut self, id: ProductId, key: ProductId, changes: Vec<ChangeIdentity>) {
        if key != id {
            self.respelled.push(key);
        }
        self.gone.push(Gone {
            key: id,
            changes,
            is_unsent: true,
            is_left_out: true,
        });
    }

    /// All products that the page is about.
    pub(super) fn ids(&self) -> HashSet<ProductId> {
        let candidates = self.candidates.iter().map(|candidate| &candidate.row.id);
        candidates
            .chain(self.missing.iter().map(|missing| &missing.key))
            .chain(self.gone.iter().map(|gone| &gone.key))
            .chain(&self.respelled)
            .chain(&self.locked)
            .cloned()
            .collect()
    }
}

impl Cursor {
    fn key(&self) -> Option<&ProductId> {
        match self {
            Self::Key(key) => Some(key),
            _ => None,
        }
    }
}

/// A view may have several rows with one key, and it is unknown which one counts, so such a product cannot be sent. The
/// last key of a full page is left to the next page, because more rows with that key may follow.
fn once_each(rows: Vec<Scanned>, is_full: bool) -> Vec<Scanned> {
    let mut once: Vec<Scanned> = Vec::with_capacity(rows.len());
    for row in rows {
        match once.last_mut() {
            Some(before) if before.id() == row.id() => {
                // A locked row waits, and is found again.
                if let Scanned::Row(before) = before {
                    let problem = "several rows of the view have this key";
                    before.name = Err(Problem(problem.to_owned()));
                }
            }
            _ => once.push(row),
        }
    }
    if is_full && once.len() > 1 {
        once.pop();
    }
    once
}

/// Whether a product without a row was not in the shop before its changes. A watched table's changes say nothing of that:
/// they concern rows of the view, which may have left it long before.
fn is_new(changes: &[Change]) -> bool {
    let is_first = |kind| changes.first().is_some_and(|change| change.kind == kind);
    let is_watched = changes.iter().all(|change| change.identity.via.is_some());
    is_first(ChangeKind::Insert) || (!changes.is_empty() && is_watched)
}

/// Distinct keys in the order of their first change, and the changes of each, oldest first.
fn by_key(changes: Vec<Change>) -> (Vec<ProductId>, HashMap<ProductId, Vec<Change>>) {
    let mut keys = Vec::new();
    let mut by_key: HashMap<ProductId, Vec<Change>> = HashMap::new();
    for change in changes {
        let of_key = by_key
            .entry(change.identity.key.clone())
            .or_insert_with(|| {
                keys.push(change.identity.key.clone());
                Vec::new()
            });
        of_key.push(change);
    }
    (keys, by_key)
}

fn identities(changes: Vec<Change>) -> Vec<ChangeIdentity> {
    changes.into_iter().map(|change| change.identity).collect()
}

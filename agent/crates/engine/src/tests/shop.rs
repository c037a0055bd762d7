//! A shop in memory. Its keys ignore case, as in most SQL Server databases.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use shopmaster_catalog::{
    Adoption, Backlog, CapturePlan, CaptureStatus, Catalog, CatalogError, Change, ChangeIdentity,
    ChangeKind, Check, Drift, InstallOptions, Lookup, Owner, Result, Scanned, Via,
};
use shopmaster_digible::Item;
use shopmaster_product::{Price, Problem, ProductId, Row};

use super::id;

#[derive(Default)]
pub(super) struct FakeShop {
    table: Mutex<Table>,
    /// How often the ChangeLog was read from its beginning.
    walks: AtomicUsize,
    /// How often a page of the table was read.
    scans: AtomicUsize,
    /// How often rows were read by their keys.
    reads: AtomicUsize,
    /// How often the newest change was read.
    probes: AtomicUsize,
    /// How often it was checked whether it is available again.
    looks: AtomicUsize,
    /// How often it was called while it was unavailable.
    tries: AtomicUsize,
    /// Why every call fails.
    away: Mutex<Option<fn() -> CatalogError>>,
    /// Whether prices are rounded before they are sent.
    rounds: AtomicBool,
    /// What a check says, whatever is true; none for the truth.
    look_says: Mutex<Option<bool>>,
}

#[derive(Default)]
struct Table {
    /// Rows by the key as the database compares it.
    rows: BTreeMap<String, Row>,
    log: Vec<Change>,
    last_change: i64,
    owner: Option<Owner>,
    /// Every body that a product ever had, by its spelling.
    history: BTreeMap<ProductId, Vec<String>>,
    locked: BTreeSet<String>,
    /// Rows that do not meet the shop's conditions; none when there are no conditions.
    unsold: Option<BTreeSet<String>>,
    /// What the next acknowledgement fails with.
    failing: Option<fn() -> CatalogError>,
    missing_capture: bool,
    missing_trigger: bool,
    /// An earlier version of shopMaster installed it.
    outdated: bool,
    install_fails: bool,
    unfit_key: bool,
    /// The old program is still at work.
    old_program: bool,
    adoption_fails: bool,
    is_view: bool,
    is_hidden: bool,
    panics: bool,
    read_fails: bool,
    /// How often the table was recreated.
    rebuilt: u32,
    /// The database is an older copy of itself.
    restored: bool,
    /// How long it takes to find the newest change.
    probe_time: Duration,
}

impl FakeShop {
    /// Recreates the table, with other rows and the same triggers.
    pub(super) fn rebuild(&self, rows: &[(&str, i128)]) {
        let mut table = self.table();
        table.rows.clear();
        for (key, price) in rows {
            table.store(row(id(key), *price));
        }
        table.rebuilt += 1;
    }

    /// Puts an older copy of the database in its place, or one that only seems to be older.
    pub(super) fn restore(&self) {
        self.table().restored = true;
    }

    /// Adds a product, or changes the price of one that is there.
    pub(super) fn put(&self, key: &str, price: i128) {
        let mut table = self.table();
        let before = table.rows.get(&fold(key)).cloned();
        let kind = if before.is_some() {
            ChangeKind::Update
        } else {
            ChangeKind::Insert
        };
        let spelling = before.map_or_else(|| id(key), |row| row.id);
        table.store(row(spelling.clone(), price));
        table.note(kind, spelling);
    }

    /// Adds products without capturing the changes.
    pub(super) fn stock(&self, keys: impl IntoIterator<Item = String>, price: i128) {
        let mut table = self.table();
        for key in keys {
            table.store(row(id(&key), price));
        }
    }

    /// Writes a row as it is.
    pub(super) fn touch(&self, key: &str) {
        let mut table = self.table();
        if let Some(row) = table.rows.get(&fold(key)).cloned() {
            table.note(ChangeKind::Update, row.id);
        }
    }

    /// From now on the shop has a condition, which the row does not meet, or meets again.
    pub(super) fn sells(&self, key: &str, is_sold: bool) {
        let mut table = self.table();
        let unsold = table.unsold.get_or_insert_default();
        match is_sold {
            true => unsold.remove(&fold(key)),
            false => unsold.insert(fold(key)),
        };
    }

    /// From now on prices are rounded before they are sent.
    pub(super) fn rounds_prices(&self) {
        self.rounds.store(true, Ordering::SeqCst);
    }

    /// A watched table changes in a way that only a comparison can find.
    pub(super) fn note_unlocated(&self) {
        let mut table = self.table();
        table.note(ChangeKind::Unlocated, id(""));
    }

    /// Deletes a row without capturing the change.
    pub(super) fn lose(&self, key: &str) {
        self.table().rows.remove(&fold(key));
    }

    /// Gives a product a price that cannot be sent.
    pub(super) fn spoil(&self, key: &str) {
        self.spoil_unnoticed(key);
        let mut table = self.table();
        if let Some(id) = table.rows.get(&fold(key)).map(|row| row.id.clone()) {
            table.note(ChangeKind::Update, id);
        }
    }

    /// The same without capturing the change.
    pub(super) fn spoil_unnoticed(&self, key: &str) {
        if let Some(row) = self.table().rows.get_mut(&fold(key)) {
            row.price = Err(Problem("the price is NULL".to_owned()));
        }
    }

    /// A watched table changes by a value that is the view's key, or is said to be.
    pub(super) fn note_watched(&self, key: &str) {
        let mut table = self.table();
        table.note(ChangeKind::Update, id(key));
        if let Some(change) = table.log.last_mut() {
            change.identity.via = Some(Arc::new(Via {
                table: "Prices".to_owned(),
                key: key.to_owned(),
                unlocated: false,
            }));
        }
    }

    pub(super) fn delete(&self, key: &str) {
        let mut table = self.table();
        if let Some(row) = table.rows.remove(&fold(key)) {
            table.note(ChangeKind::Delete, row.id);
        }
    }

    /// Gives a product another key, if that is free.
    pub(super) fn rename(&self, from: &str, to: &str) {
        let mut table = self.table();
        let is_taken = fold(from) != fold(to) && table.rows.contains_key(&fold(to));
        let Some(mut row) = table.rows.get(&fold(from)).cloned() else {
            return;
        };
        if is_taken || row.id == id(to) {
            return;
        }
        table.rows.remove(&fold(from));
        table.note(ChangeKind::Delete, row.id);
        row.id = id(to);
        table.store(row);
        table.note(ChangeKind::Insert, id(to));
    }

    pub(super) fn lock(&self, key: &str) {
        self.table().locked.insert(fold(key));
    }

    pub(super) fn unlock(&self, key: &str) {
        self.table().locked.remove(&fold(key));
    }

    /// Lets reading the ChangeLog panic.
    pub(super) fn panic_when_read(&self) {
        self.table().panics = true;
    }

    /// Lets the next read of products fail.
    pub(super) fn fails_to_read(&self) {
        self.table().read_fails = true;
    }

    /// Lets acknowledgements fail from now on, or work again.
    pub(super) fn fail_with(&self, failing: Option<fn() -> CatalogError>) {
        self.table().failing = failing;
    }

    /// Puts the old program to work. Adopting it fails once.
    pub(super) fn has_old_program(&self) {
        let mut table = self.table();
        table.old_program = true;
        table.adoption_fails = true;
    }

    /// Installs capture as a user does who runs the plan's text. False when it is there.
    pub(super) fn install_by_hand(&self) -> bool {
        std::mem::take(&mut self.table().missing_capture)
    }

    /// Lets the next installation fail.
    pub(super) fn fails_to_install(&self) {
        self.table().install_fails = true;
    }

    /// Removes capture as a user does who runs the plan's text, which removes the owner, too.
    pub(super) fn remove_by_hand(&self) -> bool {
        let mut table = self.table();
        table.owner = None;
        !std::mem::replace(&mut table.missing_capture, true)
    }

    /// Drops a trigger, or creates it again.
    pub(super) fn has_trigger(&self, has: bool) {
        self.table().missing_trigger = !has;
    }

    /// Capture is as an earlier version of shopMaster installed it.
    pub(super) fn is_outdated(&self) {
        self.table().outdated = true;
    }

    /// Its key is not unique.
    pub(super) fn has_unfit_key(&self) {
        self.table().unfit_key = true;
    }

    /// It is a view, whose changes cannot be captured.
    pub(super) fn is_a_view(&self) {
        let mut table = self.table();
        table.is_view = true;
        table.missing_capture = true;
        table.log.clear();
    }

    /// Gives no rows, like a view with a wrong filter, or gives them again.
    pub(super) fn hide(&self, is_hidden: bool) {
        self.table().is_hidden = is_hidden;
    }

    /// As if the waiting changes had been made so much earlier.
    pub(super) fn make_older(&self, by: Duration) {
        for change in &mut self.table().log {
            change.changed_at -= by;
        }
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        self.table().rows.values().cloned().collect()
    }

    pub(super) fn pending(&self) -> usize {
        self.table().log.len()
    }

    pub(super) fn history(&self, id: &ProductId) -> Vec<String> {
        self.table().history.get(id).cloned().unwrap_or_default()
    }

    pub(super) fn walks(&self) -> usize {
        self.walks.load(Ordering::SeqCst)
    }

    pub(super) fn scans(&self) -> usize {
        self.scans.load(Ordering::SeqCst)
    }

    /// Makes reading the newest change slow.
    pub(super) fn is_slow_to_probe(&self, time: Duration) {
        self.table().probe_time = time;
    }

    pub(super) fn probes(&self) -> usize {
        self.probes.load(Ordering::SeqCst)
    }

    pub(super) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    /// Lets every call fail from now on, or work again.
    pub(super) fn go_away(&self, failing: Option<fn() -> CatalogError>) {
        *self.away.lock().unwrap() = failing;
    }

    /// Lets checks say the same, whatever is true.
    pub(super) fn look_says(&self, says: Option<bool>) {
        *self.look_says.lock().unwrap() = says;
    }

    pub(super) fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }

    pub(super) fn tries(&self) -> usize {
        self.tries.load(Ordering::SeqCst)
    }

    fn check_there(&self) -> Result<()> {
        match *self.away.lock().unwrap() {
            None => Ok(()),
            Some(failure) => {
                self.tries.fetch_add(1, Ordering::SeqCst);
                Err(failure())
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap()
    }
}

impl Table {
    fn store(&mut self, row: Row) {
        let bodies = self.history.entry(row.id.clone()).or_default();
        bodies.push(body(&row));
        let ProductId::Text(key) = &row.id else {
            panic!("keys are texts here");
        };
        self.rows.insert(fold(key), row);
    }

    fn note(&mut self, kind: ChangeKind, key: ProductId) {
        if self.missing_capture {
            return;
        }
        self.last_change += 1;
        self.log.push(Change {
            identity: ChangeIdentity::new(self.last_change, key),
            kind,
            changed_at: Timestamp::now(),
        });
    }

    /// shopMaster's own objects may not be read where none can be.
    fn check_captured(&self) {
        assert!(!self.is_view, "nothing of ours is in this database");
    }

    fn find(&self, id: &ProductId) -> Lookup {
        if self.is_hidden {
            return Lookup::Gone;
        }
        let key = fold(&id.to_string());
        if self.locked.contains(&key) {
            return Lookup::Locked;
        }
        match self.rows.get(&key) {
            Some(row) if self.is_unsold(&key) => Lookup::LeftOut(row.id.clone()),
            Some(row) => Lookup::Found(row.clone()),
            None => Lookup::Gone,
        }
    }

    fn is_unsold(&self, key: &str) -> bool {
        self.unsold
            .as_ref()
            .is_some_and(|unsold| unsold.contains(key))
    }
}

#[async_trait]
impl Catalog for FakeShop {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn identity(&self) -> String {
        "catalog".to_owned()
    }

    fn captured(&self) -> String {
        self.identity()
    }

    async fn claim(&self) -> Result<()> {
        self.check_there()
    }

    async fn answers(&self) -> bool {
        self.looks.fetch_add(1, Ordering::SeqCst);
        let said = *self.look_says.lock().unwrap();
        said.unwrap_or_else(|| self.away.lock().unwrap().is_none())
    }

    async fn inspect(&self) -> Result<Vec<Check>> {
        Ok(Vec::new())
    }

    async fn inspect_table(&self) -> Result<Vec<Check>> {
        Ok(Vec::new())
    }

    async fn inspect_price(&self) -> Result<Check> {
        Err(CatalogError::NotApplicable("it is not asked"))
    }

    async fn plan(&self) -> Result<CapturePlan> {
        self.check_there()?;
        if self.table().unfit_key {
            return Err(CatalogError::UnfitKey {
                table: "Products".to_owned(),
                column: "ProductID".to_owned(),
                reason: "it is not unique".to_owned(),
            });
        }
        if self.table().is_view {
            return Err(CatalogError::ScanOnly {
                table: "Products".to_owned(),
                reason: "it is a view".to_owned(),
            });
        }
        Ok(CapturePlan {
            install: String::new(),
            remove: String::new(),
        })
    }

    async fn install_with(&self, _agreed: InstallOptions) -> Result<bool> {
        self.check_there()?;
        self.plan().await?;
        let installed = self.install_by_hand();
        let updated = std::mem::take(&mut self.table().outdated);
        match std::mem::take(&mut self.table().install_fails) {
            true => Err(CatalogError::Unproven("no change".to_owned())),
            false => Ok(installed || updated),
        }
    }

    async fn remove(&self) -> Result<bool> {
        self.check_there()?;
        Ok(self.remove_by_hand())
    }

    async fn capture(&self) -> Result<CaptureStatus> {
        self.check_there()?;
        let table = self.table();
        if table.is_view {
            return Ok(CaptureStatus::ScanOnly {
                reason: "it is a view".to_owned(),
                is_installed: false,
            });
        }
        if table.outdated {
            return Ok(CaptureStatus::Outdated("the trigger is older".to_owned()));
        }
        Ok(match (table.missing_capture, table.missing_trigger) {
            (true, _) => CaptureStatus::NotInstalled,
            (false, true) => {
                CaptureStatus::Drifted(Drift::new(vec!["a trigger is missing".to_owned()]))
            }
            (false, false) => CaptureStatus::Installed,
        })
    }

    async fn adoption(&self) -> Result<Adoption> {
        let is_needed = self.table().old_program;
        Ok(Adoption {
            steps: vec![format!("the old program is there: {is_needed}")],
            is_needed,
        })
    }

    async fn adopt_with(&self, _agreed: InstallOptions) -> Result<Adoption> {
        if std::mem::take(&mut self.table().adoption_fails) {
            return Err(CatalogError::Busy("drop the old triggers"));
        }
        self.table().old_program = false;
        self.adoption().await
    }

    async fn owner(&self) -> Result<Option<Owner>> {
        self.check_there()?;
        let table = self.table();
        table.check_captured();
        Ok(table.owner.clone())
    }

    async fn set_owner(&self, owner: &Owner) -> Result<()> {
        self.check_there()?;
        let mut table = self.table();
        table.check_captured();
        if !table.missing_capture {
            table.owner = Some(owner.clone());
            table.restored = false;
        }
        Ok(())
    }

    async fn was_restored(&self) -> Result<bool> {
        Ok(self.table().restored)
    }

    async fn table_identity(&self) -> Result<Option<String>> {
        Ok(Some(self.table().rebuilt.to_string()))
    }

    async fn unrounded_price(&self, key: &ProductId) -> Result<Option<Price>> {
        // As if the column had three digits, of which two are sent.
        Ok(match self.table().find(key) {
            Lookup::Found(row) => row
                .price
                .ok()
                .and_then(|it| Price::new(it.units() * 10 + 4, 3)),
            Lookup::Gone | Lookup::LeftOut(_) | Lookup::Locked => None,
        }
        .filter(|_| self.rounds.load(Ordering::SeqCst)))
    }

    fn conditions(&self) -> Option<String> {
        Some("a = 1".to_owned())
    }

    fn leaves_rows_out(&self) -> bool {
        self.table().unsold.is_some()
    }

    async fn kept_count(&self) -> Result<Option<u64>> {
        Ok(Some(self.table().rows.len() as u64))
    }

    async fn newest_change(&self) -> Result<Option<i64>> {
        self.check_there()?;
        self.probes.fetch_add(1, Ordering::SeqCst);
        let time = self.table().probe_time;
        tokio::time::sleep(time).await;
        let table = self.table();
        table.check_captured();
        Ok(table.log.last().map(|change| change.identity.change))
    }

    async fn backlog(&self) -> Result<Backlog> {
        self.check_there()?;
        let table = self.table();
        table.check_captured();
        let keys: HashSet<_> = table.log.iter().map(|c| &c.identity.key).collect();
        Ok(Backlog {
            changes: table.log.len() as u64,
            products: keys.len() as u64,
            oldest_at: table.log.first().map(|change| change.changed_at),
            oldest_age: table.log.first().map(|change| age(change.changed_at)),
            bytes: Some(table.log.len() as u64 * 100),
        })
    }

    async fn pending(&self, after: Option<&ChangeIdentity>, limit: usize) -> Result<Vec<Change>> {
        self.check_there()?;
        if after.is_none() {
            self.walks.fetch_add(1, Ordering::SeqCst);
        }
        let panics = self.table().panics;
        assert!(!panics, "on purpose");
        let after = after.map_or(0, |identity| identity.change);
        let table = self.table();
        table.check_captured();
        let behind = table.log.iter().filter(|c| c.identity.change > after);
        Ok(behind.take(limit).cloned().collect())
    }

    async fn changes_of(&self, keys: &[ProductId]) -> Result<Vec<Change>> {
        self.check_there()?;
        let keys: BTreeSet<_> = keys.iter().map(|key| fold(&key.to_string())).collect();
        let table = self.table();
        table.check_captured();
        let theirs = table
            .log
            .iter()
            .filter(|c| keys.contains(&fold(&c.identity.key.to_string())));
        Ok(theirs.cloned().collect())
    }

    async fn read(&self, keys: &[ProductId]) -> Result<Vec<Lookup>> {
        self.check_there()?;
        let mut table = self.table();
        let found = keys.iter().map(|key| table.find(key)).collect();
        if !keys.is_empty() {
            self.reads.fetch_add(1, Ordering::SeqCst);
            if std::mem::take(&mut table.read_fails) {
                return Err(CatalogError::Busy("read products"));
            }
        }
        Ok(found)
    }

    async fn acknowledge(&self, changes: &[ChangeIdentity]) -> Result<u64> {
        self.check_there()?;
        let mut table = self.table();
        table.check_captured();
        if let Some(failure) = table.failing {
            return Err(failure());
        }
        let before = table.log.len();
        let changes: HashSet<_> = changes.iter().collect();
        table
            .log
            .retain(|change| !changes.contains(&change.identity));
        Ok((before - table.log.len()) as u64)
    }

    async fn scan(&self, after: Option<&ProductId>, limit: usize) -> Result<Vec<Row>> {
        self.check_there()?;
        self.scans.fetch_add(1, Ordering::SeqCst);
        let after = after.map(|id| fold(&id.to_string()));
        let table = self.table();
        let is_shown = |key: &str| !table.is_hidden && !table.is_unsold(key);
        let shown = table.rows.iter().filter(|(key, _)| is_shown(key));
        let behind = shown.filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after));
        Ok(behind.map(|(_, row)| row.clone()).take(limit).collect())
    }

    async fn scan_past_locks(
        &self,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<Vec<Scanned>> {
        let rows = self.scan(after, limit).await?;
        let table = self.table();
        let is_locked = |row: &Row| table.locked.contains(&fold(&row.id.to_string()));
        let scanned = rows.into_iter().map(|row| match is_locked(&row) {
            true => Scanned::Locked(row.id),
            false => Scanned::Row(row),
        });
        Ok(scanned.collect())
    }

    async fn count(&self) -> Result<u64> {
        self.check_there()?;
        Ok(self.table().rows.len() as u64)
    }
}

/// A body as Digible receives it.
pub(super) fn body(row: &Row) -> String {
    let item = Item::new(row).unwrap();
    String::from_utf8(item.body.into_vec()).unwrap()
}

/// A price as it appears in a body.
pub(super) fn priced(price: i128) -> String {
    format!("\"productPrice\":\"{}\"", Price::new(price, 2).unwrap())
}

fn row(id: ProductId, price: i128) -> Row {
    Row {
        id,
        name: Ok("Soap".to_owned()),
        price: Ok(Price::new(price, 2).unwrap()),
    }
}

fn fold(key: &str) -> String {
    key.to_lowercase()
}

/// How long ago that was, by the clock of this computer, which is the shop's, too.
fn age(at: Timestamp) -> Duration {
    Timestamp::now().duration_since(at).unsigned_abs()
}

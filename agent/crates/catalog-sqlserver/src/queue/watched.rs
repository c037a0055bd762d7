//! The ChangeLog of watched tables, and the rows of the view that its records concern.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use shopmaster_catalog::{
    CatalogError, Change, ChangeIdentity, Result, Via,
    watched::{FEW, Record, RecordId, Records, Watched},
};
use shopmaster_product::ProductId;
use tiberius::{Row, ToSql};

use super::{
    batches,
    changes::{change_id, milliseconds, timestamp},
    products::{Products, top},
    statements::{self, Locked},
};
use crate::{
    SqlServerOptions,
    change_log::LogForm,
    error::{QueryError, QueryResult, named},
    key::KeyOrNull,
    pool::Pool,
    row::number,
    session::Session,
    watches::{ViewColumn, WatchedTable, Watches},
};

const OPERATION: &str = "read the changes of watched tables";

/// The ChangeLog of the watched tables, on one session.
struct WatchedLog<'a> {
    products: Products<'a>,
    watches: Watches,
    log: LogForm,
    session: tokio::sync::Mutex<&'a mut Session>,
    /// The first keys of the records of the last page.
    firsts: Mutex<HashMap<Arc<Via>, Vec<ProductId>>>,
    /// Why the work failed: the catalog's own error does not say all of it.
    fault: Mutex<Option<QueryError>>,
}

/// Changes of the products that the watched tables' changes concern.
pub(crate) async fn pending(
    pool: &Pool,
    watched: &Watched,
    session: &mut Session,
    after: Option<&ChangeIdentity>,
    limit: usize,
) -> QueryResult<Vec<Change>> {
    let log = WatchedLog::open(pool, session).await?;
    let changes = watched.pending(&log, after, limit).await;
    log.end(changes)
}

/// The waiting changes of these products.
pub(crate) async fn of_keys(
    pool: &Pool,
    watched: &Watched,
    session: &mut Session,
    keys: &[ProductId],
) -> QueryResult<Vec<Change>> {
    let log = WatchedLog::open(pool, session).await?;
    let changes = watched.changes_of(&log, keys).await;
    log.end(changes)
}

/// Marks changes as dealt with.
pub(crate) async fn acknowledge(
    pool: &Pool,
    watched: &Watched,
    session: &mut Session,
    changes: &[ChangeIdentity],
) -> QueryResult<u64> {
    let log = WatchedLog::open(pool, session).await?;
    let waited = watched.acknowledge(&log, changes).await;
    log.end(waited)
}

/// How many of these texts are the key of a row of the view, in the columns of a watched table.
pub(crate) async fn found_in_view(
    options: &SqlServerOptions,
    session: &mut Session,
    table: Arc<crate::schema::TableSchema>,
    watched: &WatchedTable,
    texts: &[String],
) -> QueryResult<usize> {
    let products = Products::new(options, table)?;
    let mut found = 0;
    for chunk in texts.chunks(batches::most(2 * watched.columns.len())) {
        let firsts = firsts(&products, session, watched, chunk, 1, Locked::Wait).await?;
        found += firsts.iter().filter(|keys| !keys.is_empty()).count();
    }
    Ok(found)
}

impl<'a> WatchedLog<'a> {
    async fn open(pool: &'a Pool, session: &'a mut Session) -> QueryResult<Self> {
        let mapping = &pool.options.mapping;
        let table = pool.table(session).await?;
        Ok(Self {
            watches: Watches::of(mapping, &table)?,
            log: LogForm::of(mapping, &table)?,
            products: Products::new(&pool.options, table)?,
            session: tokio::sync::Mutex::new(session),
            firsts: Mutex::default(),
            fault: Mutex::default(),
        })
    }

    /// The result, with the whole reason of a failure.
    fn end<T>(self, result: Result<T>) -> QueryResult<T> {
        let fault = self
            .fault
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        result.map_err(|error| fault.unwrap_or_else(|| error.into()))
    }

    /// Keeps the reason of a failure.
    fn noted<T>(&self, result: QueryResult<T>) -> Result<T> {
        result.map_err(|fault| match fault {
            QueryError::Known(error) => error,
            fault => {
                *lock(&self.fault) = Some(fault);
                named(QueryError::TimedOut, OPERATION)
            }
        })
    }

    /// The watched table of a record; none when it is not watched any more.
    fn table(&self, via: &Via) -> Option<&WatchedTable> {
        via.table.parse().ok().and_then(|id| self.watches.get(id))
    }

    /// A page of records. A record of which another program has locked a row waits: it is passed by, and read the next
    /// time.
    async fn read_page(&self, after: Option<&RecordId>, limit: usize) -> QueryResult<Vec<Record>> {
        let mut page: Vec<Record> = Vec::new();
        let mut after = after.cloned();
        while page.len() < limit {
            let asked = limit - page.len();
            let records = self.read_records(after.as_ref(), asked).await?;
            let is_end = records.len() < asked;
            after = records.last().map(|record| record.id.clone()).or(after);
            let vias: Vec<_> = records.iter().map(|it| Arc::clone(&it.id.via)).collect();
            let found = self.read_first(&vias, FEW).await?;
            let mut firsts = lock(&self.firsts);
            for (record, found) in records.into_iter().zip(found) {
                if let Some(keys) = found {
                    firsts.insert(Arc::clone(&record.id.via), keys);
                    page.push(record);
                }
            }
            if is_end {
                break;
            }
        }
        Ok(page)
    }

    async fn read_records(
        &self,
        after: Option<&RecordId>,
        limit: usize,
    ) -> QueryResult<Vec<Record>> {
        // No change has the ChangeID 0.
        let change = after.map_or(0, |after| after.change);
        let source: i32 = after.map_or(0, |after| after.via.table.parse().unwrap_or_default());
        let key = after.map_or("", |after| after.via.key.as_str());
        let parameters: [&dyn ToSql; 4] = [&change, &source, &key, &top(limit)];
        let text = statements::pending_of_watched(&self.log.key);
        let mut session = self.session.lock().await;
        let rows = session.rows(&text, &parameters).await?;
        rows.iter().map(|row| record(row, 0)).collect()
    }

    /// The keys of the first rows that each record concerns; none where another program has locked one of them.
    async fn read_first(
        &self,
        of: &[Arc<Via>],
        limit: usize,
    ) -> QueryResult<Vec<Option<Vec<ProductId>>>> {
        let mut all = vec![Some(Vec::new()); of.len()];
        let mut session = self.session.lock().await;
        for watched in self.watches.tables() {
            let source = watched.table.object_id.to_string();
            let places: Vec<_> = (0..of.len())
                .filter(|place| of[*place].table == source)
                .collect();
            for chunk in places.chunks(batches::most(2 * watched.columns.len())) {
                let texts: Vec<_> = chunk.iter().map(|place| of[*place].key.clone()).collect();
                let found = each_first(&self.products, &mut session, watched, &texts, limit);
                for (place, keys) in chunk.iter().zip(found.await?) {
                    all[*place] = keys;
                }
            }
        }
        Ok(all)
    }

    /// The same, read with the last page or now.
    async fn known_first(&self, of: &[Arc<Via>], limit: usize) -> QueryResult<Vec<Vec<ProductId>>> {
        let known: Vec<_> = {
            let firsts = lock(&self.firsts);
            of.iter().map(|via| firsts.get(via).cloned()).collect()
        };
        if limit == FEW && known.iter().all(Option::is_some) {
            return Ok(known.into_iter().flatten().collect());
        }
        let busy = || CatalogError::Busy(OPERATION).into();
        let found = self.read_first(of, limit).await?;
        found
            .into_iter()
            .map(|keys| keys.ok_or_else(busy))
            .collect()
    }

    /// The keys of the rows that a record concerns, behind one.
    async fn read_next(
        &self,
        of: &Via,
        after: &ProductId,
        limit: usize,
    ) -> QueryResult<Vec<ProductId>> {
        let Some(watched) = self.table(of) else {
            return Ok(Vec::new());
        };
        let products = &self.products;
        let mut session = self.session.lock().await;
        let after = products.position(&mut session, after).await?;
        let text = products
            .statements
            .concerned_behind(&watched.columns, &after);
        let values = converted(&watched.columns, &of.key);
        let limit = top(limit);
        let mut parameters: Vec<&dyn ToSql> = after.parameters().collect();
        parameters.extend(values.iter().flat_map(KeyOrNull::parameters));
        parameters.push(&limit);
        let rows = session.rows(&text, &parameters).await?;
        rows.iter().map(|row| products.id(row, 0)).collect()
    }

    async fn read_concerning(&self, asked: &[ProductId]) -> QueryResult<Vec<(ProductId, Record)>> {
        let mut session = self.session.lock().await;
        let values = self.values(&mut session, asked).await?;
        let mut found = Vec::new();
        for (watched, column) in self.columns() {
            let of_column = values.iter().filter(|(_, of, _)| *of == &column.name);
            let pairs = of_column.map(|(place, _, text)| (*place, text.clone()));
            let records = self.records_of(&mut session, watched, column, pairs.collect());
            for (place, record) in records.await? {
                found.push((asked[place].clone(), record));
            }
        }
        let mut met = std::collections::HashSet::new();
        found.retain(|(id, record)| met.insert((id.clone(), record.id.clone())));
        found.sort_by_key(|(_, record)| record.id.change);
        Ok(found)
    }

    /// Every column of the view by which a table is watched, with the table.
    fn columns(&self) -> impl Iterator<Item = (&WatchedTable, &ViewColumn)> {
        let tables = self.watches.tables();
        tables.flat_map(|watched| watched.columns.iter().map(move |column| (watched, column)))
    }

    /// What the products have in the columns by which tables are watched, as text: the place of the product, the column,
    /// and the value. The view's own key is known without a row.
    async fn values(
        &self,
        session: &mut Session,
        asked: &[ProductId],
    ) -> QueryResult<Vec<(usize, &String, String)>> {
        let mut values = Vec::new();
        let mut others: Vec<&ViewColumn> = Vec::new();
        let mut own = None;
        for (_, column) in self.columns() {
            match column.is_own {
                true => own = Some(&column.name),
                false if others.iter().all(|other| other.name != column.name) => {
                    others.push(column);
                }
                false => {}
            }
        }
        let keys: Vec<_> = asked
            .iter()
            .enumerate()
            .filter_map(|(place, id)| Some((place, self.products.key.plain(id)?)))
            .collect();
        if let Some(own) = own {
            for (place, _) in &keys {
                values.push((*place, own, asked[*place].to_string()));
            }
        }
        if others.is_empty() {
            return Ok(values);
        }
        for chunk in keys.chunks(batches::most(self.products.key.width())) {
            let size = batches::size(chunk.len());
            let text = self.products.statements.watched_values(&others, size);
            let parameters: Vec<&dyn ToSql> = batches::padded(chunk)
                .flat_map(|(_, key)| key.parameters())
                .collect();
            for row in session.rows(&text, &parameters).await? {
                let n = usize::try_from(number(&row, 0)?).unwrap_or_default();
                let Some((place, _)) = n.checked_sub(1).and_then(|at| chunk.get(at)) else {
                    continue;
                };
                for (at, column) in others.iter().enumerate() {
                    if let Some(value) = column.key.read(&row, at + 1)? {
                        values.push((*place, &column.name, value.to_string()));
                    }
                }
            }
        }
        Ok(values)
    }

    /// The records of a watched table whose keys are these values of a column.
    async fn records_of(
        &self,
        session: &mut Session,
        watched: &WatchedTable,
        column: &ViewColumn,
        pairs: Vec<(usize, String)>,
    ) -> QueryResult<Vec<(usize, Record)>> {
        let source = watched.table.object_id;
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, text) in pairs {
            let places = places.entry(text).or_default();
            if !places.contains(&place) {
                places.push(place);
            }
        }
        let texts: Vec<_> = places.keys().cloned().collect();
        let mut found = Vec::new();
        for chunk in texts.chunks(batches::most(2)) {
            let size = batches::size(chunk.len());
            let text = statements::records_of(source, &column.key, &self.log.key, size);
            let mut values: Vec<_> = chunk
                .iter()
                .map(|text| self.in_log(watched, text))
                .collect();
            values.resize(size, KeyOrNull::null(&self.log.key));
            let parameters: Vec<_> = values.iter().flat_map(KeyOrNull::parameters).collect();
            for row in session.rows(&text, &parameters).await? {
                let n = usize::try_from(number(&row, 0)?).unwrap_or_default();
                let Some(text) = n.checked_sub(1).and_then(|at| chunk.get(at)) else {
                    continue;
                };
                let record = record(&row, 1)?;
                for place in places.get(text).into_iter().flatten() {
                    found.push((*place, record.clone()));
                }
            }
        }
        Ok(found)
    }

    /// A value of the view as the ChangeLog has it.
    fn in_log(&self, watched: &WatchedTable, text: &str) -> KeyOrNull {
        // Numbers and GUIDs have one spelling there.
        let text = match watched.key.is_text() {
            true => Some(text.to_owned()),
            false => {
                let value = watched.key.converted(text);
                value.map(|value| ProductId::from(value).to_string().to_uppercase())
            }
        };
        let key = text.and_then(|text| self.log.key.parameter(&ProductId::Text(text)));
        key.map_or_else(|| KeyOrNull::null(&self.log.key), KeyOrNull::new)
    }

    async fn delete(&self, records: &[RecordId]) -> QueryResult<()> {
        let key = &self.log.key;
        let mut session = self.session.lock().await;
        let all: Vec<_> = records
            .iter()
            .filter_map(|record| {
                let source: i32 = record.via.table.parse().ok()?;
                Some((record.change, source, record.via.key.as_str()))
            })
            .collect();
        for chunk in all.chunks(batches::MAX_KEYS) {
            let parameters: Vec<&dyn ToSql> = batches::padded(chunk)
                .flat_map(|(change, source, key)| [change as &dyn ToSql, source, key])
                .collect();
            let text = statements::acknowledge_watched(key, batches::size(chunk.len()));
            session.write(&text, &parameters).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Records for WatchedLog<'_> {
    async fn page(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Record>> {
        self.noted(self.read_page(after, limit).await)
    }

    fn own(&self, via: &Via) -> Option<ProductId> {
        let watched = self.table(via).filter(|watched| watched.is_own())?;
        watched.columns.first()?;
        self.products.key.converted(&via.key)
    }

    async fn first(&self, of: &[Arc<Via>], limit: usize) -> Result<Vec<Vec<ProductId>>> {
        self.noted(self.known_first(of, limit).await)
    }

    async fn next(&self, of: &Via, after: &ProductId, limit: usize) -> Result<Vec<ProductId>> {
        self.noted(self.read_next(of, after, limit).await)
    }

    async fn concerning(&self, products: &[ProductId]) -> Result<Vec<(ProductId, Record)>> {
        self.noted(self.read_concerning(products).await)
    }

    async fn settle(&self, records: &[RecordId]) -> Result<()> {
        self.noted(self.delete(records).await)
    }
}

/// The keys of the first rows that have each of these texts as a value, in the columns of a watched table; none where
/// another program has locked one of the rows. Where a row cannot be computed, there are no keys: it is found by its own
/// key, or by a comparison of all products.
async fn each_first(
    products: &Products<'_>,
    session: &mut Session,
    watched: &WatchedTable,
    texts: &[String],
    limit: usize,
) -> QueryResult<Vec<Option<Vec<ProductId>>>> {
    match firsts(products, session, watched, texts, limit, Locked::Wait).await {
        Err(fault) if fault.is_lock_timeout() || fault.is_of_a_row() => {}
        found => return Ok(found?.into_iter().map(Some).collect()),
    }
    let mut all = Vec::with_capacity(texts.len());
    for text in texts.chunks(1) {
        let alone = firsts(products, session, watched, text, limit, Locked::Fail).await;
        all.push(match alone {
            Err(fault) if fault.is_lock_timeout() => None,
            Err(fault) if fault.is_of_a_row() => Some(Vec::new()),
            alone => alone?.pop(),
        });
    }
    // If the lock timeout is not reset automatically, no other call must find the changed one.
    session.retire();
    Ok(all)
}

/// The keys of the first rows that have each of these texts as a value, in the columns of a watched table.
async fn firsts(
    products: &Products<'_>,
    session: &mut Session,
    watched: &WatchedTable,
    texts: &[String],
    limit: usize,
    locked: Locked,
) -> QueryResult<Vec<Vec<ProductId>>> {
    let size = batches::size(texts.len());
    let text = products
        .statements
        .concerned(&watched.columns, size, locked);
    let mut values: Vec<_> = texts
        .iter()
        .flat_map(|text| converted(&watched.columns, text))
        .collect();
    let limit = top(limit);
    let missing = (texts.len()..size).flat_map(|_| &watched.columns);
    values.extend(missing.map(|column| KeyOrNull::null(&column.key)));
    let mut parameters: Vec<&dyn ToSql> = values.iter().flat_map(KeyOrNull::parameters).collect();
    parameters.push(&limit);
    let mut found = vec![Vec::new(); texts.len()];
    for row in session.rows(&text, &parameters).await? {
        let n = usize::try_from(number(&row, 0)?).unwrap_or_default();
        if let Some(keys) = n.checked_sub(1).and_then(|at| found.get_mut(at)) {
            keys.push(products.id(&row, 1)?);
        }
    }
    Ok(found)
}

/// A record's key as a value of each column.
fn converted(columns: &[ViewColumn], text: &str) -> Vec<KeyOrNull> {
    let each = columns
        .iter()
        .map(|column| match column.key.converted(text) {
            Some(key) => KeyOrNull::new(key),
            None => KeyOrNull::null(&column.key),
        });
    each.collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn record(row: &Row, first: usize) -> QueryResult<Record> {
    let key: Option<&str> = row.try_get(first + 2)?;
    Ok(Record {
        id: RecordId {
            change: change_id(row, first)?,
            via: Arc::new(Via {
                table: number(row, first + 1)?.to_string(),
                key: key.unwrap_or_default().to_owned(),
                unlocated: false,
            }),
        },
        changed_at: timestamp(milliseconds(row, first + 3)?.unwrap_or_default()),
    })
}

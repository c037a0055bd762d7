//! The ChangeLog of the tables that a view reads, and the rows of the view that its records concern.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, params, params_from_iter};
use shopmaster_catalog::{
    Change, Result, Via,
    watched::{Record, RecordId, Records},
};
use shopmaster_product::{ProductId, position::Position};

use super::{
    SqliteCatalog, SqliteOptions,
    affinity::Affinity,
    change_log::{self, Kind},
    concerned::{self, After},
    error::QueryResult,
    key::Key,
    row_key::RowKey,
    watches::{WatchedTable, WatchedView},
};

/// The records of a view's tables.
pub(super) struct WatchRecords {
    catalog: SqliteCatalog,
    view: Arc<WatchedView>,
}

impl WatchRecords {
    pub(super) fn new(catalog: SqliteCatalog, view: WatchedView) -> Self {
        Self {
            catalog,
            view: Arc::new(view),
        }
    }

    fn options(&self) -> &SqliteOptions {
        &self.catalog.database.options
    }
}

#[async_trait]
impl Records for WatchRecords {
    async fn page(&self, after: Option<&RecordId>, limit: usize) -> Result<Vec<Record>> {
        let after = after.map(|id| id.change);
        let position = self.catalog.position().await?;
        let changes = self
            .catalog
            .read_with("read the waiting changes", move |connection, _| {
                change_log::page(connection, Kind::Watched, &position, after, limit)
            })
            .await?;
        Ok(changes.into_iter().filter_map(record).collect())
    }

    fn own(&self, via: &Via) -> Option<ProductId> {
        let table = self.view.table(&via.table)?;
        let affinity = own_affinity(self.options(), &self.view, table)?;
        let integer = match affinity {
            Affinity::Text => None,
            _ => Key::integer(&via.key),
        };
        let key = integer.unwrap_or_else(|| Key::Text(via.key.clone().into_bytes()));
        Some(key.shown().0)
    }

    async fn first(&self, of: &[Arc<Via>], limit: usize) -> Result<Vec<Vec<ProductId>>> {
        let (of, view) = (of.to_vec(), Arc::clone(&self.view));
        self.catalog
            .read_with(
                "find the products of changes",
                move |connection, database| {
                    let moment = connection.unchecked_transaction()?;
                    let options = &database.options;
                    let rows = |via: &Arc<Via>| rows(connection, options, &view, via, None, limit);
                    let rows = of.iter().map(rows).collect::<QueryResult<_>>()?;
                    moment.commit()?;
                    Ok(rows)
                },
            )
            .await
    }

    async fn next(&self, of: &Via, after: &ProductId, limit: usize) -> Result<Vec<ProductId>> {
        let (of, after, view) = (of.clone(), after.clone(), Arc::clone(&self.view));
        self.catalog
            .read_with(
                "find the products of a change",
                move |connection, database| {
                    rows(
                        connection,
                        &database.options,
                        &view,
                        &of,
                        Some(&after),
                        limit,
                    )
                },
            )
            .await
    }

    async fn concerning(&self, products: &[ProductId]) -> Result<Vec<(ProductId, Record)>> {
        let (products, view) = (products.to_vec(), Arc::clone(&self.view));
        let position = self.catalog.position().await?;
        self.catalog
            .read_with(
                "read the changes of products",
                move |connection, database| {
                    let moment = connection.unchecked_transaction()?;
                    let mut found = Vec::new();
                    for product in products {
                        let changes =
                            concerning(connection, &database.options, &view, &position, &product)?;
                        let records = changes.into_iter().filter_map(record);
                        found.extend(records.map(|record| (product.clone(), record)));
                    }
                    moment.commit()?;
                    found.sort_by_key(|(_, record)| record.id.change);
                    Ok(found)
                },
            )
            .await
    }

    async fn settle(&self, records: &[RecordId]) -> Result<()> {
        let identities: Vec<_> = records
            .iter()
            .map(|id| change_log::identity(id.change, &id.via))
            .collect();
        self.catalog.settle(Kind::Watched, identities).await?;
        Ok(())
    }
}

fn record(change: Change) -> Option<Record> {
    let via = change.identity.via?;
    Some(Record {
        id: RecordId {
            change: change.identity.change,
            via,
        },
        changed_at: change.changed_at,
    })
}

/// How the values of a watched key are stored as keys of the view; none unless the view's key has the same value.
fn own_affinity(
    options: &SqliteOptions,
    view: &WatchedView,
    table: &WatchedTable,
) -> Option<Affinity> {
    let columns = &options.mapping.columns.id;
    let is_key = |column: &String| column.eq_ignore_ascii_case(columns.first());
    if columns.is_composite() || !table.columns.iter().all(is_key) {
        return None;
    }
    let key = view.schema.find(columns.first())?;
    Some(match view.schema.affinity(key) {
        // The view computes its key.
        Affinity::Blob => table.affinity,
        affinity => affinity,
    })
}

/// The keys of the rows that a record concerns, in their order.
fn rows(
    connection: &Connection,
    options: &SqliteOptions,
    view: &WatchedView,
    via: &Via,
    after: Option<&ProductId>,
    limit: usize,
) -> QueryResult<Vec<ProductId>> {
    // A table that is not watched any more concerns no row.
    let Some(table) = view.table(&via.table) else {
        return Ok(Vec::new());
    };
    let columns = &options.mapping.columns.id;
    let after = match after {
        Some(id) => Some(RowKey::position(connection, options, id)?),
        None => None,
    };
    let begin = match &after {
        None => After::Start,
        Some(key) if key.has_null() => After::AnyKey,
        Some(_) => After::Key,
    };
    let values = Key::recorded(&via.key);
    let sql = concerned::rows(options, table, &values, begin);
    let limit = Key::Integer(i64::try_from(limit).unwrap_or(i64::MAX));
    let after = after.iter().flat_map(RowKey::values).cloned();
    let parameters = std::iter::once(limit)
        .chain(concerned::filled(&values))
        .chain(after);
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(parameters), |row| {
        Ok(RowKey::read(row, columns)?.shown(columns).0)
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The waiting changes that concern a product: by the values in its rows, and by its own key.
fn concerning(
    connection: &Connection,
    options: &SqliteOptions,
    view: &WatchedView,
    position: &Position,
    product: &ProductId,
) -> QueryResult<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    for table in &view.tables {
        for column in &table.columns {
            let sql = concerned::changes(options, table, column);
            let mut statement = connection.prepare_cached(&sql)?;
            for key in RowKey::candidates(product, &options.mapping.columns.id) {
                let values = params_from_iter(key.values());
                changes.extend(change_log::waiting(position, &mut statement, values)?);
            }
        }
        if own_affinity(options, view, table).is_none() {
            continue;
        }
        let sql = include_str!("sql/watched/changes_of.sql");
        let mut statement = connection.prepare_cached(sql)?;
        for key in Key::recorded(&product.to_string()) {
            let values = params![table.schema.name, key];
            changes.extend(change_log::waiting(position, &mut statement, values)?);
        }
    }
    changes.sort_by_key(|change| change.identity.change);
    changes.dedup_by_key(|change| change.identity.change);
    Ok(changes)
}

//! Reads rows of the product table, whatever is wrong with some of them.
//!
//! A view computes its rows while they are read, and SQLite ends the whole statement at the first row that it cannot
//! compute: a number that overflows, text that is not JSON. Such a page is read again in two steps: first its keys,
//! which need no computing, then their rows, all at once, then each half, until the row is found. It gets a
//! [`Problem`], and all others are read.

use std::cell::OnceCell;

use rusqlite::{Connection, params_from_iter};
use shopmaster_catalog::{KeyColumns, Lookup};
use shopmaster_product::{Problem, ProductId, Row};

use super::{
    SqliteOptions,
    error::{QueryError, QueryResult, is_of_a_row},
    key::Key,
    open::Database,
    row_format::RowFormat,
    row_key::RowKey,
    schema,
    statements::{Pages, Statements},
};

/// Reads rows, all as of one moment.
pub(super) struct Reader<'a> {
    connection: &'a Connection,
    options: &'a SqliteOptions,
    statements: &'a Statements,
    format: RowFormat,
    is_view: bool,
    /// Whether rows can be read as long as none of them has to be computed.
    computes: OnceCell<bool>,
}

/// A row, and its key as the database has it.
struct Found {
    key: RowKey,
    row: Row,
}

impl<'a> Reader<'a> {
    pub(super) fn new(connection: &'a Connection, database: &'a Database) -> QueryResult<Self> {
        let options = &database.options;
        Ok(Self {
            connection,
            options,
            statements: &database.statements,
            format: RowFormat::of(connection, options)?,
            is_view: schema::is_view(connection, &options.mapping.table)?,
            computes: OnceCell::new(),
        })
    }

    /// Reads prices as their column has them, from now on.
    pub(super) fn unrounded(mut self) -> Self {
        self.format = self.format.unrounded();
        self
    }

    /// The row with this id.
    pub(super) fn look_up(&self, id: &ProductId) -> QueryResult<Lookup> {
        for key in RowKey::candidates(id, self.columns()) {
            let found = match self.look_up_key(id, &key) {
                Err(fault) if self.is_of_a_row(&fault) => self.uncomputed(&key, fault)?,
                found => found?,
            };
            if let Some(found) = found {
                return Ok(found);
            }
        }
        Ok(Lookup::Gone)
    }

    /// A page of rows after the row with the id `after`.
    pub(super) fn page(&self, after: Option<&ProductId>, limit: usize) -> QueryResult<Vec<Row>> {
        let after = match after {
            Some(id) => Some(RowKey::position(self.connection, self.options, id)?),
            None => None,
        };
        let found = match self.is_view {
            true => self.each_once(after, limit)?,
            false => self.rows(after.as_ref(), limit)?,
        };
        Ok(found.into_iter().map(|found| found.row).collect())
    }

    fn columns(&self) -> &KeyColumns {
        &self.options.mapping.columns.id
    }

    fn look_up_key(&self, id: &ProductId, key: &RowKey) -> QueryResult<Option<Lookup>> {
        let mut statement = self.connection.prepare_cached(&self.statements.lookup)?;
        let sold = statement.column_count() - 1;
        let mut rows = statement.query(params_from_iter(key.values()))?;
        let (mut found, mut left_out): (Option<Row>, _) = (None, None);
        while let Some(next) = rows.next()? {
            let row = self.row(next)?.row;
            let is_sold = self.options.mapping.only.is_empty() || next.get(sold)?;
            match &mut found {
                _ if !is_sold => left_out = left_out.or(Some(row.id)),
                Some(before) if before.id == row.id => {
                    before.name = Err(repeated());
                    break;
                }
                // The database takes both for the same key.
                Some(_) if row.id != *id => {}
                _ => found = Some(row),
            }
            if !self.is_view {
                break;
            }
        }
        Ok(found.map(Lookup::Found).or(left_out.map(Lookup::LeftOut)))
    }

    /// The answer for a key whose row cannot be computed.
    fn uncomputed(&self, key: &RowKey, fault: QueryError) -> QueryResult<Option<Lookup>> {
        let mut statement = self
            .connection
            .prepare_cached(&self.statements.lookup_key)?;
        let sold = statement.column_count() - 1;
        let mut rows = statement.query(params_from_iter(key.values()))?;
        let mut left_out = None;
        loop {
            match rows.next() {
                Ok(None) => return Ok(left_out),
                Ok(Some(next)) => {
                    let key = RowKey::read(next, self.columns())?;
                    if self.options.mapping.only.is_empty() || next.get(sold)? {
                        let failed = self.failed(&key, &fault);
                        return Ok(Some(Lookup::Found(failed.row)));
                    }
                    left_out = Some(Lookup::LeftOut(key.shown(self.columns()).0));
                }
                // Whether it is sold cannot be computed either.
                Err(_) => {
                    let failed = self.failed(key, &fault);
                    return Ok(Some(Lookup::Found(failed.row)));
                }
            }
        }
    }

    /// A page of a view: each key once, with a problem when several rows have it. More rows with the last key may
    /// follow on the next page, so that one row more is looked at.
    fn each_once(&self, mut after: Option<RowKey>, limit: usize) -> QueryResult<Vec<Found>> {
        let more = limit.saturating_add(1);
        let mut once: Vec<Found> = Vec::new();
        loop {
            let page = self.rows(after.as_ref(), more)?;
            let is_end = page.len() < more;
            let mut is_repeated = false;
            for found in page {
                match once.last_mut() {
                    Some(before) if before.row.id == found.row.id => {
                        before.row.name = Err(repeated());
                        is_repeated = true;
                    }
                    _ => {
                        once.push(found);
                        is_repeated = false;
                    }
                }
            }
            if is_end || once.len() > limit {
                break;
            }
            // The next page begins after the last key, unless it is not known yet how often that key comes.
            if !is_repeated {
                once.pop();
            }
            after = once.last().map(|found| found.key.clone());
        }
        once.truncate(limit);
        Ok(once)
    }

    /// A page of rows, with a problem in those that cannot be computed.
    fn rows(&self, after: Option<&RowKey>, limit: usize) -> QueryResult<Vec<Found>> {
        match self.all(&self.statements.rows, after, None, limit) {
            Err(fault) if self.is_of_a_row(&fault) => self.in_parts(after, limit, fault),
            found => found,
        }
    }

    /// A page of which some row cannot be computed.
    fn in_parts(
        &self,
        after: Option<&RowKey>,
        limit: usize,
        fault: QueryError,
    ) -> QueryResult<Vec<Found>> {
        let mut after = after.cloned();
        let mut found = Vec::new();
        loop {
            let Ok(mut keys) = self.keys(after.as_ref(), limit) else {
                return Err(fault);
            };
            let is_end = keys.len() < limit;
            // More rows with the last key may follow.
            let begin = keys.iter().rposition(|key| Some(key) != keys.last());
            if let Some(begin) = begin.filter(|_| !is_end) {
                keys.truncate(begin + 1);
            }
            self.part(after.as_ref(), &keys, &mut found)?;
            if is_end || found.len() >= limit {
                break;
            }
            after = keys.pop();
        }
        found.truncate(limit);
        Ok(found)
    }

    /// The rows of these keys, which are all that there are after `after`, up to the last of them.
    fn part(
        &self,
        after: Option<&RowKey>,
        keys: &[RowKey],
        found: &mut Vec<Found>,
    ) -> QueryResult<()> {
        let (Some(first), Some(last)) = (keys.first(), keys.last()) else {
            return Ok(());
        };
        let fault = match self.all(&self.statements.part, after, Some(last), keys.len()) {
            Err(fault) if self.is_of_a_row(&fault) => fault,
            rows => {
                found.extend(rows?);
                return Ok(());
            }
        };
        if first == last {
            found.push(self.failed(first, &fault));
            return Ok(());
        }
        // Rows with the same key stay together.
        let half = keys.len() / 2;
        let begins = |at: &usize| keys[*at] != keys[*at - 1];
        let middle = (half..keys.len()).find(begins);
        let Some(middle) = middle.or_else(|| (1..half).rev().find(begins)) else {
            return Err(fault);
        };
        let (before, behind) = keys.split_at(middle);
        self.part(after, before, found)?;
        self.part(before.last(), behind, found)
    }

    fn keys(&self, after: Option<&RowKey>, limit: usize) -> QueryResult<Vec<RowKey>> {
        let (sql, values) = arguments(&self.statements.keys, after, None, limit);
        let mut statement = self.connection.prepare_cached(sql)?;
        let values = values.iter().take(statement.parameter_count());
        let keys = statement.query_map(params_from_iter(values), |row| {
            RowKey::read(row, self.columns())
        })?;
        Ok(keys.collect::<rusqlite::Result<_>>()?)
    }

    fn all(
        &self,
        pages: &Pages,
        after: Option<&RowKey>,
        until: Option<&RowKey>,
        limit: usize,
    ) -> QueryResult<Vec<Found>> {
        let (sql, values) = arguments(pages, after, until, limit);
        let mut statement = self.connection.prepare_cached(sql)?;
        let values = values.iter().take(statement.parameter_count());
        let rows = statement.query_map(params_from_iter(values), |row| self.row(row))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn row(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<Found> {
        let key = RowKey::read(row, self.columns())?;
        let row = self.format.row(&key, self.columns(), row)?;
        Ok(Found { key, row })
    }

    /// Whether a statement failed because of one of the rows, and reading would not fail without it.
    fn is_of_a_row(&self, fault: &QueryError) -> bool {
        is_of_a_row(fault)
            && *self.computes.get_or_init(|| {
                let nothing = RowKey::of_no_row(self.columns());
                let none = ProductId::Text(String::new());
                self.look_up_key(&none, &nothing).is_ok()
            })
    }

    /// A row that cannot be computed.
    fn failed(&self, key: &RowKey, fault: &QueryError) -> Found {
        let (id, problem) = key.shown(self.columns());
        let said = Problem(format!(
            "the database cannot compute this row: {}",
            fault.said()
        ));
        Found {
            key: key.clone(),
            row: Row {
                id,
                name: Err(problem.unwrap_or_else(|| said.clone())),
                price: Err(said),
            },
        }
    }
}

fn repeated() -> Problem {
    Problem("several rows of the view have this key".to_owned())
}

/// The statement of a page, and its parameters. Statements that need fewer leave out the last ones.
fn arguments<'p>(
    pages: &'p Pages,
    after: Option<&RowKey>,
    until: Option<&RowKey>,
    limit: usize,
) -> (&'p str, Vec<Key>) {
    let sql = match after {
        None => &pages.start,
        Some(key) if key.has_null() => &pages.behind_null,
        Some(_) => &pages.behind,
    };
    let limit = Key::Integer(i64::try_from(limit).unwrap_or(i64::MAX));
    let mut values = vec![limit];
    match (after, until) {
        (None, Some(until)) => values.extend(until.values().iter().map(|_| Key::Null)),
        (after, _) => values.extend(after.into_iter().flat_map(RowKey::values).cloned()),
    }
    values.extend(until.into_iter().flat_map(RowKey::values).cloned());
    (sql, values)
}

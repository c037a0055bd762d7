//! The tables that a view reads, and by which of their columns they could be watched.

use std::collections::BTreeSet;

use rusqlite::Connection;
use shopmaster_catalog::{Suggestion, Watch};

use super::{
    super::{
        SqliteOptions,
        affinity::Affinity,
        error::QueryResult,
        quote::identifier,
        schema::{Column, TableSchema},
        watch_check::finds_nothing,
        watches::WatchedTable,
    },
    resolve::{self, Resolved, Value},
};

/// A table, each time that the view reads it.
struct Watched<'r> {
    options: &'r SqliteOptions,
    view: &'r TableSchema,
    resolved: &'r Resolved,
    /// The places of the table among those that are read.
    places: Vec<usize>,
}

/// A column by which a table could be watched.
struct Candidate<'r> {
    key: &'r Column,
    /// For each place of the table, the best column of the view with the same value.
    columns: Vec<Option<(Fitness, &'r str)>>,
}

/// How well a column of a table and one of the view fit, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fitness {
    /// The view's column is its key: a row that leaves the view is found, too.
    Key,
    /// The table's column identifies its rows.
    Unique,
    /// The table is joined by it.
    Joined,
    /// The view's column is part of its key.
    PartOfKey,
}

/// The tables to watch, and what no trigger sees.
pub(super) fn suggested(
    connection: &Connection,
    options: &SqliteOptions,
    view: &TableSchema,
) -> QueryResult<Vec<Suggestion>> {
    let resolved = resolve::resolve(connection, &view.name)?;
    let mut suggestions = Vec::new();
    let mut names = BTreeSet::new();
    for table in &resolved.tables {
        if table.is_internal() || !names.insert(table.name.as_str()) {
            continue;
        }
        let places = resolved.tables.iter().enumerate();
        let places = places.filter(|(_, other)| other.name == table.name);
        let watched = Watched {
            options,
            view,
            resolved: &resolved,
            places: places.map(|(place, _)| place).collect(),
        };
        suggestions.extend(watched.suggestions(connection, table)?);
    }
    let unwatchable: BTreeSet<_> = resolved.unwatchable.iter().cloned().collect();
    let unwatchable = unwatchable.into_iter();
    suggestions
        .extend(unwatchable.map(|(table, reason)| Suggestion::Unwatchable { table, reason }));
    Ok(suggestions)
}

impl<'r> Watched<'r> {
    fn suggestions(
        &self,
        connection: &Connection,
        table: &'r TableSchema,
    ) -> QueryResult<Vec<Suggestion>> {
        let unwatchable = |reason: String| Suggestion::Unwatchable {
            table: table.name.clone(),
            reason,
        };
        let mut candidates = self.candidates(connection, table)?;
        // The one that is watched already, because a table has one key; else the one that fits in most places, and
        // there best.
        candidates.sort_by_key(|candidate| {
            let fits = candidate
                .columns
                .iter()
                .flatten()
                .map(|(fitness, _)| *fitness);
            let missing = candidate.columns.iter().filter(|it| it.is_none()).count();
            let is_watched = self.watches(table, candidate.key).next().is_some();
            (!is_watched, missing, fits.max(), !candidate.key.primary)
        });
        if candidates.is_empty() {
            return Ok(vec![unwatchable(self.missing(self.places[0]))]);
        }
        for candidate in &candidates {
            let columns = candidate.columns.iter().flatten();
            let columns: BTreeSet<_> = columns.map(|(_, column)| (*column).to_owned()).collect();
            if !self.fits_data(connection, table, candidate.key, &columns)? {
                continue;
            }
            let watch = |column: &String| Watch {
                table: table.name.clone(),
                key: candidate.key.name.clone(),
                column: column.clone(),
            };
            let places = self.places.iter().zip(&candidate.columns);
            let missing = places.filter(|(_, column)| column.is_none());
            let missing = missing.map(|(place, _)| unwatchable(self.missing(*place)));
            let watches = columns.iter().map(watch).map(Suggestion::Watch);
            return Ok(watches.chain(missing.take(1)).collect());
        }
        let key = &candidates[0].key.name;
        Ok(vec![unwatchable(format!(
            "none of the first values of its `{key}` is in the view"
        ))])
    }

    /// The columns by which the table could be watched.
    fn candidates(
        &self,
        connection: &Connection,
        table: &'r TableSchema,
    ) -> QueryResult<Vec<Candidate<'r>>> {
        let mut candidates = Vec::new();
        for key in &table.columns {
            let is_unique = table.is_unique(connection, key)?;
            let best = |place: &usize| self.best(*place, table, key, is_unique);
            let columns: Vec<_> = self.places.iter().map(best).collect();
            if columns.iter().any(Option::is_some) {
                candidates.push(Candidate { key, columns });
            }
        }
        Ok(candidates)
    }

    /// The view's column that fits best to a table's column: one that is watched already, if there is one.
    fn best(
        &self,
        place: usize,
        table: &TableSchema,
        key: &Column,
        is_unique: bool,
    ) -> Option<(Fitness, &'r str)> {
        let value = self.resolved.value(place, &key.name)?;
        let of_others = self.resolved.same_as(value);
        let is_joined = of_others.iter().any(|(other, _)| *other != place);
        let ids = &self.options.mapping.columns.id;
        let fitness = |column: &Column| {
            let is_key = ids.names().any(|id| id.eq_ignore_ascii_case(&column.name));
            match (is_key, ids.is_composite()) {
                (true, false) => Some(Fitness::Key),
                _ if is_unique => Some(Fitness::Unique),
                _ if is_joined => Some(Fitness::Joined),
                (true, true) => Some(Fitness::PartOfKey),
                (false, _) => None,
            }
        };
        let columns = self.view.columns.iter().enumerate();
        columns
            .filter(|(index, column)| {
                let values = self.values(*index, &column.name);
                values.iter().any(|it| self.is_same(*it, value))
            })
            .filter_map(|(_, column)| Some((fitness(column)?, column.name.as_str())))
            // Of several, the one of the same name.
            .min_by_key(|(fitness, name)| {
                let mut watches = self.watches(table, key);
                let is_watched = watches.any(|watch| watch.column.eq_ignore_ascii_case(name));
                let is_other_name = !name.eq_ignore_ascii_case(&key.name);
                (!is_watched, *fitness, is_other_name, *name)
            })
    }

    /// The watches of a table by this key that are configured.
    fn watches(&self, table: &TableSchema, key: &Column) -> impl Iterator<Item = &'r Watch> {
        let (table, key) = (table.name.clone(), key.name.clone());
        let watches = self.options.mapping.watches.iter();
        watches.filter(move |watch| {
            watch.table.eq_ignore_ascii_case(&table) && watch.key.eq_ignore_ascii_case(&key)
        })
    }

    /// The values of a column of the view.
    fn values(&self, index: usize, name: &str) -> &'r [Value] {
        let columns = &self.resolved.columns;
        let named = || {
            columns
                .iter()
                .find(|(column, _)| column.eq_ignore_ascii_case(name))
        };
        let column = match columns.len() == self.view.columns.len() {
            true => columns.get(index),
            false => named(),
        };
        column.map_or(&[], |(_, values)| values)
    }

    fn is_same(&self, one: Value, other: Value) -> bool {
        self.resolved.representative(one) == self.resolved.representative(other)
    }

    /// Why the rows of the view that a change concerns cannot be found, and what would help.
    fn missing(&self, place: usize) -> String {
        let table = &self.resolved.tables[place];
        let joined = table.columns.iter().find_map(|column| {
            let value = self.resolved.value(place, &column.name)?;
            let others = self.resolved.same_as(value).into_iter();
            let (other, name) = others.into_iter().find(|(other, _)| *other != place)?;
            let other = &self.resolved.tables[other];
            let name = other.find(name).map_or(name, |it| it.name.as_str());
            Some(format!("`{name}` of `{}`", other.name))
        });
        match joined {
            Some(joined) => format!("the view does not select {joined}, by which it is joined"),
            None => "the view selects no column that says which of its rows a row of this table concerns".to_owned(),
        }
    }

    /// Whether the first values of the table's column are in the view, as far as there are any.
    fn fits_data(
        &self,
        connection: &Connection,
        table: &TableSchema,
        key: &Column,
        columns: &BTreeSet<String>,
    ) -> QueryResult<bool> {
        let Some(schema) = TableSchema::of(connection, &table.name)? else {
            return Ok(false);
        };
        let watched = WatchedTable {
            affinity: Affinity::Blob,
            key: key.name.clone(),
            columns: columns.clone(),
            replaced: Vec::new(),
            schema,
        };
        let sql = format!("SELECT 1 FROM {}", identifier(&self.view.name));
        let has_rows = || connection.prepare(&sql)?.exists([]);
        // What cannot be computed is no reason against it.
        Ok(!has_rows().unwrap_or_default()
            || !finds_nothing(connection, self.options, &watched).unwrap_or_default())
    }
}

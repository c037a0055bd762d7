//! By which columns the tables that a view reads could be watched.

use std::sync::Arc;

use shopmaster_catalog::{Suggestion, Watch, template::fill};

use super::{
    asked,
    sources::{self, BaseTable, ColumnId, FoundColumn, Sources},
};
use crate::{
    SqlServerOptions,
    capture::watch::first_keys,
    captured::Captured,
    column::Column,
    error::QueryResult,
    key::KeyType,
    queue::{changes::count, watched::found_in_view},
    quote::identifier,
    schema::TableSchema,
    session::Session,
    watches::{LONGEST_KEY, ViewColumn, WatchedTable, Watches},
};

/// How many columns of a table are tried.
const MAX_TRIED: usize = 3;
/// Names that say nothing: two tables may each have a column of such a name, and the values have nothing in common.
const GENERIC: [&str; 10] = [
    "id", "key", "no", "nr", "num", "number", "code", "guid", "uid", "name",
];

/// The view, and where its columns come from.
struct View<'v> {
    options: &'v SqlServerOptions,
    table: &'v Arc<TableSchema>,
    columns: Vec<FoundColumn>,
    /// For each column, the table's column that it comes from, and that column's name; none where it is not known.
    sources: Vec<Option<(ColumnId, String)>>,
}

/// A column by which a table could be watched, and the view's column with the same value.
struct Candidate<'c> {
    key: &'c Column,
    column: &'c Column,
    fitness: Fitness,
}

/// How well the two fit, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fitness {
    /// The view's column is not its key: a row that leaves the view is not found.
    is_not_own: bool,
    link: Link,
    /// The table's column does not identify its rows.
    is_not_unique: bool,
}

/// Why the two have the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Link {
    /// The one comes from the other.
    Same,
    /// A foreign key says so.
    Foreign,
    /// They have the same name.
    Name,
    /// They have the same name, and it says nothing.
    GenericName,
}

/// The tables to watch, and what no trigger sees.
pub(super) async fn suggested(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &Arc<TableSchema>,
) -> QueryResult<Vec<Suggestion>> {
    let sources = Sources::of(session, options, table).await?;
    // A watch that does not fit is said elsewhere.
    let watches = Watches::of(&options.mapping, table).unwrap_or_default();
    let view = View::of(session, options, table, &sources).await?;
    let mut suggestions = Vec::new();
    for base in sources.tables.values() {
        if watches.get(base.object_id).is_none() {
            suggestions.push(view.suggestion(session, &sources, base).await?);
        }
    }
    let unwatchable = sources.unwatchable.into_iter();
    suggestions
        .extend(unwatchable.map(|(table, reason)| Suggestion::Unwatchable { table, reason }));
    Ok(suggestions)
}

impl<'v> View<'v> {
    async fn of(
        session: &mut Session,
        options: &'v SqlServerOptions,
        table: &'v Arc<TableSchema>,
        sources: &Sources,
    ) -> QueryResult<Self> {
        let columns = sources::columns(session, table.object_id).await?;
        let told = sources::column_sources(session, table).await?;
        let source = |found: &FoundColumn| {
            let [_, schema, name, column] =
                told.iter().find(|[view, ..]| *view == found.column.name)?;
            let is_it = |base: &&BaseTable| {
                base.name == *name && (schema.is_empty() || base.schema == *schema)
            };
            let base = sources.tables.values().find(is_it)?;
            let column = base.columns.iter().find(|it| it.column.name == *column)?;
            Some((
                (base.object_id, column.column.column_id),
                column.column.name.clone(),
            ))
        };
        Ok(Self {
            options,
            table,
            sources: columns.iter().map(source).collect(),
            columns,
        })
    }

    async fn suggestion(
        &self,
        session: &mut Session,
        sources: &Sources,
        base: &BaseTable,
    ) -> QueryResult<Suggestion> {
        let table = base.label();
        let candidates = self.candidates(sources, base);
        for candidate in candidates.iter().take(MAX_TRIED) {
            if self.fits_data(session, base, candidate).await? {
                return Ok(Suggestion::Watch(Watch {
                    table,
                    key: candidate.key.name.clone(),
                    column: candidate.column.name.clone(),
                }));
            }
        }
        let reason = match candidates.first() {
            Some(first) => format!(
                "none of the first values of its `{}` is in the view",
                first.key.name
            ),
            None => "the view selects no column that says which of its rows a row of this table concerns".to_owned(),
        };
        Ok(Suggestion::Unwatchable { table, reason })
    }

    /// The columns by which the table could be watched, the best first.
    fn candidates<'c>(&'c self, sources: &Sources, base: &'c BaseTable) -> Vec<Candidate<'c>> {
        let mut candidates = Vec::new();
        for found in &base.columns {
            let id = (base.object_id, found.column.column_id);
            let is_foreign = base.partners(id.1).next().is_some();
            let Some(key) = key_of(&found.column).filter(|_| found.is_in_key || is_foreign) else {
                continue;
            };
            for (place, column) in self.columns.iter().enumerate() {
                let fits = KeyType::of(&column.column.data_type)
                    .is_ok_and(|of_view| of_view.may_equal(&key));
                let link = self.link(sources, base, &found.column, place);
                let Some(link) = link.filter(|_| fits) else {
                    continue;
                };
                candidates.push(Candidate {
                    key: &found.column,
                    column: &column.column,
                    fitness: Fitness {
                        is_not_own: !self.is_key(&column.column),
                        link,
                        is_not_unique: !found.column.is_unique,
                    },
                });
            }
        }
        candidates.sort_by_key(|candidate| candidate.fitness);
        candidates
    }

    /// Why a table's column and the view's column at this place have the same value; none when nothing says so.
    fn link(
        &self,
        sources: &Sources,
        base: &BaseTable,
        key: &Column,
        place: usize,
    ) -> Option<Link> {
        let id = (base.object_id, key.column_id);
        let column = &self.columns.get(place)?.column;
        let source = self.sources.get(place)?.as_ref();
        if source.is_some_and(|(source, _)| *source == id) {
            return Some(Link::Same);
        }
        let partners: Vec<_> = base.partners(key.column_id).collect();
        let is_partner = match source {
            Some((source, _)) => partners.contains(source),
            // Where a column comes from is not known: its name may say it.
            None => partners.iter().any(|partner| {
                let name = sources.name_of(*partner);
                name.is_some_and(|name| name.eq_ignore_ascii_case(&column.name))
            }),
        };
        if is_partner {
            return Some(Link::Foreign);
        }
        let mut names = source
            .map(|(_, name)| name)
            .into_iter()
            .chain([&column.name]);
        if !names.any(|name| name.eq_ignore_ascii_case(&key.name)) {
            return None;
        }
        match GENERIC.contains(&key.name.to_lowercase().as_str()) {
            true => Some(Link::GenericName),
            false => Some(Link::Name),
        }
    }

    fn is_key(&self, column: &Column) -> bool {
        self.table.more_ids.is_empty() && self.table.id.column_id == column.column_id
    }

    /// Whether the table's first keys are in the view, as far as there are any, and this login may read them.
    async fn fits_data(
        &self,
        session: &mut Session,
        base: &BaseTable,
        candidate: &Candidate<'_>,
    ) -> QueryResult<bool> {
        let (Some(key), Some(of_view)) = (key_of(candidate.key), key_of(candidate.column)) else {
            return Ok(false);
        };
        let watched = WatchedTable {
            configured: base.label(),
            table: Captured {
                object_id: base.object_id,
                schema: base.schema.clone(),
                name: base.name.clone(),
                owner_id: None,
                owner: None,
                key: vec![candidate.key.clone()],
                is_watched: true,
            },
            key,
            is_unique: candidate.key.is_unique,
            columns: vec![ViewColumn {
                name: candidate.column.name.clone(),
                key: of_view,
                is_own: self.is_key(candidate.column),
            }],
        };
        let keys = first_keys(session, &watched).await?;
        if keys.is_empty() {
            return Ok(true);
        }
        let table = Arc::clone(self.table);
        let found = found_in_view(self.options, session, table, &watched, &keys).await;
        match found {
            Err(fault) if session.is_spoiled() => return Err(fault),
            Err(_) => return Ok(false),
            Ok(0) => return Ok(false),
            Ok(_) => {}
        }
        match candidate.fitness.link {
            Link::GenericName => self.shares_values(session, &watched, candidate).await,
            Link::Same | Link::Foreign | Link::Name => Ok(true),
        }
    }

    /// Whether the table has most of the view's first values.
    async fn shares_values(
        &self,
        session: &mut Session,
        watched: &WatchedTable,
        candidate: &Candidate<'_>,
    ) -> QueryResult<bool> {
        let Some(of_view) = key_of(candidate.column) else {
            return Ok(false);
        };
        let text = shared_values(
            &watched.table.quoted(),
            &watched
                .key
                .as_text(&format!("t.{}", identifier(&candidate.key.name))),
            &self.table.quoted(),
            &of_view,
            &candidate.column.name,
        );
        let Some(rows) = asked(session, &text, &[]).await? else {
            return Ok(false);
        };
        let Some(row) = rows.first() else {
            return Ok(false);
        };
        let (all, shared) = (count(row, 0)?, count(row, 1)?);
        Ok(shared * 2 >= all)
    }
}

impl Sources {
    /// The name of a column.
    fn name_of(&self, (table, column): ColumnId) -> Option<&str> {
        let table = self.tables.get(&table)?;
        let found = table
            .columns
            .iter()
            .find(|it| it.column.column_id == column)?;
        Some(&found.column.name)
    }
}

/// The type of a column that the ChangeLog could keep.
fn key_of(column: &Column) -> Option<KeyType> {
    let key = KeyType::of(&column.data_type).ok()?;
    (key.length() <= LONGEST_KEY).then_some(key)
}

fn shared_values(table: &str, key: &str, view: &str, of_view: &KeyType, column: &str) -> String {
    let column = format!("p.{}", identifier(column));
    fill(
        include_str!("../sql/shared_values.sql").trim_end(),
        &[
            ("table", table),
            ("key", key),
            ("view", view),
            ("value", &of_view.as_text(&column)),
            ("column", &column),
        ],
    )
}

pub(super) fn shared_text(table: &TableSchema, column: &str) -> String {
    let key = key_of(&table.names).map_or_else(String::new, |key| {
        key.as_text(&format!("t.{}", identifier(column)))
    });
    match key_of(&table.names) {
        Some(of_view) => shared_values(&table.quoted(), &key, &table.quoted(), &of_view, column),
        None => String::new(),
    }
}

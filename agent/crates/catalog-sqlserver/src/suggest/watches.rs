//! By which columns the tables that a view reads could be watched.

use std::sync::Arc;

use shopmaster_catalog::{Suggestion, Watch, template::fill};

use super::{
    asked,
    sources::{self, BaseTable, ColumnId, FoundColumn, Sources},
    told,
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
    let view = View::of(session, table, &sources).await?;
    let mut suggestions = Vec::new();
    for base in sources.tables.values() {
        if watches.get(base.object_id).is_none() {
            suggestions.push(view.suggestion(session, options, &sources, base).await?);
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
        table: &'v Arc<TableSchema>,
        sources: &Sources,
    ) -> QueryResult<Self> {
        let columns = sources::columns(session, table.object_id).await?;
        let told = sources::column_sources(session, table).await?;
        Ok(Self::new(table, columns, &told, sources))
    }

    /// `told`: for columns of the view, the schema, table and column that each comes from.
    fn new(
        table: &'v Arc<TableSchema>,
        columns: Vec<FoundColumn>,
        told: &[[String; 4]],
        sources: &Sources,
    ) -> Self {
        let source = |found: &FoundColumn| {
            let is_it = |[view, ..]: &&[String; 4]| *view == found.column.name;
            let [_, schema, name, column] = told.iter().find(is_it)?;
            let is_it = |base: &&BaseTable| {
                base.name == *name && (schema.is_empty() || base.schema == *schema)
            };
            let base = sources.tables.values().find(is_it)?;
            let column = base.columns.iter().find(|it| it.column.name == *column)?;
            let column = &column.column;
            Some(((base.object_id, column.column_id), column.name.clone()))
        };
        Self {
            table,
            sources: columns.iter().map(source).collect(),
            columns,
        }
    }

    async fn suggestion(
        &self,
        session: &mut Session,
        options: &SqlServerOptions,
        sources: &Sources,
        base: &BaseTable,
    ) -> QueryResult<Suggestion> {
        let table = base.label();
        let candidates = self.candidates(sources, base);
        for candidate in candidates.iter().take(MAX_TRIED) {
            if self.fits_data(session, options, base, candidate).await? {
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

    /// Whether the two columns have values in common, as far as there are any, and this login may read them.
    async fn fits_data(
        &self,
        session: &mut Session,
        options: &SqlServerOptions,
        base: &BaseTable,
        candidate: &Candidate<'_>,
    ) -> QueryResult<bool> {
        let link = candidate.fitness.link;
        let (Some(key), Some(of_view)) = (key_of(candidate.key), key_of(candidate.column)) else {
            return Ok(false);
        };
        if link == Link::Same {
            return Ok(true);
        }
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
        let keys = first_keys(session, &watched).await;
        let keys = told(session, keys)?.unwrap_or_default();
        if keys.is_empty() {
            return Ok(link != Link::GenericName);
        }
        if link != Link::GenericName {
            let table = Arc::clone(self.table);
            let found = found_in_view(options, session, table, &watched, &keys).await;
            // The first ones may be those that are sold no more.
            if told(session, found)?.is_some_and(|found| found > 0) {
                return Ok(true);
            }
        }
        self.shares_values(session, &watched, candidate).await
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
        Ok(shared > 0 && shared * 2 >= all)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{data_type::DataType, schema::Kind};

    fn found(column_id: i32, name: &str, data_type: &str, is_key: bool) -> FoundColumn {
        let column = Column {
            column_id,
            name: name.to_owned(),
            data_type: DataType {
                name: data_type.to_owned(),
                max_length: 20,
                precision: 18,
                scale: 2,
                collation: Some("Latin1_General_CI_AS".to_owned()),
            },
            is_nullable: false,
            is_computed: false,
            is_identity: false,
            is_unique: is_key,
        };
        FoundColumn {
            column,
            is_in_key: is_key,
        }
    }

    fn base(
        object_id: i32,
        name: &str,
        columns: Vec<FoundColumn>,
        foreign: &[(ColumnId, ColumnId)],
    ) -> BaseTable {
        BaseTable {
            object_id,
            schema: "dbo".to_owned(),
            name: name.to_owned(),
            columns,
            foreign: foreign.to_vec(),
        }
    }

    /// Goods with a rate, prices by the goods' code under another name, and rates.
    fn sources() -> Sources {
        let goods = [
            found(1, "Code", "varchar", true),
            found(2, "Title", "varchar", false),
            found(3, "RateID", "int", false),
        ];
        let prices = [
            found(1, "Item", "varchar", true),
            found(2, "List", "smallint", true),
            found(3, "Price", "decimal", false),
        ];
        let rates = [
            found(1, "ID", "int", true),
            found(2, "Rate", "decimal", false),
        ];
        let to_rates = ((10, 3), (30, 1));
        let to_goods = ((20, 1), (10, 1));
        let tables = [
            base(10, "Goods", goods.to_vec(), &[to_rates, to_goods]),
            base(20, "Prices", prices.to_vec(), &[to_goods]),
            base(30, "Rates", rates.to_vec(), &[to_rates]),
        ];
        Sources {
            tables: tables.map(|table| (table.object_id, table)).into(),
            ..Sources::default()
        }
    }

    /// What fits, the best first, as `Goods.Code = No: Same`.
    fn fitting(columns: &[FoundColumn], told: &[[&str; 3]]) -> Vec<String> {
        let sources = sources();
        let table = Arc::new(TableSchema {
            object_id: 1,
            schema: "dbo".to_owned(),
            name: "Served".to_owned(),
            kind: Kind::View,
            owner_id: None,
            owner: None,
            id: columns[0].column.clone(),
            names: columns[1].column.clone(),
            price: columns[1].column.clone(),
            more_ids: Vec::new(),
            is_unique_together: false,
            only: Vec::new(),
            watches: Vec::new(),
            key_parts: Vec::new(),
        });
        let told: Vec<_> = told
            .iter()
            .map(|[view, table, column]| [view, "", table, column].map(|name| name.to_owned()))
            .collect();
        let view = View::new(&table, columns.to_vec(), &told, &sources);
        let mut all = Vec::new();
        for base in sources.tables.values() {
            let first = view.candidates(&sources, base).into_iter().next();
            all.extend(first.map(|candidate| {
                format!(
                    "{}.{} = {}: {:?}",
                    base.name, candidate.key.name, candidate.column.name, candidate.fitness.link
                )
            }));
        }
        all
    }

    #[test]
    fn columns_belong_together_that_come_from_each_other() {
        let columns = [
            found(1, "No", "varchar", false),
            found(2, "Title", "varchar", false),
            found(3, "Tax", "int", false),
            found(4, "ID", "int", false),
        ];
        let told = [
            ["No", "Goods", "Code"],
            ["Title", "Goods", "Title"],
            ["Tax", "Goods", "RateID"],
            ["ID", "Goods", "RateID"],
        ];
        assert_eq!(
            fitting(&columns, &told),
            [
                "Goods.Code = No: Same",
                "Prices.Item = No: Foreign",
                "Rates.ID = Tax: Foreign",
            ]
        );
    }

    #[test]
    fn names_say_it_where_the_server_does_not() {
        let columns = [
            found(1, "code", "varchar", false),
            found(2, "Title", "varchar", false),
            found(3, "ID", "int", false),
        ];
        assert_eq!(
            fitting(&columns, &[]),
            [
                "Goods.Code = code: GenericName",
                "Prices.Item = code: Foreign",
                "Rates.ID = ID: GenericName",
            ]
        );
        // Not every name is another's.
        let columns = [
            found(1, "Article", "varchar", false),
            found(2, "Title", "varchar", false),
        ];
        assert_eq!(fitting(&columns, &[]), [""; 0]);
    }
}

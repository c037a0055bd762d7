//! The tables that a view reads, through other views and functions, and what no trigger sees.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use shopmaster_catalog::template::fill;
use shopmaster_view::names;

use super::asked;
use crate::{
    SqlServerOptions,
    capture::targets::Dotted,
    column::{Column, facts_text},
    error::QueryResult,
    lexer::Token,
    row::{flag, number, text},
    schema::{SYNONYM, TableSchema, label},
    session::Session,
    view_query::Query,
};

/// How many views and functions are looked at: some read others that read others.
const MAX_OBJECTS: usize = 100;
/// How many tables are looked at.
const MAX_TABLES: usize = 40;
/// The functions that return the time when they are asked for it.
const CLOCKS: [&str; 6] = [
    "GETDATE",
    "SYSDATETIME",
    "GETUTCDATE",
    "SYSUTCDATETIME",
    "SYSDATETIMEOFFSET",
    "CURRENT_TIMESTAMP",
];
/// The words after which a table is named.
const BEFORE_A_TABLE: [&str; 3] = ["FROM", "JOIN", "APPLY"];

/// All that a view reads.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// By their object ids.
    pub(super) tables: BTreeMap<i32, BaseTable>,
    /// What the view reads and no trigger sees: the object, and why.
    pub(super) unwatchable: BTreeSet<(String, String)>,
}

/// A table that a view reads.
#[derive(Debug)]
pub(super) struct BaseTable {
    pub(super) object_id: i32,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) columns: Vec<FoundColumn>,
    /// Pairs of columns, given by table and number, that a foreign key makes equal.
    pub(super) foreign: Vec<(ColumnId, ColumnId)>,
}

/// A column by its table's object id and its number.
pub(super) type ColumnId = (i32, i32);

/// A column of a table or a view.
#[derive(Debug, Clone)]
pub(super) struct FoundColumn {
    pub(super) column: Column,
    /// Whether it is a key, or part of one.
    pub(super) is_in_key: bool,
}

/// What a view or function names.
struct Named {
    server: String,
    database: String,
    schema: String,
    name: String,
    object_id: i32,
    code: String,
    real: (String, String),
    base: String,
}

impl Sources {
    /// All that a view reads.
    pub(super) async fn of(
        session: &mut Session,
        options: &SqlServerOptions,
        view: &TableSchema,
    ) -> QueryResult<Self> {
        let mut sources = Self::default();
        let query = Query::of(session, view).await?;
        if let Some(clock) = CLOCKS.into_iter().find(|clock| query.has(clock)) {
            sources.unwatchable.insert((
                label(view),
                format!(
                    "it asks for the time with `{clock}`, and what the clock changes fires no trigger"
                ),
            ));
        }
        let mut left = VecDeque::from([view.object_id]);
        let mut met = BTreeSet::from([view.object_id]);
        let mut is_told = false;
        while let Some(object) = left.pop_front() {
            let all = include_str!("../sql/dependencies.sql");
            let rows = asked(session, all, &[&object]).await?.unwrap_or_default();
            is_told |= !rows.is_empty();
            for row in &rows {
                let named = Named::read(row)?;
                if let Some(deeper) = sources.take(options, named)
                    && met.len() < MAX_OBJECTS
                    && met.insert(deeper)
                {
                    left.push_back(deeper);
                }
            }
        }
        if !is_told {
            sources.take_named(session, options, &query).await?;
        }
        for table in sources.tables.values_mut() {
            table.columns = columns(session, table.object_id).await?;
            table.foreign = foreign(session, table.object_id).await?;
        }
        Ok(sources)
    }

    /// Takes what is named, and gives the view or function that has to be looked at.
    fn take(&mut self, options: &SqlServerOptions, named: Named) -> Option<i32> {
        let is_here =
            named.database.is_empty() || named.database.eq_ignore_ascii_case(&options.database);
        if !named.server.is_empty() || !is_here {
            let all = [&named.server, &named.database, &named.schema, &named.name];
            let all: Vec<_> = all.into_iter().map(String::as_str).collect();
            self.is_elsewhere(&all);
            return None;
        }
        match named.code.trim() {
            "U" => {
                self.add(named.object_id, named.real);
                None
            }
            "V" | "IF" | "TF" | "FN" => Some(named.object_id),
            SYNONYM => {
                let base = names::parts(&named.base).unwrap_or_default();
                let base: Vec<_> = base.iter().map(String::as_str).collect();
                let is_far = match base.as_slice() {
                    [_, _, _, _] => true,
                    [database, _, _] => !database.eq_ignore_ascii_case(&options.database),
                    _ => false,
                };
                match is_far {
                    true => self.is_elsewhere(&base),
                    false => {
                        let reason =
                            format!("it is a synonym: let the view name `{}` itself", named.base);
                        let name = format!("{}.{}", named.real.0, named.real.1);
                        self.unwatchable.insert((name, reason));
                    }
                }
                None
            }
            _ => None,
        }
    }

    fn add(&mut self, object_id: i32, (schema, name): (String, String)) {
        if self.tables.len() >= MAX_TABLES || schema.eq_ignore_ascii_case("shopmaster") {
            return;
        }
        self.tables.entry(object_id).or_insert(BaseTable {
            object_id,
            schema,
            name,
            columns: Vec::new(),
            foreign: Vec::new(),
        });
    }

    fn is_elsewhere(&mut self, parts: &[&str]) {
        let name: Vec<_> = parts
            .iter()
            .copied()
            .skip_while(|part| part.is_empty())
            .collect();
        let reason = "it is in another database, whose triggers cannot write into this one";
        self.unwatchable.insert((name.join("."), reason.to_owned()));
    }

    /// Takes the tables that the view's text names, on an engine that does not say what a view reads.
    async fn take_named(
        &mut self,
        session: &mut Session,
        options: &SqlServerOptions,
        query: &Query,
    ) -> QueryResult<()> {
        let all = include_str!("../sql/base_tables.sql");
        for row in asked(session, all, &[]).await?.unwrap_or_default() {
            let (schema, name) = (text(&row, 1)?, text(&row, 2)?);
            if query.has(&name) {
                self.add(number(&row, 0)?, (schema, name));
            }
        }
        for name in dotted(query.tokens()) {
            let name: Vec<_> = name.parts().collect();
            let is_far = match name.as_slice() {
                [_, _, _, _] => true,
                [database, _, _] => !database.eq_ignore_ascii_case(&options.database),
                _ => false,
            };
            if is_far {
                self.is_elsewhere(&name);
            }
        }
        Ok(())
    }
}

impl Named {
    fn read(row: &tiberius::Row) -> QueryResult<Self> {
        Ok(Self {
            server: text(row, 0)?,
            database: text(row, 1)?,
            schema: text(row, 2)?,
            name: text(row, 3)?,
            object_id: number(row, 4)?,
            code: text(row, 5)?,
            real: (text(row, 6)?, text(row, 7)?),
            base: text(row, 8)?,
        })
    }
}

impl BaseTable {
    /// The table, for people and for the configuration.
    pub(super) fn label(&self) -> String {
        names::dotted([&self.schema, &self.name])
    }

    /// The columns that a foreign key makes equal to this one.
    pub(super) fn partners(&self, column_id: i32) -> impl Iterator<Item = ColumnId> {
        let own = (self.object_id, column_id);
        self.foreign
            .iter()
            .filter_map(move |(one, other)| match own {
                own if own == *one => Some(*other),
                own if own == *other => Some(*one),
                _ => None,
            })
    }
}

/// The names of tables that a query reads from.
fn dotted(tokens: &[Token]) -> Vec<Dotted> {
    let places = tokens.iter().enumerate();
    let places = places.filter(|(_, token)| token.is_one_of(&BEFORE_A_TABLE));
    places
        .filter_map(|(place, _)| Some(Dotted::read(tokens.get(place + 1..)?)?.0))
        .collect()
}

/// The columns of a table or a view.
pub(super) async fn columns(
    session: &mut Session,
    object_id: i32,
) -> QueryResult<Vec<FoundColumn>> {
    let rows = asked(session, &columns_text(), &[&object_id]).await?;
    let rows = rows.unwrap_or_default();
    let column = |row| {
        Ok(FoundColumn {
            is_in_key: flag(row, 0)?,
            column: Column::read(row, 1)?,
        })
    };
    rows.iter().map(column).collect()
}

async fn foreign(session: &mut Session, object_id: i32) -> QueryResult<Vec<(ColumnId, ColumnId)>> {
    let all = include_str!("../sql/foreign_keys.sql");
    let rows = asked(session, all, &[&object_id])
        .await?
        .unwrap_or_default();
    let pair = |row| {
        Ok((
            (number(row, 0)?, number(row, 1)?),
            (number(row, 2)?, number(row, 3)?),
        ))
    };
    rows.iter().map(pair).collect()
}

/// Which table's column each column of the view comes from: its name, and the table's schema, name and column. Empty where
/// the server does not say.
pub(super) async fn column_sources(
    session: &mut Session,
    view: &TableSchema,
) -> QueryResult<Vec<[String; 4]>> {
    let sql = format!("SELECT * FROM {}", view.quoted());
    let all = include_str!("../sql/column_sources.sql");
    let rows = asked(session, all, &[&sql]).await?.unwrap_or_default();
    let one = |row| Ok([text(row, 0)?, text(row, 1)?, text(row, 2)?, text(row, 3)?]);
    rows.iter().map(one).collect()
}

fn columns_text() -> String {
    fill(
        include_str!("../sql/table_columns.sql"),
        &[("facts", facts_text())],
    )
}

/// The texts with their names, for a grammar.
pub(crate) fn texts() -> Vec<(&'static str, String)> {
    vec![
        (
            "dependencies",
            include_str!("../sql/dependencies.sql").to_owned(),
        ),
        (
            "base_tables",
            include_str!("../sql/base_tables.sql").to_owned(),
        ),
        ("table_columns", columns_text()),
        (
            "foreign_keys",
            include_str!("../sql/foreign_keys.sql").to_owned(),
        ),
        (
            "column_sources",
            include_str!("../sql/column_sources.sql").to_owned(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::tokens;

    #[test]
    fn names_of_several_parts_are_found_where_tables_are() {
        let query = "SELECT a.b.c FROM dbo.Goods g JOIN [Other].[dbo].[Pri]]ces] p ON p.x = g.x CROSS APPLY Far..T";
        let names = dotted(&tokens(query));
        let names = names
            .iter()
            .map(|name| name.parts().collect::<Vec<_>>().join("|"));
        let expected = ["DBO|GOODS", "OTHER|DBO|PRI]CES", "FAR||T"];
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }
}

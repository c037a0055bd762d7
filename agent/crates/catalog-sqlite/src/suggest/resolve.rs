//! Which table each column of a view comes from, and which columns have the same value.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};

use super::{
    super::{error::QueryResult, schema::TableSchema},
    select::{self, Defined, From, Output, Part, Reference, Select, Shared, Source},
    tokens::{self, Token, closing},
};

/// Views over views are followed to this depth.
const MAX_DEPTH: usize = 16;
/// How many sources are looked at: views that read others twice, which do so too, would have no end.
const MAX_SOURCES: usize = 500;
/// The functions that return the time when they are asked for it.
const CLOCKS: [&str; 6] = [
    "date",
    "time",
    "datetime",
    "julianday",
    "strftime",
    "unixepoch",
];
const CLOCK_WORDS: [&str; 3] = ["current_timestamp", "current_date", "current_time"];

/// All that a view reads.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// The tables, once for each time that they are read.
    pub(super) tables: Vec<TableSchema>,
    /// What the view reads and no trigger sees: the object, and why.
    pub(super) unwatchable: Vec<(String, String)>,
    /// The names that the tables have where they are read.
    pub(super) names: Vec<(String, String)>,
    /// The view's columns.
    pub(super) columns: Vec<(String, Vec<Value>)>,
    /// The values of the tables' columns.
    values: HashMap<(usize, String), Value>,
    /// For each value, another one that is the same; itself, if it stands for all of them.
    same: Vec<Value>,
}

/// The value of a table's column in a row of the view.
pub(super) type Value = usize;

/// The columns that a source has, with the values that each may have.
type Columns = Vec<(String, Vec<Value>)>;

/// What names stand for.
#[derive(Debug, Clone, Default)]
struct Scope<'s> {
    sources: Vec<(String, Columns)>,
    defined: Vec<&'s Defined>,
}

struct Resolver<'c> {
    connection: &'c Connection,
    found: Resolved,
    /// The views that are being read.
    views: Vec<String>,
    /// How many sources were looked at.
    sources: usize,
}

/// All that a view reads.
pub(super) fn resolve(connection: &Connection, view: &str) -> QueryResult<Resolved> {
    let mut resolver = Resolver {
        connection,
        found: Resolved::default(),
        views: Vec::new(),
        sources: 0,
    };
    resolver.found.columns = resolver.view(view)?;
    Ok(resolver.found)
}

impl Resolved {
    /// The value of a table's column.
    pub(super) fn value(&self, table: usize, column: &str) -> Option<Value> {
        let value = self.values.get(&(table, column.to_ascii_lowercase()));
        value.copied()
    }

    /// The value that stands for all that are the same as this one.
    pub(super) fn representative(&self, value: Value) -> Value {
        let mut value = value;
        while self.same[value] != value {
            value = self.same[value];
        }
        value
    }

    /// The columns of all tables that have the same value as this one.
    pub(super) fn same_as(&self, value: Value) -> Vec<(usize, &str)> {
        let root = self.representative(value);
        let same = self.values.iter();
        let mut same: Vec<_> = same
            .filter(|(_, other)| **other != value && self.representative(**other) == root)
            .map(|((table, column), _)| (*table, column.as_str()))
            .collect();
        same.sort_unstable();
        same
    }

    fn unite(&mut self, one: Value, other: Value) {
        let (one, other) = (self.representative(one), self.representative(other));
        self.same[one] = other;
    }
}

impl Resolver<'_> {
    /// The columns of a view.
    fn view(&mut self, name: &str) -> QueryResult<Columns> {
        let is_it = |other: &String| other.eq_ignore_ascii_case(name);
        if self.views.iter().any(is_it) || self.views.len() >= MAX_DEPTH {
            return Ok(Vec::new());
        }
        let text: Option<String> = self
            .connection
            .prepare_cached(include_str!("../sql/view_text.sql"))?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let tokens = tokens::read(&text.unwrap_or_default());
        if let Some(clock) = clock(&tokens) {
            let reason = format!(
                "it asks for the time with {clock}, and what the clock changes fires no trigger"
            );
            self.found.unwatchable.push((name.to_owned(), reason));
        }
        let (names, select) = select::of_view(&tokens);
        self.views.push(name.to_owned());
        let columns = self.select(&select, &Scope::default());
        self.views.pop();
        Ok(renamed(columns?, &names))
    }

    fn select<'s>(&mut self, select: &'s Select, outer: &Scope<'s>) -> QueryResult<Columns> {
        let mut scope = outer.clone();
        scope.defined.extend(&select.with);
        let mut columns: Columns = Vec::new();
        for part in &select.parts {
            for (index, (name, values)) in self.part(part, &scope)?.into_iter().enumerate() {
                match columns.get_mut(index) {
                    // The first part names the columns.
                    Some((_, all)) => all.extend(values),
                    None => columns.push((name, values)),
                }
            }
        }
        Ok(columns)
    }

    fn part<'s>(&mut self, part: &'s Part, outer: &Scope<'s>) -> QueryResult<Columns> {
        let mut own: Vec<(String, Columns)> = Vec::new();
        let mut shared = Vec::new();
        for source in &part.sources {
            let columns = self.source(source, outer)?;
            for name in shared_names(source, &columns, &own) {
                let before = find(&own, None, &name);
                let here = values_of(&columns, &name);
                self.unite_all(&before, &here);
                shared.push((own.len(), name));
            }
            own.push((source.name.clone(), columns));
        }
        let mut scope = outer.clone();
        // The nearest source of a name is meant.
        scope.sources.splice(0..0, own.iter().cloned());
        for (left, right) in &part.equal {
            let (left, right) = (scope.values(left), scope.values(right));
            self.unite_all(&left, &right);
        }
        for (value, select) in &part.nested {
            let columns = self.select(select, &scope)?;
            if let (Some(value), Some((_, first))) = (value, columns.first()) {
                let value = scope.values(value);
                self.unite_all(&value, first);
            }
        }
        let mut columns = Vec::new();
        for output in &part.columns {
            match output {
                Output::All(of) => {
                    for (index, (name, all)) in own.iter().enumerate() {
                        let is_it = of.as_ref().is_none_or(|of| of.eq_ignore_ascii_case(name));
                        let is_new = |(name, _): &&(String, Vec<Value>)| {
                            let mut known = shared.iter();
                            of.is_some()
                                || !known.any(|it| it.0 == index && it.1.eq_ignore_ascii_case(name))
                        };
                        columns.extend(all.iter().filter(|_| is_it).filter(is_new).cloned());
                    }
                }
                Output::Value(value, name) => {
                    let values = value.as_ref().map_or_else(Vec::new, |it| scope.values(it));
                    columns.push((name.clone().unwrap_or_default(), values));
                }
            }
        }
        Ok(columns)
    }

    fn source<'s>(&mut self, source: &'s Source, outer: &Scope<'s>) -> QueryResult<Columns> {
        self.sources += 1;
        if self.sources > MAX_SOURCES {
            return Ok(Vec::new());
        }
        let table = match &source.from {
            From::Function => return Ok(Vec::new()),
            From::Select(select) => return self.select(select, outer),
            From::Table(table) => table,
        };
        let defined = outer
            .defined
            .iter()
            .rposition(|it| it.name.eq_ignore_ascii_case(table));
        if let Some(at) = defined {
            // A table of WITH knows those before it, and not itself.
            let scope = Scope {
                sources: Vec::new(),
                defined: outer.defined[..at].to_vec(),
            };
            let defined = outer.defined[at];
            return Ok(renamed(
                self.select(&defined.select, &scope)?,
                &defined.columns,
            ));
        }
        let Some(schema) = TableSchema::of(self.connection, table)? else {
            return Ok(Vec::new());
        };
        match schema.kind.as_str() {
            "view" => self.view(&schema.name),
            "table" => {
                let names = &mut self.found.names;
                names.push((source.name.clone(), schema.name.clone()));
                Ok(self.table(schema))
            }
            _ => {
                let reason = "it is a virtual table, which cannot have triggers".to_owned();
                self.found.unwatchable.push((schema.name, reason));
                Ok(Vec::new())
            }
        }
    }

    fn table(&mut self, schema: TableSchema) -> Columns {
        let found = &mut self.found;
        let table = found.tables.len();
        let mut columns = Vec::new();
        for column in &schema.columns {
            let value = found.same.len();
            found.same.push(value);
            found
                .values
                .insert((table, column.name.to_ascii_lowercase()), value);
            columns.push((column.name.clone(), vec![value]));
        }
        found.tables.push(schema);
        columns
    }

    fn unite_all(&mut self, left: &[Value], right: &[Value]) {
        for left in left {
            for right in right {
                self.found.unite(*left, *right);
            }
        }
    }
}

impl Scope<'_> {
    fn values(&self, reference: &Reference) -> Vec<Value> {
        find(
            &self.sources,
            reference.source.as_deref(),
            &reference.column,
        )
    }
}

/// The values of a column, in the first source that has it.
fn find(sources: &[(String, Columns)], source: Option<&str>, column: &str) -> Vec<Value> {
    let is_it = |name: &str| source.is_none_or(|source| source.eq_ignore_ascii_case(name));
    let found = sources
        .iter()
        .filter(|(name, _)| is_it(name))
        .map(|(_, columns)| values_of(columns, column));
    found
        .into_iter()
        .find(|values| !values.is_empty())
        .unwrap_or_default()
}

fn values_of(columns: &Columns, column: &str) -> Vec<Value> {
    let found = columns
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(column));
    found.map_or_else(Vec::new, |(_, values)| values.clone())
}

/// The names of the columns that a source shares with those before it.
fn shared_names(source: &Source, columns: &Columns, before: &[(String, Columns)]) -> Vec<String> {
    match &source.shared {
        Shared::None => Vec::new(),
        Shared::Using(names) => names.clone(),
        Shared::Natural => {
            let names = columns.iter().map(|(name, _)| name.clone());
            names
                .filter(|name| !find(before, None, name).is_empty())
                .collect()
        }
    }
}

fn renamed(mut columns: Columns, names: &[String]) -> Columns {
    for ((column, _), name) in columns.iter_mut().zip(names) {
        column.clone_from(name);
    }
    columns
}

/// What asks for the time in a text, as it is written there.
fn clock(tokens: &[Token]) -> Option<String> {
    let is_now = |token: &Token| match token {
        Token::Text(text) | Token::Name(text) => text.eq_ignore_ascii_case("now"),
        _ => false,
    };
    tokens.iter().enumerate().find_map(|(index, token)| {
        let Token::Word(word) = token else {
            return None;
        };
        let is_column = index > 0 && tokens[index - 1] == Token::Symbol('.');
        if CLOCK_WORDS.iter().any(|it| it.eq_ignore_ascii_case(word)) && !is_column {
            return Some(format!("`{word}`"));
        }
        let is_called = tokens.get(index + 1) == Some(&Token::Symbol('('));
        if !is_called || !CLOCKS.iter().any(|it| it.eq_ignore_ascii_case(word)) {
            return None;
        }
        let arguments = &tokens[index + 2..closing(tokens, index + 1)];
        match arguments.iter().any(is_now) {
            true => Some(format!("`{word}('now')`")),
            // Without a time, it is now.
            false => arguments.is_empty().then(|| format!("`{word}()`")),
        }
    })
}

//! What the old program left in a database, told from what only looks similar.

use shopmaster_catalog::template::fill;
use tiberius::Row;

use crate::{
    captured::Captured,
    error::QueryResult,
    lexer::{Token, tokens},
    quote::{identifier, literal},
    row::text,
    session::Session,
};

/// The name that the old program's table gets.
pub(crate) const KEPT: &str = "ChangeLog_shopmaster_old";

/// The columns of the old program's ChangeLog, in order, with their possible types.
const COLUMNS: [(&str, &[&str]); 8] = [
    ("LogID", &["int"]),
    ("ChangeType", &["nvarchar"]),
    ("ProductID", &["varchar"]),
    ("ProductName", &["varchar"]),
    ("SellPrice", &["numeric", "decimal"]),
    ("QrCode", &["varchar"]),
    ("Status", &["int"]),
    ("ChangeDateTime", &["datetime"]),
];

/// The words in the old program's triggers; names of one or two letters are aliases.
const WORDS: [&str; 55] = [
    "CREATE",
    "ALTER",
    "TRIGGER",
    "AFTER",
    "FOR",
    "WITH",
    "BEGIN",
    "END",
    "SET",
    "NOCOUNT",
    "OFF",
    "EXISTS",
    "NOT",
    "SELECT",
    "DISTINCT",
    "TOP",
    "FROM",
    "WHERE",
    "AND",
    "INSERT",
    "INTO",
    "VALUES",
    "UPDATE",
    "DELETE",
    "INNER",
    "LEFT",
    "RIGHT",
    "OUTER",
    "FULL",
    "JOIN",
    "NULL",
    "ISNULL",
    "COALESCE",
    "RETURN",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "EXCEPT",
    "UNION",
    "GETDATE",
    "INSERTED",
    "DELETED",
    "CHANGELOG",
    "LOGID",
    "CHANGETYPE",
    "PRODUCTID",
    "PRODUCTNAME",
    "SELLPRICE",
    "QRCODE",
    "STATUS",
    "CHANGEDATETIME",
    "LIKE",
    "GROUP",
    "ORDER",
];

/// The old program's objects for the product table, and objects that only look like them.
#[derive(Debug, Default)]
pub(crate) struct LegacyProgram {
    pub(crate) log: Option<LegacyLog>,
    pub(crate) triggers: Vec<LegacyTrigger>,
    /// Objects with such a name that are the shop's own, one line each, for people.
    pub(crate) lookalikes: Vec<String>,
    /// Other objects that use the log, and would fail without it.
    pub(crate) users: Vec<String>,
    /// The name that the log will have.
    pub(crate) kept: String,
}

/// The old program's ChangeLog.
#[derive(Debug, Clone)]
pub(crate) struct LegacyLog {
    pub(crate) schema: String,
    name: String,
}

/// One of the old program's triggers on the product table.
#[derive(Debug)]
pub(crate) struct LegacyTrigger {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) definition: String,
}

impl LegacyProgram {
    /// Reads what is there, in one round trip.
    pub(crate) async fn read(session: &mut Session, table: &Captured) -> QueryResult<Self> {
        let mut results = session.batch(&found_text(table)).await?.into_iter();
        let mut next = || results.next().unwrap_or_default();
        let (columns, triggers, modules) = (next(), next(), next());
        let mut old = Self::default();
        old.take_logs(&columns, table)?;
        old.take_triggers(&triggers, table)?;
        old.take_users(&modules)?;
        Ok(old)
    }

    /// The old program's objects, and the table that they are of: of several tables, the one with its triggers.
    pub(crate) async fn find(
        session: &mut Session,
        tables: Vec<Captured>,
    ) -> QueryResult<Option<(Captured, Self)>> {
        let mut first = None;
        for table in tables {
            let old = Self::read(session, &table).await?;
            if !old.triggers.is_empty() {
                return Ok(Some((table, old)));
            }
            first.get_or_insert((table, old));
        }
        Ok(first)
    }

    /// Whether anything is left to adopt.
    pub(crate) fn is_needed(&self) -> bool {
        !self.triggers.is_empty() || (self.log.is_some() && self.users.is_empty())
    }

    fn take_logs(&mut self, rows: &[Row], table: &Captured) -> QueryResult<()> {
        let mut names: Vec<(String, String)> = Vec::new();
        for row in rows {
            let name = (text(row, 0)?, text(row, 1)?);
            if names.last() != Some(&name) {
                names.push(name);
            }
        }
        let taken = |schema: &str, name: &str| {
            names.iter().any(|(own, other)| {
                own.eq_ignore_ascii_case(schema) && other.eq_ignore_ascii_case(name)
            })
        };
        for (schema, name) in &names {
            if !name.eq_ignore_ascii_case("ChangeLog") {
                continue;
            }
            let mut columns = Vec::new();
            for row in rows {
                if text(row, 0)? == *schema && text(row, 1)? == *name {
                    columns.push((
                        text(row, 3)?,
                        text(row, 4)?,
                        row.try_get::<i32, _>(5)? == Some(1),
                    ));
                }
            }
            if !is_old_log(&columns) {
                self.lookalikes.push(format!(
                    "the table `{schema}.{name}` has columns that differ from the old program's: it is the shop's own and stays"
                ));
                continue;
            }
            let is_nearer = schema.eq_ignore_ascii_case(&table.schema);
            if self.log.is_none() || is_nearer {
                self.kept = free(|name| taken(schema, name));
                self.log = Some(LegacyLog {
                    schema: schema.clone(),
                    name: name.clone(),
                });
            }
        }
        Ok(())
    }

    fn take_triggers(&mut self, rows: &[Row], table: &Captured) -> QueryResult<()> {
        for row in rows {
            let (schema, name) = (text(row, 0)?, text(row, 1)?);
            let (parent_id, parent) = (row.try_get::<i32, _>(2)?, text(row, 3)?);
            let definition = text(row, 4)?;
            let reason = if parent_id != Some(table.object_id) {
                Some(format!("is on `{schema}.{parent}`"))
            } else if !is_old_trigger(&name, &definition, table) {
                Some("does something different from the old program's".to_owned())
            } else {
                None
            };
            match reason {
                Some(reason) => self.lookalikes.push(format!(
                    "the trigger `{schema}.{name}` {reason}: it is the shop's own and stays"
                )),
                None => self.triggers.push(LegacyTrigger {
                    schema,
                    name,
                    definition,
                }),
            }
        }
        Ok(())
    }

    fn take_users(&mut self, rows: &[Row]) -> QueryResult<()> {
        if self.log.is_none() {
            return Ok(());
        }
        for row in rows {
            let (schema, name) = (text(row, 0)?, text(row, 1)?);
            let is_ours = name.to_lowercase().starts_with("shopmaster_capture_");
            let is_old = self
                .triggers
                .iter()
                .any(|trigger| trigger.schema == schema && trigger.name == name);
            let names_it = tokens(&text(row, 2)?)
                .iter()
                .any(|token| token.names("ChangeLog"));
            if names_it && !is_ours && !is_old {
                self.users.push(format!("{schema}.{name}"));
            }
        }
        Ok(())
    }
}

impl LegacyLog {
    /// The name, quoted for T-SQL.
    pub(crate) fn quoted(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }

    /// The name, for people.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

impl LegacyTrigger {
    /// The name, quoted for T-SQL.
    pub(crate) fn quoted(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }
}

/// The statement that reads what is there.
pub(crate) fn found_text(table: &Captured) -> String {
    fill(
        include_str!("../sql/old_found.sql"),
        &[("schema", &literal(&table.schema))],
    )
}

/// Whether a table with these columns is the old program's ChangeLog. They are given as name, type and whether
/// they are identity columns.
fn is_old_log(columns: &[(String, String, bool)]) -> bool {
    columns.len() == COLUMNS.len()
        && columns
            .iter()
            .zip(COLUMNS)
            .all(|((name, data_type, counts), (expected, types))| {
                name.eq_ignore_ascii_case(expected)
                    && types.iter().any(|one| one.eq_ignore_ascii_case(data_type))
                    && *counts == (expected == "LogID")
            })
}

/// Whether a trigger with one of the three names is the old program's: it uses only `inserted`, `deleted` and
/// ChangeLog, and writes to ChangeLog. The text of the trigger for INSERT is known, so it is checked more
/// strictly.
fn is_old_trigger(name: &str, definition: &str, table: &Captured) -> bool {
    let tokens = tokens(definition);
    let has = |word: &str| tokens.iter().any(|token| token.names(word));
    let is_known = |token: &Token| match token {
        Token::Sign(_) | Token::Text => true,
        Token::Word(word) => is_alias(word) || is_known_name(word, name, table),
        Token::Quoted(quoted) => is_known_name(&quoted.to_uppercase(), name, table),
    };
    let writes_log = tokens.iter().enumerate().any(|(place, token)| {
        let target = tokens[place + 1..].iter().filter(|token| !token.is("INTO"));
        token.is("INSERT") && in_changelog(target)
    });
    if !writes_log || !tokens.iter().all(is_known) || may_write_table(&tokens, table) {
        return false;
    }
    if !name.eq_ignore_ascii_case("trgAfterInsert") {
        return true;
    }
    let columns = ["ProductID", "ProductName", "SellPrice", "QrCode", "Status"];
    columns.iter().all(|column| has(column))
        && ["NOCOUNT", "NOT", "EXISTS", "inserted"]
            .iter()
            .all(|word| has(word))
        && !["UPDATE", "DELETE", "deleted"].iter().any(|word| has(word))
}

/// Whether the product table is named after the trigger's head, and something other than the log is written to:
/// the table, or an alias that may stand for it.
fn may_write_table(tokens: &[Token], table: &Captured) -> bool {
    let head = tokens.iter().position(|token| token.is("AS"));
    let body = &tokens[head.map_or(0, |place| place + 1)..];
    let writes_other = body.iter().enumerate().any(|(place, token)| {
        let is_write = ["INSERT", "UPDATE", "DELETE"]
            .iter()
            .any(|word| token.is(word));
        let behind = body[place + 1..].iter();
        is_write && !in_changelog(behind.filter(|token| !token.is("INTO") && !token.is("FROM")))
    });
    writes_other && body.iter().any(|token| token.names(&table.name))
}

/// Whether the tokens begin with the log's name, with or without a schema.
fn in_changelog<'a>(tokens: impl Iterator<Item = &'a Token>) -> bool {
    let name: Vec<_> = tokens.take(3).collect();
    match name.as_slice() {
        [first, ..] if first.names("ChangeLog") => true,
        [_, Token::Sign('.'), last] => last.names("ChangeLog"),
        _ => false,
    }
}

/// Whether a word is an alias: a short word, a number or a variable. `LegacyLog` counts as a table.
fn is_alias(word: &str) -> bool {
    word.len() <= 2
        || ["INS", "DEL", "NEW", "OLD"].contains(&word)
        || word.starts_with(|first: char| first.is_ascii_digit() || first == '@')
}

/// Whether `word`, in upper case, is a name that the old program's triggers use.
fn is_known_name(word: &str, name: &str, table: &Captured) -> bool {
    let is = |other: &str| word == other.to_uppercase();
    WORDS.contains(&word) || is(name) || is(&table.name) || is(&table.schema)
}

/// The first free name for the log.
fn free(taken: impl Fn(&str) -> bool) -> String {
    let mut name = KEPT.to_owned();
    let mut number = 2;
    while taken(&name) {
        name = format!("{KEPT}_{number}");
        number += 1;
    }
    name
}

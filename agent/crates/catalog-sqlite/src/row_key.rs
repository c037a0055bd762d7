//! The key of a row: one value, or several that are unique together.
//!
//! Several are shown as one id, with a separator between them. A row whose id would not show where one part ends is
//! shown as a list of SQL literals instead, such as `('3-4', 'A')`, and has a [`Problem`], like any row whose key is
//! neither text nor an integer.

use std::str;

use rusqlite::{Connection, params_from_iter};
use shopmaster_catalog::{KeyColumns, decimal::shortened};
use shopmaster_product::{Problem, ProductId};

use super::{
    SqliteOptions,
    error::QueryResult,
    key::{Key, hexadecimal, real},
    quote, statements,
};

/// The values of a row's key columns, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RowKey(Vec<Key>);

impl RowKey {
    /// The key in the first columns of a row.
    pub(super) fn read(row: &rusqlite::Row<'_>, columns: &KeyColumns) -> rusqlite::Result<Self> {
        let parts = columns.names().enumerate();
        let parts = parts.map(|(index, _)| Ok(Key::of(row.get_ref(index)?)));
        Ok(Self(parts.collect::<rusqlite::Result<_>>()?))
    }

    /// A key that no row has.
    pub(super) fn of_no_row(columns: &KeyColumns) -> Self {
        let nothing = || Key::Blob(b"shopMaster looks for no row".to_vec());
        Self(columns.names().map(|_| nothing()).collect())
    }

    /// The keys that `id` may stand for, the most likely first; at least one.
    pub(super) fn candidates(id: &ProductId, columns: &KeyColumns) -> Vec<Self> {
        if !columns.is_composite() {
            return Key::candidates(id).map(|key| Self(vec![key])).collect();
        }
        let text = id.to_string();
        let mut candidates = match columns.split(&text) {
            Some(parts) => combinations(&parts),
            None => Vec::new(),
        };
        candidates.extend(literals(&text).filter(|key| key.0.len() == columns.names().count()));
        if candidates.is_empty() {
            // No row has such an id, and a scan continues after it.
            let parts = columns.names().enumerate().map(|(index, _)| match index {
                0 => Key::Text(text.clone().into_bytes()),
                _ => Key::Null,
            });
            candidates.push(Self(parts.collect()));
        }
        candidates
    }

    /// The key after which to continue: only a row shows whether `NULL` is text or the value NULL.
    ///
    /// If both exist, it is the later one, so that no scan runs in circles.
    pub(super) fn position(
        connection: &Connection,
        options: &SqliteOptions,
        id: &ProductId,
    ) -> QueryResult<Self> {
        let columns = &options.mapping.columns.id;
        let mut candidates = Self::candidates(id, columns);
        if candidates.len() > 1 {
            let sql = statements::position(options, candidates.len());
            let mut statement = connection.prepare_cached(&sql)?;
            let values = candidates.iter().flat_map(Self::values);
            if let Some(row) = statement.query(params_from_iter(values))?.next()? {
                return Ok(Self::read(row, columns)?);
            }
        }
        Ok(candidates.swap_remove(0))
    }

    /// The values.
    pub(super) fn values(&self) -> &[Key] {
        &self.0
    }

    pub(super) fn has_null(&self) -> bool {
        self.0.contains(&Key::Null)
    }

    /// How the key is shown, and why its row cannot be sent, if so.
    pub(super) fn shown(&self, columns: &KeyColumns) -> (ProductId, Option<Problem>) {
        if let [key] = &self.0[..] {
            return key.shown();
        }
        match self.joined(columns) {
            Ok(id) => (ProductId::Text(id), None),
            Err(problem) => {
                let parts: Vec<_> = self.0.iter().map(literal).collect();
                let id = format!("({})", parts.join(", "));
                (ProductId::Text(id), Some(problem))
            }
        }
    }

    /// The parts with the separator between them.
    fn joined(&self, columns: &KeyColumns) -> Result<String, Problem> {
        let texts: Vec<_> = self
            .0
            .iter()
            .zip(columns.names())
            .map(|(part, column)| text(part, column))
            .collect::<Result<_, _>>()?;
        let parts: Vec<_> = texts.iter().map(String::as_str).collect();
        columns.join(&parts).ok_or_else(|| {
            let separator = columns.separator();
            let unclear = parts.iter().zip(columns.names());
            let unclear =
                unclear
                    .filter(|(part, _)| !columns.is_clear(part))
                    .map(|(part, column)| {
                        let how = match part.contains(separator) {
                            true => "contains",
                            false => "ends like",
                        };
                        format!(
                            "`{column}` {how} the separator `{separator}`: `{}`",
                            shortened(part)
                        )
                    });
            Problem(format!("the key's {}", unclear.take(1).collect::<String>()))
        })
    }
}

/// A part as text, or why it cannot be part of an id.
fn text(part: &Key, column: &str) -> Result<String, Problem> {
    let kind = match part {
        Key::Integer(number) => return Ok(number.to_string()),
        Key::Text(bytes) => match str::from_utf8(bytes) {
            Ok(text) => return Ok(text.to_owned()),
            Err(_) => "not UTF-8",
        },
        Key::Null => "NULL",
        Key::Real(_) => "a REAL",
        Key::Blob(_) => "a BLOB",
    };
    let shown = literal(part);
    let shown = shortened(&shown);
    Err(Problem(format!(
        "the key's `{column}` is {kind}, not TEXT or INTEGER: {shown}"
    )))
}

/// A value as SQLite's own `quote` writes it, where it can.
fn literal(part: &Key) -> String {
    match part {
        Key::Integer(number) => number.to_string(),
        Key::Text(bytes) => match str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => quote::text(text),
            _ => format!("CAST(X'{}' AS TEXT)", hexadecimal(bytes)),
        },
        Key::Null => "NULL".to_owned(),
        Key::Real(number) => real(*number),
        Key::Blob(bytes) => format!("X'{}'", hexadecimal(bytes)),
    }
}

/// The keys that these parts of an id may stand for: a part that looks like an integer may be one.
fn combinations(parts: &[&str]) -> Vec<RowKey> {
    let mut keys = vec![RowKey(Vec::new())];
    for part in parts {
        let as_text = Key::Text(part.as_bytes().to_vec());
        let forms = || [Some(as_text.clone()), Key::integer(part)];
        let with = |key: RowKey| {
            let forms = forms().into_iter().flatten();
            forms.map(move |form| RowKey([key.0.clone(), vec![form]].concat()))
        };
        keys = keys.into_iter().flat_map(with).collect();
    }
    keys
}

/// The key that a list of literals stands for.
fn literals(id: &str) -> Option<RowKey> {
    let mut rest = id.strip_prefix('(')?.strip_suffix(')')?;
    let mut parts = Vec::new();
    loop {
        let end = end_of_literal(rest);
        parts.push(value(&rest[..end])?);
        match rest[end..].strip_prefix(", ") {
            Some(more) => rest = more,
            None => return rest[end..].is_empty().then_some(RowKey(parts)),
        }
    }
}

/// Where the first literal in `text` ends: before the next comma that is not between quotes.
fn end_of_literal(text: &str) -> usize {
    let mut is_quoted = false;
    let end = text.char_indices().find(|(_, c)| {
        is_quoted ^= *c == '\'';
        *c == ',' && !is_quoted
    });
    end.map_or(text.len(), |(end, _)| end)
}

fn value(literal: &str) -> Option<Key> {
    if let Some(text) = literal.strip_prefix('\'') {
        let text = text.strip_suffix('\'')?.replace("''", "'");
        return Some(Key::Text(text.into_bytes()));
    }
    if let Ok(number) = literal.parse() {
        return Some(Key::Integer(number));
    }
    Key::odd(&ProductId::Text(literal.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> KeyColumns {
        KeyColumns::several("Company", vec!["Item".to_owned()], "-")
    }

    fn word(text: &str) -> Key {
        Key::Text(text.as_bytes().to_vec())
    }

    #[test]
    fn the_parts_of_a_key_come_back_from_its_id() {
        for (parts, id) in [
            ([Key::Integer(3), word("A-1")], "3-A-1"),
            ([word("ä"), Key::Integer(7)], "ä-7"),
            ([word(""), word("")], "-"),
        ] {
            let key = RowKey(parts.to_vec());
            let (shown, problem) = key.shown(&two());
            assert_eq!((shown.to_string().as_str(), problem), (id, None));
            let candidates = RowKey::candidates(&shown, &two());
            assert!(candidates.contains(&key), "{candidates:?}");
        }
    }

    #[test]
    fn a_key_that_makes_no_clear_id_is_a_list_of_literals() {
        for (parts, id, problem) in [
            (
                [word("3-4"), word("it's")],
                "('3-4', 'it''s')",
                "the key's `Company` contains the separator `-`: `3-4`",
            ),
            (
                [Key::Integer(-3), word("A")],
                "(-3, 'A')",
                "the key's `Company` contains the separator `-`: `-3`",
            ),
            (
                [Key::Null, word(", ")],
                "(NULL, ', ')",
                "the key's `Company` is NULL, not TEXT or INTEGER: NULL",
            ),
            (
                [word("a"), Key::Real(1.5)],
                "('a', 1.5)",
                "the key's `Item` is a REAL, not TEXT or INTEGER: 1.5",
            ),
            (
                [Key::Blob(vec![1, 0xAB]), Key::Text(vec![b'a', 0xFF])],
                "(X'01AB', CAST(X'61FF' AS TEXT))",
                "the key's `Company` is a BLOB, not TEXT or INTEGER: X'01AB'",
            ),
        ] {
            let key = RowKey(parts.to_vec());
            let (shown, found) = key.shown(&two());
            assert_eq!(shown.to_string(), id);
            assert_eq!(found.unwrap().to_string(), problem);
            assert!(RowKey::candidates(&shown, &two()).contains(&key), "{id}");
        }
    }

    #[test]
    fn a_part_that_ends_like_the_separator_makes_no_clear_id() {
        let dashes = KeyColumns::several("Company", vec!["Item".to_owned()], "--");
        let key = RowKey(vec![word("3-"), word("A")]);
        let (shown, problem) = key.shown(&dashes);
        assert_eq!(shown.to_string(), "('3-', 'A')");
        assert_eq!(
            problem.unwrap().to_string(),
            "the key's `Company` ends like the separator `--`: `3-`"
        );
    }

    #[test]
    fn an_id_of_another_kind_of_key_is_still_a_position() {
        for id in ["", "A", "(1)", "('a', 'b', 'c')"] {
            let candidates = RowKey::candidates(&ProductId::Text(id.to_owned()), &two());
            assert_eq!(candidates.len(), 1, "{id}");
            assert_eq!(candidates[0].values(), [word(id), Key::Null]);
        }
    }
}

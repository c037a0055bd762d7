//! Objects that have one of shopMaster's names or are in its schema, as the catalog views describe them.

use tiberius::Row;

use super::{
    data_type::DataType,
    error::QueryResult,
    quote::identifier,
    row::{number, text},
};

/// shopMaster's own schema.
pub(crate) const SCHEMA: &str = "shopmaster";
/// The objects in the schema.
pub(crate) const CHANGE_LOG: &str = "ChangeLog";
pub(crate) const PENDING: &str = "Pending";
pub(crate) const OWNER: &str = "Owner";
/// The prefix of the names of shopMaster's triggers.
pub(crate) const TRIGGER: &str = "shopmaster_capture_";
/// The view over the ChangeLog, which is the same for every shop.
pub(crate) const PENDING_TEXT: &str = include_str!("sql/create_pending.sql");
/// The same where tables are watched.
pub(crate) const PENDING_OF_WATCHED_TEXT: &str = include_str!("sql/create_pending_of_watched.sql");
/// The comment that only shopMaster's triggers contain.
const MARK: &str = "/* shopmaster capture */";

#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) owner_id: Option<i32>,
    pub(crate) owner: String,
}

#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) schema: String,
    pub(crate) name: String,
    /// The object's type: `U` for a table, `V` for a view, `TR` for a trigger.
    pub(crate) kind: String,
    /// The object that it belongs to.
    pub(crate) parent_id: i32,
    pub(crate) parent: String,
    /// The object's text; none when this login may not see it.
    pub(crate) definition: Option<String>,
    pub(crate) is_disabled: bool,
}

#[derive(Debug)]
pub(crate) struct FoundColumn {
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) data_type: DataType,
}

/// An index on shopMaster's ChangeLog.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) is_unique: bool,
    pub(crate) is_on_change: bool,
}

impl Object {
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    pub(crate) fn is_in_our_schema(&self) -> bool {
        self.schema.eq_ignore_ascii_case(SCHEMA)
    }

    pub(crate) fn is_ours(&self) -> bool {
        let is = |name, kind| self.is_named(name) && self.kind == kind;
        self.is_our_trigger()
            || (self.is_in_our_schema()
                && (is(CHANGE_LOG, "U") || is(PENDING, "V") || is(OWNER, "U")))
    }

    pub(crate) fn has_our_name(&self) -> bool {
        [CHANGE_LOG, PENDING, OWNER]
            .iter()
            .any(|name| self.is_named(name))
    }

    /// Whether this is shopMaster's trigger. One whose text cannot be seen counts as shopMaster's: no other
    /// program uses such a name.
    pub(crate) fn is_our_trigger(&self) -> bool {
        let has_our_name = self
            .name
            .get(..TRIGGER.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(TRIGGER));
        let has_our_mark = match &self.definition {
            Some(definition) => definition.contains(MARK),
            None => true,
        };
        self.kind == "TR" && has_our_name && has_our_mark
    }

    /// Whether its text differs from `planned`. A text that cannot be seen is not known to differ.
    pub(crate) fn differs_from(&self, planned: &str) -> bool {
        self.definition
            .as_deref()
            .is_some_and(|definition| body(definition) != body(planned))
    }

    /// Whether its text is `text`. A text that cannot be seen is not known to be.
    pub(crate) fn is_text(&self, text: &str) -> bool {
        self.definition
            .as_deref()
            .is_some_and(|definition| body(definition) == body(text))
    }

    pub(crate) fn quoted(&self) -> String {
        qualified(&self.schema, &self.name)
    }
}

pub(crate) fn object(row: &Row) -> QueryResult<Object> {
    let definition: Option<&str> = row.try_get(5)?;
    Ok(Object {
        schema: text(row, 0)?,
        name: text(row, 1)?,
        kind: text(row, 2)?.trim().to_owned(),
        parent_id: number(row, 3)?,
        parent: text(row, 4)?,
        // Some engines show no text for some objects.
        definition: definition
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        is_disabled: number(row, 6)? == 1,
    })
}

pub(crate) fn column(row: &Row) -> QueryResult<FoundColumn> {
    let small = |index| -> QueryResult<u8> { Ok(u8::try_from(number(row, index)?).unwrap_or(0)) };
    Ok(FoundColumn {
        table: text(row, 0)?,
        name: text(row, 1)?,
        data_type: DataType {
            name: text(row, 2)?.to_lowercase(),
            max_length: number(row, 3)?,
            precision: small(4)?,
            scale: small(5)?,
            collation: Some(text(row, 6)?).filter(|name| !name.is_empty()),
        },
    })
}

pub(crate) fn index(row: &Row) -> QueryResult<Index> {
    Ok(Index {
        name: text(row, 0)?,
        is_unique: number(row, 1)? == 1,
        is_on_change: number(row, 2)? == 1,
    })
}

pub(crate) fn schema(row: &Row) -> QueryResult<Schema> {
    Ok(Schema {
        owner_id: row.try_get(0)?,
        owner: text(row, 1)?,
    })
}

/// The text from its `CREATE` on: engines differ in whether they keep the comment before it, and tools in how
/// they end a line.
fn body(definition: &str) -> String {
    let start = definition.find("CREATE ").unwrap_or(0);
    let lines = definition[start..].lines().map(str::trim_end);
    let text = lines.collect::<Vec<_>>().join("\n");
    text.trim_end_matches([';', '\n', ' ']).to_owned()
}

/// A name with its schema, quoted for T-SQL.
pub(crate) fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(name))
}

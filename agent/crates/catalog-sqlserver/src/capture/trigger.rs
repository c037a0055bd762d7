//! The text of a trigger, which writes the keys of changed rows into the ChangeLog.
//!
//! A key of one column is written as it is. Of several columns, and of a watched table, it is written as text: no
//! conversion to text can fail.

use shopmaster_catalog::{CatalogError, Mapping, template::fill};

use crate::{
    captured::Captured,
    error::QueryResult,
    key::{BINARY, KeyType},
    object::{TRIGGER, qualified},
    quote::{identifier, literal},
    watches::LONGEST_KEY,
};

/// A column that a trigger writes down.
struct Part {
    id: String,
    key: KeyType,
}

/// The statement that creates the trigger.
///
/// # Errors
///
/// [`CatalogError::UnfitKey`] for a key that cannot be written down.
pub(super) fn text(mapping: &Mapping, table: &Captured) -> QueryResult<String> {
    let parts = parts(table)?;
    let separator = mapping.columns.id.separator();
    let is_text = table.is_watched || parts.len() > 1;
    if parts.len() > 1 {
        check_length(mapping, table, &parts)?;
    }
    let written = |row: &str| match is_text {
        true => joined(&parts, row, separator),
        false => format!("{row}.{}", parts.first().map_or("", |part| &part.id)),
    };
    let all = |lead: &str| {
        each(&parts, " AND ", |part| {
            format!("{lead}.{} IS NOT NULL", part.id)
        })
    };
    let first = parts.first().map_or("", |part| part.id.as_str());
    let (new, old) = (written("i"), written("d"));
    let either = match parts.len() {
        1 => format!("COALESCE({new}, {old})"),
        _ => format!("CASE WHEN i.{first} IS NULL THEN {old} ELSE {new} END"),
    };
    let has_either = each(&parts, " AND ", |part| {
        format!("COALESCE(i.{}, d.{}) IS NOT NULL", part.id, part.id)
    });
    let (source_column, source) = match table.is_watched {
        true => (", [Source]".to_owned(), format!(", {}", table.object_id)),
        false => (String::new(), String::new()),
    };
    let places = [
        ("new", new),
        ("old", old),
        ("has_new", all("i")),
        ("has_old", all("d")),
        ("no_new", format!("i.{first} IS NULL")),
        ("no_old", format!("d.{first} IS NULL")),
        ("either", either),
        ("has_either", has_either),
        ("same", each(&parts, " AND ", Part::same)),
        ("distinct", distinct(table).to_owned()),
        ("source_column", source_column),
        ("source", source),
    ];
    let filled = |template: &str| {
        let places = places.each_ref();
        fill(template, &places.map(|(name, text)| (*name, text.as_str())))
    };
    let key_set = filled(match table.is_watched {
        false => include_str!("../sql/trigger_key_set.sql"),
        true => include_str!("../sql/trigger_key_set_watched.sql"),
    });
    // For a computed column, the server does not say whether it was set.
    let changed = match table.key.iter().any(|column| column.is_computed) {
        true => format!("\n{key_set}"),
        false => {
            let set = |part: &Part| format!(" IF UPDATE({})\n{key_set}", part.id);
            let kept = filled(include_str!("../sql/trigger_key_kept.sql"));
            format!("{}{kept}", each(&parts, "        ELSE", set))
        }
    };
    let name = format!("{TRIGGER}{}", table.object_id);
    let more = [
        ("trigger", qualified(&table.schema, &name)),
        ("table", table.quoted()),
        ("changed", changed),
    ];
    let places = places.iter().chain(&more);
    let places: Vec<_> = places.map(|(name, text)| (*name, text.as_str())).collect();
    Ok(fill(include_str!("../sql/create_trigger.sql"), &places))
}

/// The same as earlier versions installed it.
pub(super) fn earlier(table: &Captured) -> QueryResult<Vec<String>> {
    let parts = parts(table)?;
    let [part] = parts.as_slice() else {
        return Ok(Vec::new());
    };
    if table.is_watched {
        return Ok(Vec::new());
    }
    let name = format!("{TRIGGER}{}", table.object_id);
    Ok(vec![fill(
        include_str!("../sql/earlier/create_trigger_1.sql"),
        &[
            ("trigger", qualified(&table.schema, &name).as_str()),
            ("table", &table.quoted()),
            ("id", &part.id),
            ("same", &part.same()),
        ],
    )])
}

/// The text that stands for a row's key in the ChangeLog. `values`: the value of each part.
pub(crate) fn joined_values(keys: &[(KeyType, String)], separator: &str) -> String {
    let texts: Vec<_> = keys.iter().map(|(key, value)| key.as_text(value)).collect();
    let separator = format!(" + {} COLLATE {BINARY} + ", literal(separator));
    texts.join(&separator)
}

fn joined(parts: &[Part], row: &str, separator: &str) -> String {
    let values = parts.iter();
    let values = values.map(|part| (part.key.clone(), format!("{row}.{}", part.id)));
    joined_values(&values.collect::<Vec<_>>(), separator)
}

fn parts(table: &Captured) -> QueryResult<Vec<Part>> {
    let part = |column: &crate::column::Column| -> QueryResult<_> {
        let key = KeyType::of(&column.data_type).map_err(|reason| CatalogError::UnfitKey {
            table: table.label(),
            column: column.name.clone(),
            reason,
        })?;
        Ok(Part {
            id: identifier(&column.name),
            key,
        })
    };
    table.key.iter().map(part).collect()
}

/// Checks that the ChangeLog can keep the parts together.
fn check_length(mapping: &Mapping, table: &Captured, parts: &[Part]) -> QueryResult<()> {
    let separators = (parts.len() - 1) * mapping.columns.id.separator().encode_utf16().count();
    let length = parts.iter().map(|part| part.key.length()).sum::<usize>() + separators;
    match length <= LONGEST_KEY {
        true => Ok(()),
        false => Err(CatalogError::UnfitKey {
            table: table.label(),
            column: mapping.columns.id.to_string(),
            reason: format!("together they may be longer than {LONGEST_KEY} characters"),
        }
        .into()),
    }
}

/// Many rows of a watched table may have one key.
fn distinct(table: &Captured) -> &'static str {
    match table.is_watched && !table.key.iter().any(|column| column.is_unique) {
        true => "DISTINCT ",
        false => "",
    }
}

fn each(parts: &[Part], between: &str, one: impl Fn(&Part) -> String) -> String {
    parts.iter().map(one).collect::<Vec<_>>().join(between)
}

impl Part {
    /// The condition that the value is equal to the last byte, so that a key that changed only its spelling is a
    /// different key. The plain comparison is included for the server's joins, which cannot use the bytes.
    fn same(&self) -> String {
        let (new, old) = (format!("i.{}", self.id), format!("d.{}", self.id));
        let (new_bytes, old_bytes) = (self.key.exact(&new), self.key.exact(&old));
        if new_bytes == new {
            return format!("{new} = {old}");
        }
        format!("{new} = {old} AND {new_bytes} = {old_bytes}")
    }
}

//! The columns of a product's key: one, or several that are unique together.

use std::fmt;

/// What separates the parts of a key when nothing else is configured.
pub const SEPARATOR: &str = "-";

/// The columns of a product's key. Of several, the id at Digible is their values with a separator between them.
///
/// An id is split at the first separators, so none of the parts may contain it or end like it begins, except the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyColumns {
    first: String,
    more: Vec<String>,
    separator: String,
}

impl KeyColumns {
    /// One column.
    pub fn one(name: impl Into<String>) -> Self {
        Self {
            first: name.into(),
            more: Vec::new(),
            separator: SEPARATOR.to_owned(),
        }
    }

    /// The columns `first` and `more`, in this order.
    pub fn several(
        first: impl Into<String>,
        more: Vec<String>,
        separator: impl Into<String>,
    ) -> Self {
        Self {
            first: first.into(),
            more,
            separator: separator.into(),
        }
    }

    /// The first column: the only one, unless it [is composite](Self::is_composite).
    #[must_use]
    pub fn first(&self) -> &str {
        &self.first
    }

    /// All columns, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.first)
            .chain(&self.more)
            .map(String::as_str)
    }

    /// Whether there are several.
    #[must_use]
    pub fn is_composite(&self) -> bool {
        !self.more.is_empty()
    }

    /// What separates the parts of an id.
    #[must_use]
    pub fn separator(&self) -> &str {
        &self.separator
    }

    /// The parts of an id; none when it has too few of them.
    #[must_use]
    pub fn split<'a>(&self, id: &'a str) -> Option<Vec<&'a str>> {
        let count = self.more.len() + 1;
        let parts: Vec<_> = id.splitn(count, &self.separator).collect();
        (parts.len() == count).then_some(parts)
    }

    /// The id that these parts make; none when it would be split elsewhere, because one of them, except the last, is not
    /// [clear](Self::is_clear).
    #[must_use]
    pub fn join(&self, parts: &[&str]) -> Option<String> {
        let (_, before) = parts.split_last()?;
        let all_clear = before.iter().all(|part| self.is_clear(part));
        all_clear.then(|| parts.join(&self.separator))
    }

    /// Whether the separator behind a part is where it seems to be: `--` behind `3-` begins in the part.
    #[must_use]
    pub fn is_clear(&self, part: &str) -> bool {
        let with_separator = format!("{part}{}", self.separator);
        with_separator.find(&self.separator) == Some(part.len())
    }

    /// As parts of a catalog's identity.
    pub(super) fn identity(&self) -> Vec<String> {
        let names: Vec<_> = self.names().map(str::to_owned).collect();
        match self.is_composite() {
            false => names,
            true => [names, vec![format!("separator={}", self.separator)]].concat(),
        }
    }
}

impl fmt::Display for KeyColumns {
    /// For people: `CompanyID, ItemNo`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> KeyColumns {
        KeyColumns::several("CompanyID", vec!["ItemNo".to_owned()], "-")
    }

    #[test]
    fn an_id_is_split_as_it_was_joined() {
        for parts in [["3", "A-1"], ["", ""], ["ä", "-"]] {
            let id = two().join(&parts).unwrap();
            assert_eq!(two().split(&id).unwrap(), parts);
        }
        assert_eq!(two().join(&["3-4", "A"]), None);
        assert_eq!(two().split("3"), None);
    }

    #[test]
    fn a_part_may_not_end_like_the_separator_begins() {
        let dashes = KeyColumns::several("A", vec!["B".to_owned()], "--");
        assert_eq!(dashes.join(&["3", "-A"]).as_deref(), Some("3---A"));
        assert_eq!(dashes.join(&["3-", "A"]), None);
    }

    #[test]
    fn one_column_is_its_own_value() {
        let one = KeyColumns::one("ID");
        assert_eq!(one.join(&["a-b"]).as_deref(), Some("a-b"));
        assert_eq!(one.split("a-b").unwrap(), ["a-b"]);
        assert_eq!(
            (one.to_string(), two().to_string()),
            ("ID".into(), "CompanyID, ItemNo".into())
        );
        assert_ne!(
            two().identity(),
            KeyColumns::several("CompanyID", vec!["ItemNo".into()], "/").identity()
        );
    }
}

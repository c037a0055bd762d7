//! The shop's names in a statement's text: the little of it that is read.

use crate::tds::model::{SqlError, Statement};

/// The product table and the columns that a statement takes of it, in the statement's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) table: String,
    pub(super) columns: Vec<String>,
}

impl Names {
    /// Of `… p.[ProductID] … FROM [dbo].[Products] AS p …`.
    pub(super) fn of(statement: &Statement) -> Result<Self, SqlError> {
        let text = &statement.text;
        let all = bracketed(text);
        let table = all
            .iter()
            .find(|name| text[name.end..].starts_with(" AS p"));
        let table = table.ok_or_else(|| SqlError::unknown(statement))?;
        let columns = all.iter().filter(|name| text[..name.start].ends_with("p."));
        Ok(Self {
            table: table.name.clone(),
            columns: columns.map(|column| column.name.clone()).collect(),
        })
    }

    /// A column by its place.
    pub(super) fn column(&self, at: usize) -> Result<&str, SqlError> {
        let column = self.columns.get(at).map(String::as_str);
        column.ok_or_else(|| SqlError::number(207).message("a column is missing in the text"))
    }
}

/// The first column that a statement takes of `p`.
pub(super) fn column_of(text: &str) -> Option<String> {
    let mut names = bracketed(text).into_iter();
    let found = names.find(|name| text[..name.start].ends_with("p."));
    Some(found?.name)
}

/// The last name in brackets behind a mark: `[Products]` behind ` ON ` in `ON [dbo].[Products] AFTER`.
pub(super) fn name_behind(text: &str, mark: &str) -> Option<String> {
    let start = text.find(mark)? + mark.len();
    let rest = &text[start..];
    let names = bracketed(rest);
    let first = names.first().filter(|name| name.start == 0)?;
    let second = names
        .get(1)
        .filter(|name| rest[first.end..name.start] == *".");
    Some(second.unwrap_or(first).name.clone())
}

/// A name in brackets, and where it is.
struct Bracketed {
    start: usize,
    end: usize,
    name: String,
}

fn bracketed(text: &str) -> Vec<Bracketed> {
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find('[').map(|found| at + found) {
        let mut end = start + 1;
        loop {
            match text[end..].find(']').map(|found| end + found) {
                Some(close) if text[close + 1..].starts_with(']') => end = close + 2,
                Some(close) => {
                    names.push(Bracketed {
                        start,
                        end: close + 1,
                        name: text[start + 1..close].replace("]]", "]"),
                    });
                    at = close + 1;
                    break;
                }
                None => return names,
            }
        }
    }
    names
}

/// A name as SQLite quotes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whatever_is_in_them() {
        let text =
            "SELECT p.[a]]b], CAST(p.[N.m] AS x) FROM [dbo].[Pro[d]] ucts] AS p WHERE p.[a]]b] = 1";
        let names = Names::of(&Statement::new(text.to_owned(), Vec::new())).unwrap();
        assert_eq!(names.table, "Pro[d] ucts");
        assert_eq!(names.columns, ["a]b", "N.m", "a]b"]);
        let name = name_behind("CREATE TRIGGER [dbo].[t] ON [dbo].[x y] AFTER", " ON ");
        assert_eq!(name.as_deref(), Some("x y"));
        let name = name_behind("DROP TRIGGER [t];", "DROP TRIGGER ");
        assert_eq!(name.as_deref(), Some("t"));
    }
}

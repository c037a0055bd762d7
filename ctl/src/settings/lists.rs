//! Settings that are lists, as text: which rows are sold, which tables are watched, and which columns make a key.
//!
//! ```text
//! Discontinued = 0; Status != 'x', 'y'; DeletedAt is null; [a = b] is not null
//! dbo.Prices.Code = Code; dbo.Taxes.ID = TaxID
//! CompanyID, ItemNo
//! ```
//!
//! Names follow the grammar of [`names`](shopmaster_view::names).

use shopmaster_proto::v1::{
    Condition, Scalar, Scalars, Watch,
    condition::Test,
    scalar::Value::{self, Flag, Integer, Text},
};
use shopmaster_view::names::{closing, dotted, parts, quote_end, quoted, quoted_at_start};

/// Conditions, separated by semicolons; empty for none.
///
/// # Errors
///
/// What is wrong, for people.
pub fn conditions(text: &str) -> Result<Vec<Condition>, String> {
    split(text, ';')?.into_iter().map(condition).collect()
}

/// Watched tables, separated by semicolons; empty for none.
///
/// # Errors
///
/// What is wrong, for people.
pub fn watches(text: &str) -> Result<Vec<Watch>, String> {
    split(text, ';')?.into_iter().map(watch).collect()
}

/// Values, separated by commas; empty for none.
///
/// # Errors
///
/// What is wrong, for people.
pub fn scalars(text: &str) -> Result<Vec<Scalar>, String> {
    split(text, ',')?.into_iter().map(scalar).collect()
}

/// Names, separated by commas.
///
/// # Errors
///
/// What is wrong, for people.
pub fn names(text: &str) -> Result<Vec<String>, String> {
    split(text, ',')?.into_iter().map(name).collect()
}

/// One name: in quotes, or as it stands.
///
/// # Errors
///
/// What is wrong, for people.
pub fn name(text: &str) -> Result<String, String> {
    if !text.starts_with(['[', '"']) {
        return Ok(text.to_owned());
    }
    match quoted_at_start(text) {
        Some((name, "")) => Ok(name),
        Some((_, behind)) => Err(format!("`{behind}` follows the quoted name in `{text}`")),
        None => Err(unclosed(text)),
    }
}

/// A name as [`name`] reads it.
pub fn name_text(name: &str) -> String {
    match name.starts_with(['[', '"']) {
        true => quoted(name),
        // Whatever is in it.
        false => name.to_owned(),
    }
}

/// Conditions as [`conditions`] reads them.
pub fn conditions_text(conditions: &[Condition]) -> String {
    let one = |condition: &Condition| {
        let column = quoted(&condition.column);
        match &condition.test {
            Some(Test::Is(values)) => format!("{column} = {}", scalars_text(&values.values)),
            Some(Test::IsNot(values)) => format!("{column} != {}", scalars_text(&values.values)),
            Some(Test::IsNull(_)) => format!("{column} is null"),
            Some(Test::NotNull(_)) => format!("{column} is not null"),
            None => column,
        }
    };
    joined(conditions, "; ", one)
}

/// Watched tables as [`watches`] reads them.
pub fn watches_text(watches: &[Watch]) -> String {
    let one = |watch: &Watch| {
        // What is no table's name is printed as one, so that it is read back.
        let is_name = |parts: &Vec<String>| !parts.iter().any(String::is_empty);
        let table = parts(&watch.table).filter(is_name);
        let table = table.unwrap_or_else(|| vec![watch.table.clone()]);
        let source = dotted(table.iter().chain([&watch.key]));
        format!("{source} = {}", quoted(&watch.column))
    };
    joined(watches, "; ", one)
}

/// Values as [`scalars`] reads them.
pub fn scalars_text(scalars: &[Scalar]) -> String {
    joined(scalars, ", ", |scalar| match &scalar.value {
        Some(Integer(number)) => number.to_string(),
        Some(Flag(flag)) => flag.to_string(),
        Some(Text(text)) => text_of(text),
        None => String::new(),
    })
}

/// Names as [`names`] reads them.
pub fn names_text(names: &[String]) -> String {
    match names {
        [one] if !one.contains(',') => name_text(one),
        names => joined(names, ", ", |name| quoted(name)),
    }
}

fn condition(text: &str) -> Result<Condition, String> {
    let what = || {
        format!(
            "`{text}` is not a condition: write `COLUMN = VALUE`, `COLUMN != VALUE`, `COLUMN is null` or `COLUMN is not null`"
        )
    };
    if text.starts_with(['[', '"']) && quoted_at_start(text).is_none() {
        return Err(unclosed(text));
    }
    let (column, rest) = name_at_start(text).ok_or_else(what)?;
    let rest = rest.trim();
    let word = rest.to_ascii_lowercase();
    let test = match word.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["is", "null"] => Test::IsNull(true),
        ["is", "not", "null"] | ["not", "null"] => Test::NotNull(true),
        _ => {
            let (is_equal, values) = match rest.strip_prefix('=') {
                Some(values) => (true, Some(values)),
                None => {
                    let values = rest.strip_prefix("!=").or_else(|| rest.strip_prefix("<>"));
                    (false, values)
                }
            };
            let values = scalars(values.ok_or_else(what)?)
                .map_err(|problem| in_condition(&column, &problem))?;
            let list = Scalars { values };
            match (list.values.is_empty(), is_equal) {
                (true, _) => return Err(what()),
                (false, true) => Test::Is(list),
                (false, false) => Test::IsNot(list),
            }
        }
    };
    Ok(Condition {
        column,
        test: Some(test),
    })
}

/// What is wrong with a value of a condition on `column`.
fn in_condition(column: &str, problem: &str) -> String {
    let column = quoted(column);
    match problem == NULL {
        true => format!(
            "{NULL}: write `{column} is null` or `{column} is not null`, or `'null'` for the text"
        ),
        false => problem.to_owned(),
    }
}

/// Why the word stands for no value.
const NULL: &str = "NULL is not a value that a column can be compared with";

fn watch(text: &str) -> Result<Watch, String> {
    let what = || {
        format!(
            "`{text}` does not name a watched table: write `TABLE.KEY = COLUMN`, and put names with characters other than letters, digits and `_` in brackets"
        )
    };
    let at = last_outside_quotes(text, '=').ok_or_else(what)?;
    let (source, column) = (text[..at].trim(), text[at + 1..].trim());
    let mut names = parts(source).ok_or_else(what)?;
    let key = names.pop().filter(|_| !names.is_empty()).ok_or_else(what)?;
    let column = name(column)?;
    if names.iter().chain([&key, &column]).any(String::is_empty) {
        return Err(what());
    }
    Ok(Watch {
        table: dotted(names),
        key,
        column,
    })
}

fn scalar(text: &str) -> Result<Scalar, String> {
    let value = match text.strip_prefix('\'') {
        Some(inner) => Text(quoted_text(text, inner)?),
        None if text.eq_ignore_ascii_case("null") => return Err(NULL.to_owned()),
        None => value(text),
    };
    Ok(Scalar { value: Some(value) })
}

/// Text in single quotes. `inner`: what is behind the first one.
fn quoted_text(text: &str, inner: &str) -> Result<String, String> {
    let end = quote_end(inner, '\'').ok_or_else(|| unclosed(text))?;
    match &inner[end..] {
        "" => Ok(inner[..end - 1].replace("''", "'")),
        behind => Err(format!("`{behind}` follows the quoted text in `{text}`")),
    }
}

fn unclosed(text: &str) -> String {
    format!("the quote that begins `{text}` is not closed")
}

fn value(text: &str) -> Value {
    match (text.parse::<i64>(), text) {
        // `007` and `+1` are text.
        (Ok(number), text) if number.to_string() == text => Integer(number),
        (_, "true") => Flag(true),
        (_, "false") => Flag(false),
        (_, text) => Text(text.to_owned()),
    }
}

fn text_of(text: &str) -> String {
    let is_plain = !text.is_empty()
        && scalar(text).is_ok_and(|it| it.value == Some(Text(text.to_owned())))
        && text.trim() == text
        && !text.contains(['\'', '"', '[', ',', ';']);
    match is_plain {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

/// The name that a condition starts with, and the rest.
fn name_at_start(text: &str) -> Option<(String, &str)> {
    if text.starts_with(['[', '"']) {
        return quoted_at_start(text);
    }
    let lower = text.to_ascii_lowercase();
    let ends = ["!=", "<>", "=", " is ", " not null"];
    let end = ends.iter().filter_map(|sign| lower.find(sign)).min()?;
    let name = text[..end].trim();
    (!name.is_empty()).then(|| (name.to_owned(), &text[end..]))
}

/// The parts between separators that are outside of quotes; empty for a text of spaces.
fn split(text: &str, separator: char) -> Result<Vec<&str>, String> {
    let (mut parts, mut start) = (Vec::new(), 0);
    if text.trim().is_empty() {
        return Ok(parts);
    }
    for (at, c) in outside_quotes(text) {
        if c == separator {
            parts.push(text[start..at].trim());
            start = at + c.len_utf8();
        }
    }
    parts.push(text[start..].trim());
    // A separator at the end ends the last part.
    if parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    match parts.iter().any(|part| part.is_empty()) {
        true => Err(format!("`{text}` has an empty part")),
        false => Ok(parts),
    }
}

fn last_outside_quotes(text: &str, wanted: char) -> Option<usize> {
    let mut found = outside_quotes(text).into_iter().rev();
    found.find(|(_, c)| *c == wanted).map(|(at, _)| at)
}

/// The characters that are in no quotes, with their places. A quote begins a name or a value; inside of one, as in
/// `l'eau`, and where it does not end, it stands for itself.
fn outside_quotes(text: &str) -> Vec<(usize, char)> {
    let (mut found, mut at) = (Vec::<(usize, char)>::new(), 0);
    while let Some(c) = text[at..].chars().next() {
        let behind = at + c.len_utf8();
        let before = found.iter().rev().find(|(_, c)| !c.is_whitespace());
        let is_begin = before.is_none_or(|(_, c)| matches!(c, '=' | '>' | ',' | ';' | '.'));
        let closes = match c {
            _ if !is_begin => None,
            '\'' => Some('\''),
            c => closing(c),
        };
        let end = closes.and_then(|closes| quote_end(&text[behind..], closes));
        at = match end {
            Some(end) => behind + end,
            None => {
                found.push((at, c));
                behind
            }
        };
    }
    found
}

fn joined<T>(items: &[T], separator: &str, text: impl Fn(&T) -> String) -> String {
    let items: Vec<_> = items.iter().map(text).collect();
    items.join(separator)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is(values: &[Value]) -> Test {
        Test::Is(all(values))
    }

    fn all(values: &[Value]) -> Scalars {
        let values = values.iter().cloned();
        Scalars {
            values: values.map(|value| Scalar { value: Some(value) }).collect(),
        }
    }

    fn text(text: &str) -> Value {
        Text(text.to_owned())
    }

    #[test]
    fn conditions_are_read_as_they_are_written_by_hand() {
        for (written, column, test) in [
            ("Discontinued = 0", "Discontinued", is(&[Integer(0)])),
            ("Discontinued=0", "Discontinued", is(&[Integer(0)])),
            (
                "Art. Status = A, B",
                "Art. Status",
                is(&[text("A"), text("B")]),
            ),
            ("Code = 007", "Code", is(&[text("007")])),
            ("Code = '7'", "Code", is(&[text("7")])),
            ("Code = 'it''s; a, b'", "Code", is(&[text("it's; a, b")])),
            ("Sold = true", "Sold", is(&[Flag(true)])),
            ("Status != X", "Status", Test::IsNot(all(&[text("X")]))),
            ("Status <> X", "Status", Test::IsNot(all(&[text("X")]))),
            ("DeletedAt IS NULL", "DeletedAt", Test::IsNull(true)),
            ("DeletedAt is  not null;", "DeletedAt", Test::NotNull(true)),
            ("DeletedAt not null", "DeletedAt", Test::NotNull(true)),
            ("[a = b] = 1", "a = b", is(&[Integer(1)])),
            ("[a]]b] = 1", "a]b", is(&[Integer(1)])),
            ("\"a;b\" is null", "a;b", Test::IsNull(true)),
        ] {
            let read = conditions(written).unwrap();
            let expected = Condition {
                column: column.to_owned(),
                test: Some(test),
            };
            assert_eq!(read, [expected], "{written}");
        }
        assert_eq!(conditions("a = 1; b is null; ").unwrap().len(), 2);
        let both = conditions("Name != l'eau; Other != l'air").unwrap();
        assert_eq!(both[0].test, Some(Test::IsNot(all(&[text("l'eau")]))));
        assert_eq!(both.len(), 2, "{both:?}");
        assert_eq!(conditions("  ").unwrap(), []);
    }

    #[test]
    fn what_is_no_condition_is_told() {
        for written in [
            "Discontinued",
            "= 0",
            "a =",
            "a = 1;; b = 2",
            "a is",
            "a > 1",
            "1 OR 1=1 --; x",
        ] {
            let refused = conditions(written);
            assert!(refused.is_err(), "{written}: {refused:?}");
        }
        for (written, parts) in [
            ("N = null", ["`N is null`", "`N is not null`"]),
            ("N != x, NULL", ["`N is null`", "`'null'`"]),
            ("[a.b] = Null", ["`[a.b] is null`", "`[a.b] is not null`"]),
            ("Qty = 'a", ["`'a`", "not closed"]),
            ("Qty = 'a; b = 1", ["`'a`", "not closed"]),
            ("Qty = 'a'b'", ["`b'`", "`'a'b'`"]),
            ("[Qty = 1", ["`[Qty = 1`", "not closed"]),
        ] {
            let told = conditions(written).unwrap_err();
            assert!(
                parts.iter().all(|part| told.contains(part)),
                "{written}: {told}"
            );
        }
        assert!(scalars("1, null").is_err());
        assert_eq!(scalars("'null'").unwrap(), all(&[text("null")]).values);
        // A value is a value, never SQL.
        let odd = conditions("a = 0 OR 1=1").unwrap();
        assert_eq!(odd[0].test, Some(is(&[text("0 OR 1=1")])));
    }

    #[test]
    fn watches_are_read_as_they_are_written_by_hand() {
        for (written, table, key, column) in [
            ("dbo.Prices.Code = Code", "dbo.Prices", "Code", "Code"),
            ("Prices.Code=Code", "Prices", "Code", "Code"),
            ("[a.b].[c.d].[e = f] = [g]", "[a.b].[c.d]", "e = f", "g"),
            (r#""my.tab"."c.k" = Code"#, "[my.tab]", "c.k", "Code"),
            ("main.[my.tab].[c;k]=[a b]", "main.[my.tab]", "c;k", "a b"),
            ("[my tab].c.k = x", "my tab.c", "k", "x"),
        ] {
            let expected = Watch {
                table: table.into(),
                key: key.into(),
                column: column.into(),
            };
            assert_eq!(watches(written).unwrap(), [expected], "{written}");
        }
        for written in [
            "Prices",
            "Prices = Code",
            "Prices.Code",
            ".Code = x",
            "a.b = ",
            "[a.b = c",
            "a.[b = c",
            "a.b = [c",
            "a.b = [c]d",
        ] {
            assert!(watches(written).is_err(), "{written}");
        }
    }

    #[test]
    fn names_are_parted_by_commas() {
        assert_eq!(names("ID").unwrap(), ["ID"]);
        assert_eq!(
            names("CompanyID, [Item, No]").unwrap(),
            ["CompanyID", "Item, No"]
        );
        assert_eq!(names("Art. Nr").unwrap(), ["Art. Nr"]);
    }

    fn any_name() -> impl Strategy<Value = String> {
        prop_oneof![
            "[A-Za-z][A-Za-z0-9_ ]{0,5}[A-Za-z0-9]".prop_map(String::from),
            "[\\]\\[\"'a.;=, ]{1,6}".prop_filter("no name", |name| name.trim() == name),
        ]
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Integer),
            any::<bool>().prop_map(Flag),
            "[a0-9',;= \\[\"]{0,6}".prop_map(Text),
            "(?i)null".prop_map(Text),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            given in prop::collection::vec((any_name(), prop::collection::vec(any_value(), 1..4), 0..4), 0..4),
        ) {
            let conditions_of = |(column, values, kind): (String, Vec<Value>, i32)| Condition {
                column,
                test: Some(match kind {
                    0 => is(&values),
                    1 => Test::IsNot(all(&values)),
                    2 => Test::IsNull(true),
                    _ => Test::NotNull(true),
                }),
            };
            let given: Vec<_> = given.into_iter().map(conditions_of).collect();
            prop_assert_eq!(conditions(&conditions_text(&given)), Ok(given));
        }

        #[test]
        fn names_are_read_back(given in prop::collection::vec(any_name(), 1..4)) {
            prop_assert_eq!(names(&names_text(&given)), Ok(given));
        }

        #[test]
        fn watches_are_read_back(
            given in prop::collection::vec(
                (prop::collection::vec(any_name(), 1..3), any_name(), any_name()),
                0..3,
            ),
        ) {
            let watch = |(table, key, column): (Vec<String>, String, String)| Watch {
                table: dotted(table),
                key,
                column,
            };
            let given: Vec<_> = given.into_iter().map(watch).collect();
            prop_assert_eq!(watches(&watches_text(&given)), Ok(given));
        }

        #[test]
        fn a_table_that_was_written_in_the_file_is_printed_so_that_it_can_be_read(table in any_name()) {
            let given = [Watch { table, key: "k".to_owned(), column: "c".to_owned() }];
            let once = watches(&watches_text(&given));
            prop_assert!(once.is_ok(), "{once:?}");
        }

        #[test]
        fn one_name_is_read_back(given in any_name()) {
            prop_assert_eq!(name(&name_text(&given)), Ok(given));
        }
    }
}

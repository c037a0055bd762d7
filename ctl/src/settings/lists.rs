//! Settings that are lists, as text: which rows are sold, which tables are watched, and which columns make a key.
//!
//! ```text
//! Discontinued = 0; Status != 'x', 'y'; DeletedAt is null; [a = b] is not null
//! dbo.Prices.Code = Code; dbo.Taxes.ID = TaxID
//! CompanyID, ItemNo
//! ```

use shopmaster_proto::v1::{
    Condition, Scalar, Scalars, Watch,
    condition::Test,
    scalar::Value::{self, Flag, Integer, Text},
};

/// Conditions, separated by semicolons; empty for none.
///
/// # Errors
///
/// What is wrong, for people.
pub fn conditions(text: &str) -> Result<Vec<Condition>, String> {
    parts(text, ';')?.into_iter().map(condition).collect()
}

/// Watched tables, separated by semicolons; empty for none.
///
/// # Errors
///
/// What is wrong, for people.
pub fn watches(text: &str) -> Result<Vec<Watch>, String> {
    parts(text, ';')?.into_iter().map(watch).collect()
}

/// Values, separated by commas; empty for none.
///
/// # Errors
///
/// What is wrong, for people.
pub fn scalars(text: &str) -> Result<Vec<Scalar>, String> {
    parts(text, ',')?.into_iter().map(scalar).collect()
}

/// Names, separated by commas.
///
/// # Errors
///
/// What is wrong, for people.
pub fn names(text: &str) -> Result<Vec<String>, String> {
    parts(text, ',')?
        .into_iter()
        .map(|name| Ok(unquoted(name)))
        .collect()
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
        format!(
            "{}.{} = {}",
            watch.table,
            quoted(&watch.key),
            quoted(&watch.column)
        )
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
        // A single name is a name, whatever is in it.
        [one] if !one.contains(',') && !one.starts_with(['[', '"']) => one.clone(),
        names => joined(names, ", ", |name| quoted(name)),
    }
}

fn condition(text: &str) -> Result<Condition, String> {
    let what = || {
        format!(
            "`{text}` is no condition: write `COLUMN = VALUE`, `COLUMN != VALUE`, `COLUMN is null` or `COLUMN is not null`"
        )
    };
    let (column, rest) = name_at_start(text).ok_or_else(what)?;
    let rest = rest.trim();
    let word = rest.to_ascii_lowercase();
    let test = match word.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["is", "null"] => Test::IsNull(true),
        ["is", "not", "null"] | ["not", "null"] => Test::NotNull(true),
        _ => match rest.strip_prefix('=') {
            Some(values) => Test::Is(list(values).ok_or_else(what)?),
            None => {
                let values = rest.strip_prefix("!=").or_else(|| rest.strip_prefix("<>"));
                Test::IsNot(values.and_then(list).ok_or_else(what)?)
            }
        },
    };
    Ok(Condition {
        column,
        test: Some(test),
    })
}

fn list(text: &str) -> Option<Scalars> {
    let values = scalars(text).ok()?;
    (!values.is_empty()).then_some(Scalars { values })
}

fn watch(text: &str) -> Result<Watch, String> {
    let what = || format!("`{text}` names no watched table: write `TABLE.KEY = COLUMN`");
    let at = last_outside_quotes(text, '=').ok_or_else(what)?;
    let (source, column) = (text[..at].trim(), text[at + 1..].trim());
    let dot = last_outside_quotes(source, '.').ok_or_else(what)?;
    let (table, key) = (source[..dot].trim(), source[dot + 1..].trim());
    if [table, key, column].iter().any(|part| part.is_empty()) {
        return Err(what());
    }
    Ok(Watch {
        table: table.to_owned(),
        key: unquoted(key),
        column: unquoted(column),
    })
}

fn scalar(text: &str) -> Result<Scalar, String> {
    Ok(Scalar {
        value: Some(value(text)),
    })
}

fn value(text: &str) -> Value {
    if let Some(inner) = text
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''))
    {
        return Text(inner.replace("''", "'"));
    }
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
        && value(text) == Text(text.to_owned())
        && text.trim() == text
        && !text.contains(['\'', '"', '[', ',', ';']);
    match is_plain {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

/// The name that a condition starts with, and the rest.
fn name_at_start(text: &str) -> Option<(String, &str)> {
    if let Some(end) = text.chars().next().and_then(closing) {
        let mut rest = &text[1..];
        let mut name = String::new();
        loop {
            let (before, behind) = rest.split_once(end)?;
            name.push_str(before);
            match behind.strip_prefix(end) {
                Some(behind) => {
                    name.push(end);
                    rest = behind;
                }
                None => return Some((name, behind)),
            }
        }
    }
    let lower = text.to_ascii_lowercase();
    let ends = ["!=", "<>", "=", " is ", " not null"];
    let end = ends.iter().filter_map(|sign| lower.find(sign)).min()?;
    let name = text[..end].trim();
    (!name.is_empty()).then(|| (name.to_owned(), &text[end..]))
}

/// The parts between separators that are outside of quotes; empty for a text of spaces.
fn parts(text: &str, separator: char) -> Result<Vec<&str>, String> {
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

/// Where a quote ends, after its closing sign; a doubled one belongs to the text.
fn quote_end(text: &str, closes: char) -> Option<usize> {
    let mut at = 0;
    loop {
        at += text[at..].find(closes)? + closes.len_utf8();
        match text[at..].starts_with(closes) {
            true => at += closes.len_utf8(),
            false => return Some(at),
        }
    }
}

fn closing(c: char) -> Option<char> {
    match c {
        '[' => Some(']'),
        '"' => Some('"'),
        _ => None,
    }
}

fn unquoted(name: &str) -> String {
    match name_at_start(name) {
        Some((inner, "")) if name.starts_with(['[', '"']) => inner,
        _ => name.to_owned(),
    }
}

/// A name that the syntax cannot mistake for anything else.
fn quoted(name: &str) -> String {
    let is_plain = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == ' ');
    let lower = format!(" {} ", name.to_ascii_lowercase());
    match is_plain
        && name.trim() == name
        && !lower.contains(" is ")
        && !lower.contains(" not null ")
    {
        true => name.to_owned(),
        false => format!("[{}]", name.replace(']', "]]")),
    }
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
        fn watches_are_read_back(key in any_name(), column in any_name()) {
            let given = [Watch { table: "[d b].T".to_owned(), key, column }];
            prop_assert_eq!(watches(&watches_text(&given)).unwrap(), given);
        }
    }
}

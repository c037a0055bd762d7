//! Names of tables and columns in settings, flags and suggestions: one grammar for reading and for printing them.
//!
//! A name that has anything but letters, digits, `_` and spaces stands in brackets or double quotes, in which `]]` and
//! `""` are the closing sign itself. A dot separates a schema, a table and a column.

/// The sign that ends what this one begins.
#[must_use]
pub fn closing(opening: char) -> Option<char> {
    match opening {
        '[' => Some(']'),
        '"' => Some('"'),
        _ => None,
    }
}

/// Where quoted text ends: after the first `end` that is not doubled. `text` begins behind the opening sign.
#[must_use]
pub fn quote_end(text: &str, end: char) -> Option<usize> {
    let mut at = 0;
    loop {
        at += text[at..].find(end)? + end.len_utf8();
        match text[at..].starts_with(end) {
            true => at += end.len_utf8(),
            false => return Some(at),
        }
    }
}

/// The quoted name that a text begins with, and the text behind it. None when it does not begin with a quote, or the
/// quote is not closed.
#[must_use]
pub fn quoted_at_start(text: &str) -> Option<(String, &str)> {
    let opening = text.chars().next()?;
    let end = closing(opening)?;
    let inner = &text[opening.len_utf8()..];
    let behind = quote_end(inner, end)?;
    let name = &inner[..behind - end.len_utf8()];
    Some((
        name.replace(&format!("{end}{end}"), &end.to_string()),
        &inner[behind..],
    ))
}

/// The names between the dots of a text, without their quotes and the spaces around them. None when the quotes do not
/// match.
#[must_use]
pub fn parts(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, behind) = part(rest.trim_start())?;
        parts.push(part);
        match behind.trim_start().strip_prefix('.') {
            Some(behind) => rest = behind,
            None if behind.trim().is_empty() => return Some(parts),
            None => return None,
        }
    }
}

fn part(text: &str) -> Option<(String, &str)> {
    if text.starts_with(['[', '"']) {
        return quoted_at_start(text);
    }
    let (name, behind) = text.split_at(text.find('.').unwrap_or(text.len()));
    Some((name.trim_end().to_owned(), behind))
}

/// A text that is one name: without its quotes if it has them, otherwise as it is, whatever is in it.
#[must_use]
pub fn single(text: &str) -> String {
    match quoted_at_start(text.trim()) {
        Some((name, "")) => name,
        _ => text.to_owned(),
    }
}

/// A name as [`parts`] reads it, in brackets if it needs them.
#[must_use]
pub fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || c == '_' || c == ' ';
    // Words of a condition.
    let lower = format!(" {} ", name.to_lowercase());
    let is_word = lower.contains(" is ") || lower.contains(" not null ");
    let is_plain = !name.is_empty() && name.trim() == name && name.chars().all(is_plain);
    match is_plain && !is_word {
        true => name.to_owned(),
        false => format!("[{}]", name.replace(']', "]]")),
    }
}

/// Names with dots between them, as [`parts`] reads them.
#[must_use]
pub fn dotted<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let names: Vec<_> = names.into_iter().map(|it| quoted(it.as_ref())).collect();
    names.join(".")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_read_with_and_without_quotes() {
        for (text, expected) in [
            ("Products", &["Products"][..]),
            (" dbo . Products ", &["dbo", "Products"]),
            ("[my.tab].[c]]k]", &["my.tab", "c]k"]),
            (r#""my.tab"."c""k""#, &["my.tab", "c\"k"]),
            (r#"[a;b]."c = d".e f"#, &["a;b", "c = d", "e f"]),
            ("a[b].c", &["a[b]", "c"]),
            ("[ a ]", &[" a "]),
            ("a..b", &["a", "", "b"]),
        ] {
            assert_eq!(parts(text).unwrap(), expected, "{text}");
        }
        for text in ["[a", "\"a", "[a]b", "[a]]"] {
            assert_eq!(parts(text), None, "{text}");
        }
    }

    #[test]
    fn a_single_name_needs_no_quotes() {
        for (text, expected) in [
            ("Art. Nr", "Art. Nr"),
            ("[Art. Nr]", "Art. Nr"),
            ("\"a\"\"b\"", "a\"b"),
            ("[a].[b]", "[a].[b]"),
            ("[a", "[a"),
        ] {
            assert_eq!(single(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(
            names in prop::collection::vec("[a-zA-ZäÖ0-9_ \\]\\[\"'.;=,$]{1,8}", 1..4),
        ) {
            prop_assert_eq!(parts(&dotted(&names)), Some(names.clone()));
            prop_assert_eq!(single(&quoted(&names[0])), names[0].clone());
        }
    }
}

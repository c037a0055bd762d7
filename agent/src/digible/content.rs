//! The body of an answer, read once.

use serde_json::{Map, Value};

/// The most of a text that reaches a message, in characters.
const LONGEST: usize = 200;

/// The most keys that a shape names.
const MOST_KEYS: usize = 20;

/// The body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// Nothing, or white space.
    Empty,
    /// Whatever the header says its type is.
    Json(Value),
    /// A page for people: a proxy's, a sign-in page's, a wrong server's.
    Html,
    /// Anything else.
    Text(String),
}

impl Content {
    /// What these bytes are.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            return Self::Empty;
        }
        if let Ok(value) = serde_json::from_slice(bytes) {
            return Self::Json(value);
        }
        if bytes.starts_with(b"<") {
            return Self::Html;
        }
        Self::Text(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The object that says no to a request although its status says yes.
    pub(super) fn denial(&self) -> Option<&Map<String, Value>> {
        match self {
            Self::Json(Value::Object(map)) if denies(map) || has_error_status(map) => Some(map),
            // Of an element only what nothing but an answer has: `code` or `status` may be a
            // product's own.
            Self::Json(Value::Array(elements)) => elements
                .iter()
                .filter_map(Value::as_object)
                .find(|map| denies(map)),
            _ => None,
        }
    }

    /// The answer's own words, if it has some for people.
    pub(super) fn words(&self) -> Option<String> {
        match self {
            Self::Empty => None,
            Self::Html => Some("an HTML page".to_owned()),
            Self::Text(text) => Some(text.clone()),
            Self::Json(Value::Object(map)) => message(map, ["message", "error", "errors"]),
            Self::Json(value) => describe(value),
        }
    }

    /// What kind of body this is, without any value of it: two answers that mean the same have the
    /// same shape.
    pub(super) fn shape(&self) -> String {
        match self {
            Self::Empty => "empty".to_owned(),
            Self::Html => "HTML".to_owned(),
            Self::Text(_) => "text".to_owned(),
            Self::Json(Value::Object(map)) => keys(map),
            Self::Json(Value::Array(elements)) => match elements.first() {
                Some(Value::Object(map)) => format!("array of {}", keys(map)),
                Some(first) => format!("array of {}", kind(first)),
                None => "empty array".to_owned(),
            },
            Self::Json(value) => kind(value).to_owned(),
        }
    }
}

/// Why `denial` says no, in its own words.
pub(super) fn denial_words(denial: &Map<String, Value>) -> Option<String> {
    // The errors first: `message` may well praise what else the request did.
    message(denial, ["errors", "error", "message"])
}

/// `text` in one line that is short enough for a message, without any of the secrets in `hide`.
pub(super) fn tidy(text: &str, hide: &[&str]) -> String {
    let shown = hide
        .iter()
        .filter(|secret| !secret.is_empty())
        .fold(text.to_owned(), |text, secret| {
            text.replace(secret, "(hidden)")
        });
    let line = shown
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn denies(map: &Map<String, Value>) -> bool {
    let unsuccessful = match map.get("success") {
        Some(Value::Bool(success)) => !success,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("false"),
        _ => false,
    };
    unsuccessful
        || ["errors", "error"]
            .iter()
            .any(|key| map.get(*key).is_some_and(is_something))
}

fn has_error_status(map: &Map<String, Value>) -> bool {
    ["status", "code", "statusCode"]
        .iter()
        .filter_map(|key| map.get(*key))
        .any(|status| match status {
            Value::Bool(fine) => !fine,
            Value::Number(number) => number.as_u64().is_some_and(is_error_status),
            Value::String(text) => {
                ["error", "fail", "failed"]
                    .iter()
                    .any(|word| text.eq_ignore_ascii_case(word))
                    || text.parse().is_ok_and(is_error_status)
            }
            _ => false,
        })
}

/// Only HTTP's own: there are services whose code for success is 20000.
fn is_error_status(status: u64) -> bool {
    (400..600).contains(&status)
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(error) => *error,
        Value::Number(count) => count.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

fn message(map: &Map<String, Value>, keys: [&str; 3]) -> Option<String> {
    keys.iter()
        .filter_map(|key| map.get(*key))
        .find_map(describe)
}

fn describe(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Array(list) => list.first().and_then(describe),
        Value::Object(map) if !map.is_empty() => {
            message(map, ["message", "error", "errors"]).or_else(|| Some(value.to_string()))
        }
        _ => None,
    }
}

fn keys(map: &Map<String, Value>) -> String {
    let mut names: Vec<String> = map.keys().map(|key| tidy(key, &[])).collect();
    names.sort_unstable();
    names.truncate(MOST_KEYS);
    format!("{{{}}}", names.join(", "))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_apart() {
        assert_eq!(Content::read(b" \r\n\t"), Content::Empty);
        assert_eq!(Content::read(b"\xef\xbb\xbf"), Content::Empty);
        assert_eq!(
            Content::read(b"\xef\xbb\xbf [1] "),
            Content::Json(serde_json::json!([1]))
        );
        assert_eq!(Content::read(b"\n<!DOCTYPE html>"), Content::Html);
        assert_eq!(Content::read(b"\xff!"), Content::Text("\u{fffd}!".into()));
        let deep = "[".repeat(10_000);
        assert_eq!(Content::read(deep.as_bytes()), Content::Text(deep.clone()));
    }

    #[test]
    fn what_says_no() {
        for no in [
            r#"{"success": false}"#,
            r#"{"success": "False"}"#,
            r#"{"success": true, "errors": ["one product is bad"]}"#,
            r#"{"errors": {"productPrice": ["too high"]}}"#,
            r#"{"errors": "bad"}"#,
            r#"{"errors": 2}"#,
            r#"{"error": "bad"}"#,
            r#"{"error": true}"#,
            r#"{"error": {"message": "bad"}}"#,
            r#"{"status": "Error"}"#,
            r#"{"status": "fail"}"#,
            r#"{"status": "FAILED"}"#,
            r#"{"status": false}"#,
            r#"{"status": 400}"#,
            r#"{"status": "422"}"#,
            r#"{"code": 599}"#,
            r#"{"statusCode": 500}"#,
            r#"[{"productId": 1}, {"success": false}]"#,
            r#"[{"error": "bad"}]"#,
        ] {
            assert!(Content::read(no.as_bytes()).denial().is_some(), "{no}");
        }
    }

    #[test]
    fn what_does_not() {
        for yes in [
            "{}",
            "[]",
            r#"{"message": "error"}"#,
            r#"{"success": true, "errors": [], "error": null}"#,
            r#"{"success": null}"#,
            r#"{"error": false, "errors": 0}"#,
            r#"{"error": "", "errors": {}}"#,
            r#"{"error": "  "}"#,
            r#"{"status": "success", "code": 200}"#,
            r#"{"status": 1, "code": 20000}"#,
            r#"{"status": "ok", "code": "E"}"#,
            r#"{"data": {"success": false}}"#,
            r#"[{"productId": 1, "code": 404, "status": "failed"}]"#,
            "[1, null]",
        ] {
            assert_eq!(Content::read(yes.as_bytes()).denial(), None, "{yes}");
        }
    }

    #[test]
    fn words_are_found_where_services_put_them() {
        let words = |body: &str| Content::read(body.as_bytes()).words();
        for body in [
            r#"{"message": "too high", "error": "Bad Request"}"#,
            r#"{"message": ["too high", "too long"]}"#,
            r#"{"message": "", "error": "too high"}"#,
            r#"{"error": {"message": "too high"}}"#,
            r#"{"errors": ["too high"]}"#,
            r#"{"errors": [{"message": "too high"}]}"#,
            r#"[{"error": "too high"}]"#,
            r#""too high""#,
            "too high",
        ] {
            assert_eq!(words(body).as_deref(), Some("too high"), "{body}");
        }
        assert_eq!(
            words(r#"{"errors": {"productPrice": ["too high"]}}"#).as_deref(),
            Some(r#"{"productPrice":["too high"]}"#)
        );
        assert_eq!(words("<html>").as_deref(), Some("an HTML page"));
        assert_eq!(words(""), None);
        assert_eq!(words("{}"), None);
        assert_eq!(words("null"), None);
    }

    #[test]
    fn a_denial_tells_its_errors_before_its_message() {
        let content = Content::read(br#"{"message": "Synced", "errors": ["P7 is bad"]}"#);
        let words = content.denial().and_then(denial_words);
        assert_eq!(words.as_deref(), Some("P7 is bad"));
    }

    #[test]
    fn a_message_is_one_short_line_without_secrets() {
        assert_eq!(tidy("a\r\n\tb\u{7}c  d", &[]), "a b c d");
        assert_eq!(tidy("bad hunter2!", &["hunter2", ""]), "bad (hidden)!");
        let long = "ä".repeat(300);
        assert_eq!(tidy(&long, &[]), format!("{}…", "ä".repeat(200)));
        // A secret that would be cut through is hidden first.
        let cut = format!("{} hunter2", "x".repeat(196));
        assert!(!tidy(&cut, &["hunter2"]).contains("hun"));
    }

    #[test]
    fn a_shape_has_keys_and_no_values() {
        let shape = |body: &str| Content::read(body.as_bytes()).shape();
        assert_eq!(shape(r#"{"message": "x", "data": {}}"#), "{data, message}");
        assert_eq!(shape(r#"[{"b": 1, "a": 2}]"#), "array of {a, b}");
        assert_eq!(shape("[1]"), "array of number");
        assert_eq!(shape("[]"), "empty array");
        assert_eq!(shape("12"), "number");
        assert_eq!(shape(""), "empty");
        assert_eq!(shape("<p>"), "HTML");
        assert_eq!(shape("hello"), "text");
    }
}

//! The body of an answer, read once and within limits, and the text for people in it.

use super::node::{Members, Node, ParseError};

/// How many characters of a text a message quotes, at most.
const LONGEST_QUOTE: usize = 200;

/// How many bytes of a page's text are kept, at most.
const LONGEST_PAGE: usize = 4_096;

/// How many keys a shape lists, at most.
const MOST_KEYS: usize = 20;

/// The keys under which answers have text for people, the most useful first.
const WORDS: [&str; 11] = [
    "message",
    "msg",
    "error",
    "errors",
    "errormessage",
    "errordescription",
    "detail",
    "details",
    "reason",
    "description",
    "title",
];

/// The same for an answer that looks like a success: its `message` may be about the products that succeeded.
const DENIAL_WORDS: [&str; 11] = [
    "errors",
    "error",
    "errormessage",
    "errordescription",
    "reason",
    "detail",
    "details",
    "message",
    "msg",
    "description",
    "title",
];

/// The largest answer that is read for a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The size of the body, in bytes.
    pub(super) bytes: usize,
    /// The number of JSON values in the body.
    pub(super) values: usize,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// Nothing, or only white space.
    Empty,
    /// JSON, whatever type the header gives.
    Json(Node),
    /// A web page: from a proxy, a sign-in page or the wrong server. Holds its text without the tags.
    Html(String),
    /// Anything else.
    Text(String),
    /// More than the limits for that request allow. Holds the beginning.
    TooLong(String),
}

impl Limits {
    /// The limits for the answer to a request with this many products. They leave room for an answer that
    /// repeats every product with all the fields that a shop keeps.
    pub(super) fn of(products: usize) -> Self {
        Self {
            bytes: (64 << 10) + products.saturating_mul(2 << 10).min(1 << 20),
            values: 2_048 + products.saturating_mul(64).min(1 << 15),
        }
    }
}

impl Content {
    /// Parses the bytes of a body. They may exceed `limits` by one byte: then the body is too long.
    pub(super) fn read(bytes: &[u8], limits: Limits) -> Self {
        let is_long = bytes.len() > limits.bytes;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            return Self::Empty;
        }
        if bytes.starts_with(b"<") {
            return Self::Html(page_text(&String::from_utf8_lossy(bytes)));
        }
        let beginning = || beginning(bytes);
        if is_long {
            return Self::TooLong(beginning());
        }
        match Node::parse(bytes, limits.values) {
            Ok(node) => Self::Json(node),
            Err(ParseError::TooMany) => Self::TooLong(beginning()),
            Err(ParseError::NotJson) => Self::Text(beginning()),
        }
    }

    /// The answer's own text for people, if it has any.
    pub(super) fn words(&self) -> Option<String> {
        match self {
            Self::Empty => None,
            Self::Html(text) if text.is_empty() => Some("an HTML page".to_owned()),
            Self::Html(text) => Some(format!("an HTML page: {text}")),
            Self::Text(text) | Self::TooLong(text) => Some(text.clone()),
            Self::Json(node) => words(node),
        }
    }

    /// The kind of body, without any of its values: two answers that mean the same have the same shape.
    pub(super) fn shape(&self) -> String {
        match self {
            Self::Empty => "empty".to_owned(),
            Self::Html(_) => "HTML".to_owned(),
            Self::Text(_) => "text".to_owned(),
            Self::TooLong(_) => "too long".to_owned(),
            Self::Json(Node::Object(members)) => keys(members),
            Self::Json(Node::List(elements)) => match elements.first() {
                Some(Node::Object(members)) => format!("array of {}", keys(members)),
                Some(first) => format!("array of {}", kind(first)),
                None => "empty array".to_owned(),
            },
            Self::Json(value) => kind(value).to_owned(),
        }
    }
}

/// The text for people in a value, or else the whole value.
pub(super) fn words(node: &Node) -> Option<String> {
    describe(node, &WORDS)
}

/// Why `denial` refuses, in its own words.
pub(super) fn denial_words(denial: &Node) -> Option<String> {
    describe(denial, &DENIAL_WORDS)
}

/// A key without case and separators, so that `failed_products` and `failedProducts` are the same.
pub(super) fn plain(key: &str) -> String {
    key.chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// `text` on one line, short enough for a message and without any of the secrets in `hide`.
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
    match line.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn describe(node: &Node, keys: &[&str]) -> Option<String> {
    match node {
        Node::Null | Node::Bool(_) => None,
        Node::Integer(_) | Node::Float(_) => Some(node.to_string()),
        Node::Text(_) => node.text().map(str::to_owned),
        Node::List(list) => list.iter().find_map(|element| describe(element, keys)),
        Node::Object(members) if members.is_empty() => None,
        Node::Object(members) => message(members, keys)
            .or_else(|| within(members, keys))
            .or_else(|| Some(node.to_string())),
    }
}

fn message(members: &Members, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| {
        let mut named = members.iter().filter(|(name, _)| plain(name) == *key);
        named.find_map(|(_, value)| describe(value, keys))
    })
}

/// Text one level down, because some services wrap their answers.
fn within(members: &Members, keys: &[&str]) -> Option<String> {
    members.iter().find_map(|(_, value)| match value {
        Node::Object(members) => message(members, keys),
        _ => None,
    })
}

fn beginning(bytes: &[u8]) -> String {
    let end = bytes.len().min(LONGEST_PAGE);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// The text of a page without tags, scripts and styles. The title comes first, as in the page.
fn page_text(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        text.push(' ');
        if text.len() > LONGEST_PAGE {
            break;
        }
        let tag = &rest[start..];
        let hidden = ["script", "style"]
            .into_iter()
            .find(|name| opens(tag, name));
        let end = match hidden {
            Some(name) => find_ignoring_case(tag, &format!("</{name}")),
            None => tag.find('>').map(|end| end + 1),
        };
        rest = end.and_then(|end| tag.get(end..)).unwrap_or_default();
    }
    text.push_str(rest);
    let text = [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ]
    .into_iter()
    .fold(text, |text, (entity, letter)| text.replace(entity, letter));
    let words: Vec<_> = text.split_whitespace().collect();
    let mut text = words.join(" ");
    let end = (0..=LONGEST_PAGE.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    text
}

fn opens(tag: &str, name: &str) -> bool {
    let named = tag.get(1..=name.len());
    named.is_some_and(|start| start.eq_ignore_ascii_case(name))
}

fn find_ignoring_case(text: &str, part: &str) -> Option<usize> {
    let part = part.as_bytes();
    text.as_bytes()
        .windows(part.len())
        .position(|window| window.eq_ignore_ascii_case(part))
}

fn keys(members: &Members) -> String {
    let mut names: Vec<String> = members.iter().map(|(key, _)| tidy(key, &[])).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(MOST_KEYS);
    format!("{{{}}}", names.join(", "))
}

fn kind(value: &Node) -> &'static str {
    match value {
        Node::Null => "null",
        Node::Bool(_) => "boolean",
        Node::Integer(_) | Node::Float(_) => "number",
        Node::Text(_) => "string",
        Node::List(_) => "array",
        Node::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: impl AsRef<[u8]>) -> Content {
        Content::read(body.as_ref(), Limits::of(1))
    }

    #[test]
    fn bytes_are_told_apart() {
        assert_eq!(read(b" \r\n\t"), Content::Empty);
        assert_eq!(read(b"\xef\xbb\xbf"), Content::Empty);
        let list = Node::List([Node::Integer(1)].into());
        assert_eq!(read(b"\xef\xbb\xbf [1] "), Content::Json(list));
        assert_eq!(read(b"\n<!DOCTYPE html>"), Content::Html(String::new()));
        assert_eq!(read(b"\xff!"), Content::Text("\u{fffd}!".into()));
        let deep = "[".repeat(1_000);
        assert_eq!(read(&deep), Content::Text(deep));
    }

    /// Of an answer there is never more in memory than its limits allow: the bytes, and for each of the
    /// values a node, a key's place and the key. A megabyte of small objects was 25 megabytes before.
    #[test]
    fn an_answer_has_its_limits() {
        for (products, bytes, memory) in [(0, 64 << 10, 256 << 10), (200, 464 << 10, 2 << 20)] {
            let limits = Limits::of(products);
            assert_eq!(limits.bytes, bytes);
            let of_a_value = size_of::<(Box<str>, Node)>() + 32;
            assert!(
                limits.bytes + limits.values * of_a_value <= memory,
                "{limits:?}"
            );
            let small = format!("[{}]", vec![r#"{"a":0}"#; limits.values].join(","));
            let one_byte_more = " ".repeat(limits.bytes) + "1";
            for long in [small, one_byte_more] {
                let content = Content::read(long.as_bytes(), limits);
                assert!(matches!(content, Content::TooLong(_)), "{content:?}");
            }
        }
        assert_eq!(Limits::of(usize::MAX).bytes, (1 << 20) + (64 << 10));
    }

    #[test]
    fn words_are_found_where_services_put_them() {
        let words = |body: &str| read(body).words();
        for body in [
            r#"{"message": "too high", "error": "Bad Request"}"#,
            r#"{"message": ["too high", "too long"]}"#,
            r#"{"message": "", "error": "too high"}"#,
            r#"{"error": {"message": "too high"}}"#,
            r#"{"errors": ["too high"]}"#,
            r#"{"errors": [{"message": "too high"}]}"#,
            r#"[{"error": "too high"}]"#,
            r#"{"detail": "too high", "code": 7}"#,
            r#"{"error_description": "too high"}"#,
            r#"{"statusCode": 400, "data": {"Message": "too high"}}"#,
            r#""too high""#,
            "too high",
        ] {
            assert_eq!(words(body).as_deref(), Some("too high"), "{body}");
        }
        assert_eq!(
            words(r#"{"errors": {"productPrice": ["too high"]}}"#).as_deref(),
            Some(r#"{"productPrice":["too high"]}"#)
        );
        assert_eq!(words(r#"{"odd": 7}"#).as_deref(), Some(r#"{"odd":7}"#));
        assert_eq!(words(""), None);
        assert_eq!(words("{}"), None);
        assert_eq!(words("null"), None);
    }

    #[test]
    fn a_page_tells_its_title_and_its_first_words() {
        for (page, told) in [
            ("<html>", "an HTML page"),
            (
                "<TITLE>Store 17</TITLE><p>is closed",
                "an HTML page: Store 17 is closed",
            ),
            (
                "<script>if (1<2) {}</script><style>p{}</style><h1>Sign&nbsp;in &amp; go</h1>",
                "an HTML page: Sign in & go",
            ),
            ("<p>cut in the <b", "an HTML page: cut in the"),
            ("<p>ä<é>ö", "an HTML page: ä ö"),
        ] {
            assert_eq!(read(page).words().as_deref(), Some(told), "{page}");
        }
        let endless = format!("<p>{}", "word ".repeat(100_000));
        let told = Content::read(endless.as_bytes(), Limits::of(0)).words();
        assert!(told.is_some_and(|told| told.len() < 5_000));
    }

    #[test]
    fn a_denial_tells_its_errors_before_its_message() {
        let Content::Json(node) = read(br#"{"message": "Synced", "errors": ["P7 is bad"]}"#) else {
            panic!("not JSON");
        };
        assert_eq!(denial_words(&node).as_deref(), Some("P7 is bad"));
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
        let shape = |body: &str| read(body).shape();
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

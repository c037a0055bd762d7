//! A JSON value that is as compact as interpreting answers allows, parsed within a limit.
//!
//! What a hostile or odd server sends must cost little memory: in a general JSON tree, `[{"a":0},…]` takes 25
//! bytes for each byte of text. Here an object is one list of its members, in their order; a key that occurs
//! twice is kept twice; and parsing stops at a limit on the number of values.

use std::cell::Cell;
use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// How many bytes of a value are shown to people, at most.
const LONGEST_SHOWN: usize = 1_024;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Integer(i64),
    /// A float, or an integer that does not fit in `i64`.
    Float(f64),
    Text(Box<str>),
    List(Box<[Node]>),
    Object(Members),
}

/// The members of an object, in their order.
pub(super) type Members = Box<[(Box<str>, Node)]>;

/// Why the bytes could not be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParseError {
    /// It is not JSON, or nested more than 128 deep.
    NotJson,
    /// It has more values than allowed.
    TooMany,
}

impl Node {
    /// Parses `bytes` into a value of at most `most` values, counting the outermost one and the value of each
    /// key.
    ///
    /// # Errors
    ///
    /// When it is not JSON, or has more values.
    pub(super) fn parse(bytes: &[u8], most: usize) -> Result<Self, ParseError> {
        let left = Cell::new(most);
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let node = Limited { left: &left }.deserialize(&mut deserializer);
        match node.and_then(|node| deserializer.end().map(|()| node)) {
            Ok(node) => Ok(node),
            Err(error) if error.is_data() => Err(ParseError::TooMany),
            Err(_) => Err(ParseError::NotJson),
        }
    }

    /// The text, if this is a text that is not blank.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// The whole number, also if it is written as text.
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The member with exactly this key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        let member = members.iter().find(|(name, _)| &**name == key);
        member.map(|(_, value)| value)
    }

    /// Whether it is a list or an object that is not empty.
    pub(super) fn is_collection(&self) -> bool {
        match self {
            Self::List(list) => !list.is_empty(),
            Self::Object(members) => !members.is_empty(),
            _ => false,
        }
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        if out.len() > LONGEST_SHOWN {
            return Ok(());
        }
        match self {
            Self::Null => out.write_str("null"),
            Self::Bool(value) => write!(out, "{value}"),
            Self::Integer(value) => write!(out, "{value}"),
            Self::Float(value) => write!(out, "{value}"),
            Self::Text(text) => write!(out, "{text:?}"),
            Self::List(list) => {
                out.write_char('[')?;
                for (index, node) in list.iter().enumerate() {
                    out.write_str(if index == 0 { "" } else { "," })?;
                    node.write(out)?;
                }
                out.write_char(']')
            }
            Self::Object(members) => {
                out.write_char('{')?;
                for (index, (key, node)) in members.iter().enumerate() {
                    out.write_str(if index == 0 { "" } else { "," })?;
                    write!(out, "{key:?}:")?;
                    node.write(out)?;
                }
                out.write_char('}')
            }
        }
    }
}

impl fmt::Display for Node {
    /// Writes the value for people; of a long one only the beginning.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text)?;
        f.write_str(&text)
    }
}

/// Parses a value, and counts it.
#[derive(Clone, Copy)]
struct Limited<'a> {
    left: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Limited<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(D::Error::custom("too many values"));
        };
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Limited<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        // Too large for a product's key, and for a count.
        Ok(i64::try_from(value).map_or(Node::Float(value as f64), Node::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element_seed(self)? {
            nodes.push(node);
        }
        Ok(Node::List(nodes.into_boxed_slice()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key()? {
            members.push((key, map.next_value_seed(self)?));
        }
        Ok(Node::Object(members.into_boxed_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Node, ParseError> {
        Node::parse(text.as_bytes(), 100)
    }

    #[test]
    fn values_are_read_and_shown() {
        let text = r#"{"a":[1,-2,0.5,true,null],"b":"x","b":{}}"#;
        let node = parse(text).unwrap();
        assert_eq!(node.to_string(), text);
        assert_eq!(node.get("b").and_then(Node::text), Some("x"));
        assert_eq!(
            parse("18446744073709551615"),
            Ok(Node::Float(2_f64.powi(64)))
        );
    }

    #[test]
    fn what_is_not_json_is_told() {
        for text in ["", "{", "[1] x", "nul"] {
            assert_eq!(parse(text), Err(ParseError::NotJson), "{text}");
        }
        let deep = "[".repeat(10_000);
        let read = Node::parse(deep.as_bytes(), 100_000);
        assert_eq!(read, Err(ParseError::NotJson));
    }

    #[test]
    fn reading_ends_at_the_limit() {
        let list = |count| format!("[{}]", vec!["0"; count].join(","));
        assert!(parse(&list(99)).is_ok());
        assert_eq!(parse(&list(100)), Err(ParseError::TooMany));
        // However long it goes on, and were it not even JSON.
        let endless = r#"[{"a":0},"#.repeat(50_000);
        assert_eq!(parse(&endless), Err(ParseError::TooMany));
    }

    #[test]
    fn a_value_is_small() {
        assert!(size_of::<Node>() <= 24);
        assert!(size_of::<(Box<str>, Node)>() <= 40);
    }

    #[test]
    fn a_long_value_is_shown_in_part() {
        let long = format!("[{}]", vec!["\"abcdefgh\""; 90].join(","));
        let many = format!("[{}]", vec![long.as_str(); 90].join(","));
        let node = Node::parse(many.as_bytes(), 100_000).unwrap();
        assert!(node.to_string().len() < 3_000);
    }
}

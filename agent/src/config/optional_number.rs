//! Serde for whole numbers that an empty string leaves unset.

use serde::{
    Deserialize, Deserializer, Serialize as _, Serializer,
    de::{Error as _, Unexpected},
};

/// A number, or a string from an environment variable.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u8),
    Text(String),
}

pub(super) fn serialize<S: Serializer>(
    value: &Option<u8>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(number) => number.serialize(serializer),
        None => serializer.serialize_str(""),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u8>, D::Error> {
    match Written::deserialize(deserializer)? {
        Written::Number(number) => Ok(Some(number)),
        Written::Text(text) if text.is_empty() => Ok(None),
        Written::Text(text) => text
            .parse()
            .map(Some)
            .map_err(|_| D::Error::invalid_value(Unexpected::Str(&text), &"a whole number")),
    }
}

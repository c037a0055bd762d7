//! Serde for durations that an empty string leaves unset.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration_text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::optional;

/// A duration as people write it: `2m 30s`.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Text(#[serde(with = "duration_text")] Duration);

pub(super) fn serialize<S: Serializer>(
    value: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    optional::serialize(&value.map(Text), serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let value: Option<Text> = optional::deserialize(deserializer)?;
    Ok(value.map(|text| text.0))
}

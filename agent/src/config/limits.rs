//! Limits that the types do not enforce.

use std::{path::Path, time::Duration};

use super::{ConditionConfig, Config, KeyConfig, TestConfig, WatchConfig};

/// The longest interval: longer ones are of no use, and much longer ones can overflow when added to a time.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest timeout of a request.
const LONGEST_REQUEST: Duration = Duration::from_secs(60 * 60);
/// Decimal places of a price: no currency has more than four, and prices add a few at most.
const MOST_PRICE_DIGITS: u8 = 10;
/// Values of a condition: the database compares every row with each of them.
const MOST_VALUES: usize = 1_000;
const SECOND: Duration = Duration::from_secs(1);
const TENTH: Duration = Duration::from_millis(100);

/// Whether the value of the key at `path` is within its limits.
pub(super) fn allow(config: &Config, path: &str) -> bool {
    let Config {
        catalog,
        digible,
        sync,
        ..
    } = config;
    match path {
        "catalog.price_digits" => catalog.price_digits.is_none_or(|n| n <= MOST_PRICE_DIGITS),
        "catalog.sold_when" | "catalog.columns.status" => {
            catalog.sold_when.is_empty()
                || (!catalog.columns.status.is_empty() && catalog.sold_when.len() <= MOST_VALUES)
        }
        "catalog.only" => catalog.only.iter().all(is_short),
        "catalog.columns.separator" => is_separator(&catalog.columns.separator),
        "catalog.columns.id" => are_different(&catalog.columns.id),
        "catalog.watch" => catalog.watch.iter().all(is_named),
        "catalog.path" => absolute_or_empty(&catalog.path),
        "digible.base_url" => is_http(&digible.base_url),
        "digible.batch_size" => (1..=200).contains(&digible.batch_size),
        "sync.verify_limit" => (1..=100).contains(&config.sync.verify_limit),
        "digible.max_in_flight" => (1..=64).contains(&digible.max_in_flight),
        "digible.ca_file" => absolute_or_empty(&digible.ca_file),
        "remote.certificate" => absolute_or_empty(&config.remote.certificate),
        "remote.key" => absolute_or_empty(&config.remote.key),
        "digible.timeout" => (TENTH..=LONGEST_REQUEST).contains(&digible.timeout),
        "digible.late_window" => digible
            .late_window
            .is_none_or(|window| (TENTH..=LONGEST).contains(&window)),
        "sync.interval" => (SECOND..=LONGEST).contains(&sync.interval),
        "metrics.listen" => config
            .metrics
            .listen
            .is_none_or(|at| at.ip().is_loopback() && at.port() != 0),
        "sync.probe" => (TENTH..=LONGEST).contains(&sync.probe),
        _ => true,
    }
}

/// A condition with as many values as one statement can compare with quickly.
fn is_short(condition: &ConditionConfig) -> bool {
    match &condition.test {
        TestConfig::Is(values) | TestConfig::IsNot(values) => values.len() <= MOST_VALUES,
        TestConfig::IsNull | TestConfig::NotNull => true,
    }
}

/// A separator that numbers cannot contain, except for a sign.
fn is_separator(separator: &str) -> bool {
    let fits = |c: char| !c.is_alphanumeric() && !c.is_control();
    (1..=3).contains(&separator.chars().count()) && separator.chars().all(fits)
}

/// A column that is named twice adds nothing to a key.
fn are_different(key: &KeyConfig) -> bool {
    let mut names: Vec<_> = std::iter::once(&key.first).chain(&key.more).collect();
    names.sort();
    names.windows(2).all(|pair| pair[0] != pair[1])
}

fn is_named(watch: &WatchConfig) -> bool {
    [&watch.table, &watch.key, &watch.column]
        .iter()
        .all(|name| !name.is_empty())
}

/// A relative path would mean a different file when the agent is started in another folder.
fn absolute_or_empty(path: &str) -> bool {
    path.is_empty() || Path::new(path).is_absolute()
}

/// Without a query and a fragment, because paths are appended to it.
fn is_http(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && !rest.contains(|c: char| c == '?' || c == '#' || c.is_whitespace() || c.is_control())
    })
}

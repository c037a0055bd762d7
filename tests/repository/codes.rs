//! `docs/issues.md` has every code that the agent can show.

use super::text;

/// Where the codes are made.
const SOURCES: [&str; 10] = [
    "agent/crates/catalog/src/error.rs",
    "agent/crates/tds-connect/src/error.rs",
    "agent/crates/engine/src/core.rs",
    "agent/crates/engine/src/stop_reason.rs",
    "agent/crates/health/src/headline.rs",
    "agent/crates/health/src/issues.rs",
    "agent/src/control/remote/problem.rs",
    "agent/src/metrics_port/mod.rs",
    "agent/src/supervisor/build.rs",
    "agent/src/supervisor/mod.rs",
];

/// Texts in double quotes that are codes: `DATABASE_BUSY`.
fn codes_in(source: &str) -> Vec<&str> {
    let is_code = |text: &&str| {
        text.contains('_') && text.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    source.split('"').filter(is_code).collect()
}

#[test]
fn every_code_is_documented() {
    let documented = text("docs/issues.md");
    for source in SOURCES.map(text) {
        for code in codes_in(&source) {
            assert!(documented.contains(&format!("`{code}`")), "{code}");
        }
    }
    assert!(codes_in(&text(SOURCES[0])).len() > 15);
}

//! Checks and their verdicts as text for people.

use shopmaster_proto::v1::{Check, Verdict};

use super::Text;

/// Checks, in the order in which they were made.
pub fn list(checks: &[Check]) -> Text {
    checks.iter().map(one).collect()
}

/// One check: its verdict, its name, what was found, and the remedy.
pub fn one(check: &Check) -> Text {
    let verdict = match check.verdict() {
        Verdict::Ok => "ok",
        Verdict::Warning => "warn",
        Verdict::Failed => "fail",
        Verdict::Skipped => "skip",
        Verdict::Unspecified => "?",
    };
    let line = format!("{verdict:4}  {:18}  {}", check.name, check.text);
    let mut text = Text::of(line.trim_end());
    for sample in &check.samples {
        text.line(format!("      {sample}"));
    }
    if !check.remedy.is_empty() {
        text.line(format!("hint: {}", check.remedy));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_a_line_each_and_the_remedy_has_its_own() {
        let checks = [
            Check {
                name: "catalog.connect".to_owned(),
                verdict: Verdict::Ok.into(),
                text: "connected".to_owned(),
                remedy: String::new(),
                ..Check::default()
            },
            Check {
                name: "catalog.key".to_owned(),
                verdict: Verdict::Failed.into(),
                text: "the key is not unique".to_owned(),
                remedy: "add a unique index".to_owned(),
                ..Check::default()
            },
        ];
        assert_eq!(
            list(&checks),
            "ok    catalog.connect     connected\n\
             fail  catalog.key         the key is not unique\n\
             hint: add a unique index\n"
        );
    }
}

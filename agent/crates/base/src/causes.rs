//! An error and its causes as one line of text for people.

use std::error::Error;

/// An error with its causes, on one line. A cause that only repeats the text before it is left out: some errors
/// include their cause's text in their own, and other causes repeat the text above them after a number.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut last = text.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) && !next.ends_with(&last) {
            text.push_str(": ");
            text.push_str(&next);
        }
        last = next;
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Failure {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    #[test]
    fn each_cause_is_said_once() {
        for (texts, said) in [
            (&["a"][..], "a"),
            (&["a", "b", "c"], "a: b: c"),
            (&["a: b", "b"], "a: b"),
            (&["a: b: c", "b: c", "c"], "a: b: c"),
            (
                &["no rights", "it is read-only", "code 8: it is read-only"],
                "no rights: it is read-only",
            ),
        ] {
            let error = texts.iter().rev().fold(None, |source, text| {
                Some(Box::new(Failure { text, source }))
            });
            assert_eq!(with_causes(&*error.unwrap()), said);
        }
    }
}

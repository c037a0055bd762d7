//! What the values of a column say about whether a product is sold.

use super::{Scalar, column_names::Meaning};

const NO: [&str; 6] = ["0", "n", "no", "f", "false", "off"];
const YES: [&str; 6] = ["1", "y", "yes", "t", "true", "on"];
const ENDED: [&str; 15] = [
    "inactive",
    "discontinued",
    "deleted",
    "disabled",
    "obsolete",
    "blocked",
    "hidden",
    "archived",
    "gone",
    "closed",
    "retired",
    "suspended",
    "removed",
    "delisted",
    "deactivated",
];
/// What these words are shortened to, beside an `A` for active.
const SHORTENED: [&str; 3] = ["i", "d", "x"];

/// The values of products that are not sold, and how many rows have them. `meaning`: what the column's name says; none for
/// a yes or no whose name says nothing. `values`: the column's values, and how many rows have each.
#[must_use]
pub fn unsold(meaning: Option<Meaning>, values: &[(Scalar, u64)]) -> (Vec<Scalar>, u64) {
    let text = |value: &Scalar| match value {
        Scalar::Text(text) => text.trim().to_lowercase(),
        other => other.to_string(),
    };
    let all: Vec<_> = values.iter().map(|(value, _)| text(value)).collect();
    let is_yes_or_no = all.iter().all(|value| value == "0" || value == "1");
    let is_shortened = all.iter().any(|value| value == "a" || value == "active");
    let is_unsold = |value: &Scalar| {
        let text = text(value);
        let text = text.as_str();
        match meaning {
            Some(Meaning::Sold) | None => NO.contains(&text),
            // Some programs write -1 for yes.
            Some(Meaning::NotSold) => YES.contains(&text) || text == "-1",
            Some(Meaning::Status) => {
                ENDED.contains(&text)
                    || (is_yes_or_no && text == "0")
                    || (is_shortened && SHORTENED.contains(&text))
            }
            Some(Meaning::Ended) => false,
        }
    };
    let unsold = values.iter().filter(|(value, _)| is_unsold(value));
    let left_out = unsold.clone().map(|(_, rows)| rows).sum();
    (unsold.map(|(value, _)| value.clone()).collect(), left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(meaning: Option<Meaning>, values: &[(&str, u64)]) -> (Vec<String>, u64) {
        let scalar = |text: &str| match text.parse() {
            Ok(number) => Scalar::Integer(number),
            Err(_) => Scalar::Text(text.to_owned()),
        };
        let values: Vec<_> = values
            .iter()
            .map(|(text, rows)| (scalar(text), *rows))
            .collect();
        let (unsold, rows) = unsold(meaning, &values);
        (unsold.iter().map(ToString::to_string).collect(), rows)
    }

    #[test]
    fn the_usual_values_of_what_is_not_sold_are_left_out() {
        for (meaning, values, expected, rows) in [
            (Some(Meaning::Sold), [("0", 3), ("1", 9)], &["0"][..], 3),
            (Some(Meaning::Sold), [("N", 3), ("Y", 9)], &["'N'"], 3),
            (Some(Meaning::NotSold), [("0", 9), ("1", 3)], &["1"], 3),
            (Some(Meaning::NotSold), [("0", 9), ("-1", 3)], &["-1"], 3),
            (Some(Meaning::Status), [("0", 2), ("1", 9)], &["0"], 2),
            (Some(Meaning::Status), [("A", 9), ("D", 2)], &["'D'"], 2),
            (
                Some(Meaning::Status),
                [("new", 9), ("Obsolete", 2)],
                &["'Obsolete'"],
                2,
            ),
            (Some(Meaning::Status), [("5", 9), ("7", 2)], &[], 0),
            (None, [("0", 2), ("1", 9)], &["0"], 2),
        ] {
            let expected = (expected.iter().map(|it| (*it).to_owned()).collect(), rows);
            assert_eq!(left_out(meaning, &values), expected, "{values:?}");
        }
    }
}

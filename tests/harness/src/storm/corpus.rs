//! Cases that once failed, by name. Each is a plan, so it stays the same when seeds generate other cases.

use super::plan::Plan;

/// An array of plans. To add one, print it with `storm --seed N --print-plan`, name it, and append it.
const CORPUS: &str = include_str!("corpus.json");

/// The cases that once failed.
///
/// # Errors
///
/// When one of them is not a valid plan.
pub fn corpus() -> serde_json::Result<Vec<Plan>> {
    serde_json::from_str(CORPUS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_case_has_a_name_of_its_own() {
        let plans = corpus().unwrap();
        let names: BTreeSet<_> = plans.iter().map(|plan| &plan.name).collect();
        assert_eq!(names.len(), plans.len());
    }
}

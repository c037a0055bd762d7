//! Cases that failed once, by name. Each is a plan, so that it stays the same when seeds mean others.

use super::plan::Plan;

/// An array of plans. A new one goes to its end: `storm --seed N --print-plan` prints it; give it a name.
const CORPUS: &str = include_str!("corpus.json");

/// The cases that failed once.
///
/// # Errors
///
/// When one of them is no plan.
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

//! What the answers say about all shops: how many stand how, in which order they are shown, and the exit code.

use std::cmp::Ordering;

use shopmaster_view::grouped;

use super::{Report, Standing};
use crate::exit::Exit;

/// How many shops stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Does not answer.
    pub no_answer: u64,
    /// Could not do what was asked.
    pub failed: u64,
    /// Needs attention.
    pub attention: u64,
    /// Has not answered yet.
    pub unknown: u64,
    /// Waits, sends or is paused.
    pub unfinished: u64,
    /// Did what was asked.
    pub good: u64,
}

impl Tally {
    /// Counts.
    pub fn of(standings: impl IntoIterator<Item = Standing>) -> Self {
        let mut tally = Self::default();
        for standing in standings {
            *match standing {
                Standing::NoAnswer => &mut tally.no_answer,
                Standing::Failed => &mut tally.failed,
                Standing::Attention => &mut tally.attention,
                Standing::Unknown => &mut tally.unknown,
                Standing::Unfinished => &mut tally.unfinished,
                Standing::Good => &mut tally.good,
            } += 1;
        }
        tally
    }

    /// `497 up to date, 2 need attention, 1 does not answer`. `good` is the word for those that did what was asked.
    pub fn summary(&self, good: &str) -> String {
        let counted = |count: u64, one: &str, many: &str| {
            let word = if count == 1 { one } else { many };
            (count > 0).then(|| format!("{} {word}", grouped(count)))
        };
        let parts = [
            Some(format!("{} {good}", grouped(self.good))),
            counted(
                self.unfinished,
                "waiting, sending or paused",
                "waiting, sending or paused",
            ),
            counted(self.attention, "needs attention", "need attention"),
            counted(self.failed, "failed", "failed"),
            counted(self.no_answer, "does not answer", "do not answer"),
            counted(self.unknown, "not known yet", "not known yet"),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        parts.join(", ")
    }

    /// The exit code: a shop that has an issue, failed or does not answer is an issue of the fleet.
    pub fn exit(&self) -> Exit {
        if self.attention + self.failed + self.no_answer > 0 {
            return Exit::Issue;
        }
        match self.unknown {
            0 => Exit::Done,
            _ => Exit::Failed,
        }
    }
}

/// Worst first; among equals, by name.
pub fn sort(reports: &mut [Report]) {
    reports.sort_by(order);
}

/// The order of two reports.
pub fn order(one: &Report, other: &Report) -> Ordering {
    let names = || one.shop.name.cmp(&other.shop.name);
    one.standing.cmp(&other.standing).then_with(names)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{list::tests::shop, report::Answer},
        *,
    };

    const ALL: [Standing; 6] = [
        Standing::NoAnswer,
        Standing::Failed,
        Standing::Attention,
        Standing::Unknown,
        Standing::Unfinished,
        Standing::Good,
    ];

    #[test]
    fn the_summary_counts_each_shop_once() {
        let good = [Standing::Good; 497];
        let others = [Standing::Attention, Standing::NoAnswer, Standing::Attention];
        let tally = Tally::of(good.into_iter().chain(others));
        assert_eq!(
            tally.summary("up to date"),
            "497 up to date, 2 need attention, 1 does not answer"
        );
        assert_eq!(
            Tally::of(ALL).summary("started"),
            "1 started, 1 waiting, sending or paused, 1 needs attention, 1 failed, 1 does not answer, 1 not known yet"
        );
        assert_eq!(Tally::of([]).summary("paused"), "0 paused");
        let many = Tally::of(vec![Standing::Good; 1_234]);
        assert_eq!(many.summary("up to date"), "1,234 up to date");
    }

    #[test]
    fn one_bad_shop_is_an_issue_of_the_fleet() {
        for (standing, expected) in [
            (Standing::NoAnswer, Exit::Issue),
            (Standing::Failed, Exit::Issue),
            (Standing::Attention, Exit::Issue),
            (Standing::Unknown, Exit::Failed),
            (Standing::Unfinished, Exit::Done),
            (Standing::Good, Exit::Done),
        ] {
            let tally = Tally::of([Standing::Good, standing]);
            assert_eq!(tally.exit(), expected, "{standing:?}");
        }
        assert_eq!(Tally::of(ALL).exit(), Exit::Issue);
    }

    #[test]
    fn the_worst_come_first() {
        let report = |name: &str, standing| Report {
            standing,
            ..Report::of(shop(name), Answer::Nothing)
        };
        let mut reports = vec![
            report("b", Standing::Good),
            report("d", Standing::Attention),
            report("a", Standing::Good),
            report("e", Standing::NoAnswer),
            report("c", Standing::Attention),
        ];
        sort(&mut reports);
        let names: Vec<_> = reports.iter().map(|it| it.shop.name.as_str()).collect();
        assert_eq!(names, ["e", "c", "d", "a", "b"]);
    }
}

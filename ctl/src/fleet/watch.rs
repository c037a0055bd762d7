//! The status of all shops as it changes: what is known of each, and when a shop that went away is tried again.

use std::time::Duration;

use shopmaster_proto::v1::{Status, WatchStatusRequest};
use tokio::{sync::mpsc, time::sleep};

use super::{Connector, Report, Shop, Tally, report::Answer, tally};
use crate::{commands::answer, error::Error, target::Target};

/// The first wait before a shop that went away is tried again.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest one.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The index of a shop in the list, and its latest report.
pub type Update = (usize, Report);

/// The latest reports of all shops.
#[derive(Debug)]
pub struct Reports {
    /// In the order of the list.
    reports: Vec<Report>,
}

impl Reports {
    /// Nothing is known yet.
    pub fn new(shops: &[Shop]) -> Self {
        let unknown = |shop: &Shop| Report {
            text: "connecting".to_owned(),
            ..Report::of(shop.clone(), Answer::Nothing)
        };
        Self {
            reports: shops.iter().map(unknown).collect(),
        }
    }

    /// Replaces the report of a shop, and returns whether that changes what is shown.
    pub fn update(&mut self, (index, report): Update) -> bool {
        let Some(known) = self.reports.get_mut(index) else {
            return false;
        };
        let shown = |report: &Report| (report.standing, report.text.clone());
        let is_changed = shown(known) != shown(&report);
        *known = report;
        is_changed
    }

    /// The report of a shop.
    pub fn report(&self, index: usize) -> Option<&Report> {
        self.reports.get(index)
    }

    /// The reports, worst first.
    pub fn sorted(&self) -> Vec<&Report> {
        let mut reports: Vec<_> = self.reports.iter().collect();
        reports.sort_by(|one, other| tally::order(one, other));
        reports
    }

    /// How many shops stand how.
    pub fn tally(&self) -> Tally {
        Tally::of(self.reports.iter().map(|report| report.standing))
    }
}

/// Follows the status of a shop for ever, and connects again when it goes away.
pub async fn follow(
    index: usize,
    shop: Shop,
    connector: &Connector,
    updates: mpsc::UnboundedSender<Update>,
) {
    let mut failures = 0;
    loop {
        let mut has_answered = false;
        let ended = once(&shop, connector, |status| {
            has_answered = true;
            let report = Report::of(shop.clone(), Answer::Status(status));
            updates.send((index, report)).is_ok()
        })
        .await;
        if has_answered {
            failures = 0;
        }
        let remedy = ended.remedy(&Target::of(shop.agent.clone()));
        let report = Report::failed(shop.clone(), &ended, remedy);
        if updates.send((index, report)).is_err() {
            return;
        }
        sleep(wait(failures, fastrand::f64())).await;
        failures += 1;
    }
}

/// Follows the status until the connection ends or `show` returns false, and returns why.
async fn once(
    shop: &Shop,
    connector: &Connector,
    mut show: impl FnMut(Box<Status>) -> bool,
) -> Error {
    let opened = connector.ask(&shop.agent, async |client| {
        answer(client.agent.watch_status(WatchStatusRequest {})).await
    });
    let mut stream = match opened.await {
        Ok((_, stream)) => stream.into_inner(),
        Err(error) => return error,
    };
    loop {
        let status = match answer(stream.message()).await {
            Ok(Some(change)) => change.status,
            Ok(None) => return Error::AgentLeft,
            Err(error) => return error,
        };
        let Some(status) = status else {
            return Error::Incomplete("status");
        };
        if !show(Box::new(status)) {
            return Error::AgentLeft;
        }
    }
}

/// How long to wait after so many failures in a row: twice as long each time, and between half and all of that, so that
/// shops which went away together do not come back together. `jitter` is between 0 and 1.
fn wait(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(failures));
    doubled.min(LONGEST_WAIT).mul_f64(0.5 + jitter / 2.0)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Standing, list::tests::shop},
        *,
    };

    fn report(name: &str, standing: Standing, text: &str) -> Report {
        Report {
            standing,
            text: text.to_owned(),
            ..Report::of(shop(name), Answer::Nothing)
        }
    }

    #[test]
    fn only_what_is_shown_differently_is_a_change() {
        let shops = [shop("a"), shop("b")];
        let mut latest = Reports::new(&shops);
        assert_eq!(latest.tally().unknown, 2);
        let good = || report("b", Standing::Good, "All 3 products up to date");
        assert!(latest.update((1, good())));
        assert!(!latest.update((1, good())));
        assert!(latest.update((1, report("b", Standing::Good, "All 4 products up to date"))));
        assert!(latest.update((
            1,
            report("b", Standing::NoAnswer, "All 4 products up to date")
        )));
        assert!(!latest.update((2, good())));
        let names: Vec<_> = latest
            .sorted()
            .iter()
            .map(|it| it.shop.name.clone())
            .collect();
        assert_eq!(names, ["b", "a"]);
    }

    #[test]
    fn a_shop_that_went_away_is_tried_less_and_less_often() {
        let seconds = |failures, jitter| wait(failures, jitter).as_secs_f64();
        assert_eq!(seconds(0, 1.0), 1.0);
        assert_eq!(seconds(0, 0.0), 0.5);
        assert_eq!(seconds(3, 1.0), 8.0);
        assert_eq!(seconds(6, 1.0), 60.0);
        assert_eq!(seconds(1_000, 1.0), 60.0);
        assert_eq!(seconds(1_000, 0.0), 30.0);
    }
}

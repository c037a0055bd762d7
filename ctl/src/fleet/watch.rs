//! The status of all shops as it changes: what is known of each, and when a shop that went away is tried again.

use std::time::Duration;

use shopmaster_proto::v1::{Status, WatchStatusRequest};
use tokio::{
    sync::{Semaphore, mpsc},
    time::{sleep, timeout},
};

use super::{Report, Shop, Tally, ask::Limits, report::Answer, tally};
use crate::{
    agents::Directory, commands::answer, connect::connect, error::Error, ssh::Login, target::Target,
};

/// The first wait before a shop that went away is tried again.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest one.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// News of a shop: its place in the list, and its report.
pub type News = (usize, Report);

/// What is known of all shops.
#[derive(Debug)]
pub struct Board {
    /// In the order of the list.
    reports: Vec<Report>,
}

impl Board {
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

    /// Takes news in, and returns whether they change what is shown.
    pub fn take(&mut self, (place, report): News) -> bool {
        let Some(known) = self.reports.get_mut(place) else {
            return false;
        };
        let shown = |report: &Report| (report.standing, report.text.clone());
        let is_new = shown(known) != shown(&report);
        *known = report;
        is_new
    }

    /// The report of a shop.
    pub fn report(&self, place: usize) -> Option<&Report> {
        self.reports.get(place)
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

/// Follows the status of a shop for ever, and connects again when it goes away. `connecting` limits how many shops connect
/// at once.
pub async fn follow(
    place: usize,
    shop: Shop,
    limits: Limits,
    agents: &Directory,
    connecting: &Semaphore,
    news: mpsc::UnboundedSender<News>,
) {
    let mut failures = 0;
    loop {
        let tell = |status: Box<Status>| {
            let report = Report::of(shop.clone(), Answer::Status(status));
            news.send((place, report)).is_ok()
        };
        let mut has_answered = false;
        let ended = once(&shop, limits, agents, connecting, |status| {
            has_answered = true;
            tell(status)
        })
        .await;
        if has_answered {
            failures = 0;
        }
        let remedy = ended.remedy(&Target::of(shop.agent.clone()));
        let report = Report::failed(shop.clone(), &ended, remedy);
        if news.send((place, report)).is_err() {
            return;
        }
        sleep(wait(failures, fastrand::f64())).await;
        failures += 1;
    }
}

/// Follows the status until the connection ends, and returns why it did.
async fn once(
    shop: &Shop,
    limits: Limits,
    agents: &Directory,
    connecting: &Semaphore,
    mut tell: impl FnMut(Box<Status>) -> bool,
) -> Error {
    let opened = async {
        // It is never closed.
        let _permit = connecting.acquire().await;
        let asked = async {
            let mut client = connect(&shop.agent, Login::Unattended, agents).await?;
            let request = WatchStatusRequest {};
            answer(client.agent.watch_status(request)).await
        };
        let late = |_| Error::Late(limits.timeout);
        timeout(limits.timeout, asked).await.map_err(late)?
    };
    let mut stream = match opened.await {
        Ok(stream) => stream.into_inner(),
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
        if !tell(Box::new(status)) {
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
    fn only_what_is_shown_differently_is_news() {
        let shops = [shop("a"), shop("b")];
        let mut board = Board::new(&shops);
        assert_eq!(board.tally().unknown, 2);
        let good = || report("b", Standing::Good, "All 3 products up to date");
        assert!(board.take((1, good())));
        assert!(!board.take((1, good())));
        assert!(board.take((1, report("b", Standing::Good, "All 4 products up to date"))));
        assert!(board.take((
            1,
            report("b", Standing::NoAnswer, "All 4 products up to date")
        )));
        assert!(!board.take((2, good())));
        let names: Vec<_> = board
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

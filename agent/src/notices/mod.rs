//! Notifications: when something needs attention, and when that is over, once each.
//!
//! They are part of the tray's process and a client of the agent like the tray, but need neither an icon nor a panel.

use std::path::PathBuf;

use futures_util::{Stream, StreamExt as _, stream};
use jiff::Timestamp;
use shopmaster_proto::{
    Client, Failure,
    v1::{GetConfigRequest, GetInfoRequest, Status, WatchStatusRequest},
};
use tokio::time::sleep;

mod desktop;
mod memory;
mod rules;

pub use rules::Notice;
use rules::{Memory, judge};

/// Shows notifications until the connection to the agent ends; then the caller calls it again with a new connection.
/// What was shown is recorded in the file `memory`, so that a restart does not repeat it.
///
/// # Errors
///
/// When the connection is lost, or the agent refuses to send its status.
pub async fn run(mut client: Client, memory: PathBuf) -> Result<(), Failure> {
    let info = client.agent.get_info(GetInfoRequest {}).await?.into_inner();
    let agent = info.started_at.as_ref().and_then(timestamp);
    let watched = client.agent.watch_status(WatchStatusRequest {}).await?;
    let statuses = stream::unfold(watched.into_inner(), |mut watched| async {
        // Any failure ends the connection: the caller makes a new one.
        let change = watched.message().await.ok().flatten()?;
        Some((change.status, watched))
    });
    let mut watch = Watch {
        statuses: Box::pin(statuses.filter_map(async |status| status)),
        agent,
        notified: memory::load(memory.clone()).await,
        last: None,
        due: None,
    };
    while let Some(notices) = watch.next().await {
        // Before showing them: a repeated notification is worse than one that a crash prevents.
        memory::save(memory.clone(), watch.notified.clone()).await;
        if !notices.is_empty() && switched_on(&client).await {
            for notice in &notices {
                desktop::show(notice).await;
            }
        }
    }
    Ok(())
}

/// The status of an agent, and which notifications were shown.
struct Watch<S> {
    statuses: S,
    /// When the agent started.
    agent: Option<Timestamp>,
    notified: Memory,
    last: Option<Status>,
    /// When to judge the last status again.
    due: Option<Timestamp>,
}

impl<S: Stream<Item = Status> + Unpin> Watch<S> {
    /// Waits until notifications are due, and returns them; none when no more status will arrive.
    ///
    /// Judges each status, and the last one again when a notification becomes due by time alone.
    async fn next(&mut self) -> Option<Vec<Notice>> {
        loop {
            let status = tokio::select! {
                next = self.statuses.next() => next?,
                Some(last) = again(&mut self.last, self.due) => last,
            };
            let verdict = judge(&self.notified, &status, self.agent, Timestamp::now());
            self.last = Some(status);
            self.due = verdict.due;
            if verdict.memory != self.notified {
                self.notified = verdict.memory;
                return Some(verdict.notices);
            }
        }
    }
}

/// Returns the last status when it is due; never returns when nothing is due.
async fn again(last: &mut Option<Status>, due: Option<Timestamp>) -> Option<Status> {
    let left = due?.duration_since(Timestamp::now());
    // If the time has passed meanwhile, there is nothing to wait for.
    sleep(left.try_into().unwrap_or_default()).await;
    last.take()
}

/// Whether notifications are switched on; true if the agent does not answer or does not know the setting.
async fn switched_on(client: &Client) -> bool {
    let mut config = client.config.clone();
    let answer = config.get_config(GetConfigRequest {}).await;
    let settings = answer.ok().and_then(|answer| answer.into_inner().settings);
    let tray = settings.and_then(|settings| settings.tray);
    tray.is_none_or(|tray| tray.notifications)
}

fn timestamp(at: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(at.seconds, at.nanos).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::stream;
    use shopmaster_proto::v1::{
        CatalogReach, CatalogState, Issue, Session, SessionState, Severity,
    };
    use tokio::sync::mpsc;

    use super::*;

    fn proto(at: Timestamp) -> prost_types::Timestamp {
        prost_types::Timestamp {
            seconds: at.as_second(),
            nanos: at.subsec_nanosecond(),
        }
    }

    fn away(since: Timestamp) -> Status {
        Status {
            catalog: Some(CatalogState {
                kind: "sqlite".to_owned(),
                state: CatalogReach::Unreachable.into(),
            }),
            issues: vec![Issue {
                code: "DATABASE_UNREACHABLE".to_owned(),
                severity: Severity::Error.into(),
                text: "Database not reachable".to_owned(),
                since: Some(proto(since)),
                ..Issue::default()
            }],
            ..Status::default()
        }
    }

    fn logged_in() -> Status {
        Status {
            session: Some(Session {
                state: SessionState::Active.into(),
                expires_at: None,
            }),
            ..Status::default()
        }
    }

    /// A notice that only time makes due comes without another status.
    #[tokio::test]
    async fn a_database_that_stays_away_is_told_when_its_time_is_over() {
        let almost = Timestamp::now() - Duration::from_millis(599_900);
        let (statuses, mut receiver) = mpsc::unbounded_channel();
        let mut watch = Watch {
            statuses: stream::poll_fn(move |context| receiver.poll_recv(context)),
            agent: None,
            notified: Memory::default(),
            last: None,
            due: None,
        };
        statuses.send(away(almost)).unwrap();
        let notices = watch.next().await.unwrap();
        assert_eq!(notices[0].title, "The shop's database cannot be used");
        statuses.send(logged_in()).unwrap();
        // The connection ends, and with it the watching.
        drop(statuses);
        assert_eq!(watch.next().await, None);
    }

    #[test]
    fn it_can_run_beside_the_tray() {
        fn spawned(_: impl Future<Output = Result<(), Failure>> + Send + 'static) {}
        let _ = |client: Client| spawned(run(client, PathBuf::new()));
    }
}

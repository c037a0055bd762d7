//! `status`: the agent's status, once or whenever it changes.

use std::pin::pin;

use shopmaster_proto::v1::{GetStatusRequest, Status, WatchStatusRequest, WatchStatusResponse};
use tokio::signal::ctrl_c;

use super::{Ctl, answer};
use crate::{
    error::Error,
    exit::Exit,
    fleet::report::needs_attention,
    render::{
        human::{self, Clock, Text},
        json::{StatusJson, WatchedStatusJson},
    },
};

/// How to show the status.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep showing the status whenever it changes, until Ctrl-C
    #[arg(long, short)]
    watch: bool,
    /// Exit with code 4 if there is an issue that needs attention; for monitoring
    #[arg(long, conflicts_with = "watch")]
    check: bool,
}

/// Shows the agent's status.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    if args.watch {
        return watch(ctl).await;
    }
    let mut client = ctl.connect().await?;
    let response = answer(client.agent.get_status(GetStatusRequest {})).await?;
    let status = response.into_inner().status;
    let status = status.ok_or(Error::Incomplete("status"))?;
    let exit = if args.check && needs_attention(&status) {
        Exit::Issue
    } else {
        Exit::Done
    };
    show(ctl, status)?;
    Ok(exit)
}

/// Shows a status once; `pause` and `resume` do so, too.
pub fn show(ctl: &Ctl, status: Status) -> Result<(), Error> {
    let text = human::status::status(&status, &Clock::local());
    ctl.output.show(&StatusJson::from(status), || text)
}

async fn watch(ctl: &Ctl) -> Result<Exit, Error> {
    let mut leave = pin!(ctrl_c());
    tokio::select! {
        // First: Ctrl-C also ends `ssh`, and so the connection.
        biased;
        _ = &mut leave => Ok(Exit::Done),
        end = changes(ctl) => end,
    }
}

async fn changes(ctl: &Ctl) -> Result<Exit, Error> {
    let mut client = ctl.connect().await?;
    let request = WatchStatusRequest {};
    let mut stream = answer(client.agent.watch_status(request))
        .await?
        .into_inner();
    let mut last = None;
    while let Some(change) = answer(stream.message()).await? {
        let status = change.status.clone();
        let status = status.ok_or(Error::Incomplete("status"))?;
        if ctl.output.json {
            ctl.output
                .show(&WatchedStatusJson::from(change), String::new)?;
        } else {
            ctl.output
                .text(&update(&change, &status, last.as_ref(), &Clock::local()))?;
        }
        last = Some(status);
    }
    Err(Error::AgentLeft)
}

/// What to print for a change: first the whole status, then a line when the headline changes, and the issues when
/// they do.
fn update(
    change: &WatchStatusResponse,
    status: &Status,
    last: Option<&Status>,
    clock: &Clock,
) -> Text {
    let Some(last) = last else {
        return human::status::status(status, clock);
    };
    let mut text = Text::default();
    if status.headline != last.headline || change.lagged {
        text.add(&human::status::change(status, clock));
    }
    let codes = |status: &Status| -> Vec<String> {
        let issues = status.issues.iter();
        issues.map(|issue| issue.code.clone()).collect()
    };
    if codes(status) != codes(last) {
        text.add(&human::status::issues(&status.issues, clock));
    }
    text
}

#[cfg(test)]
mod tests {
    use shopmaster_proto::v1::{Issue, Severity, State};

    use super::*;

    fn status(state: State, severities: &[Severity]) -> Status {
        Status {
            state: state.into(),
            headline: "Up to date".to_owned(),
            issues: severities
                .iter()
                .map(|severity| Issue {
                    code: "SOME_ISSUE".to_owned(),
                    severity: (*severity).into(),
                    text: "something".to_owned(),
                    ..Issue::default()
                })
                .collect(),
            ..Status::default()
        }
    }

    #[test]
    fn a_person_is_needed_for_warnings_errors_and_what_does_not_work() {
        let needed = |state, severities: &[Severity]| needs_attention(&status(state, severities));
        assert!(needed(State::Unconfigured, &[]));
        assert!(needed(State::Broken, &[]));
        assert!(needed(State::Pending, &[Severity::Info, Severity::Warning]));
        assert!(needed(State::UpToDate, &[Severity::Error]));
        assert!(!needed(State::Paused, &[Severity::Info]));
        assert!(!needed(State::Pending, &[]));
    }

    #[test]
    fn watching_shows_only_what_changed() {
        let clock = human::clock::tests::clock();
        let first = status(State::UpToDate, &[]);
        let worse = status(State::UpToDate, &[Severity::Warning]);
        let sending = Status {
            headline: "Sending 1 of 2".to_owned(),
            ..first.clone()
        };
        let none = WatchStatusResponse::default();
        let lagged = WatchStatusResponse {
            lagged: true,
            ..WatchStatusResponse::default()
        };
        assert!(update(&none, &first, None, &clock).contains("\nwaiting "));
        assert_eq!(update(&none, &first, Some(&first), &clock), "");
        assert_eq!(
            update(&lagged, &first, Some(&first), &clock),
            "14:30:00  Up to date\n"
        );
        assert_eq!(
            update(&none, &sending, Some(&first), &clock),
            "14:30:00  Sending 1 of 2\n"
        );
        assert_eq!(
            update(&none, &worse, Some(&first), &clock),
            "\nwarning: something [SOME_ISSUE]\n"
        );
    }
}

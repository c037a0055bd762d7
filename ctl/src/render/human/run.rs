//! Runs as text for people.

use shopmaster_proto::v1::{Run, RunKind, RunOutcome};
use shopmaster_view::grouped;

use super::{Clock, Text, table};
use crate::enums::Word as _;

/// `Sync`, `Upload`, `Verify`.
pub fn kind(run: &Run) -> &'static str {
    match run.kind() {
        RunKind::Sync => "Sync",
        RunKind::Upload => "Upload",
        RunKind::Verify => "Verify",
        RunKind::Unspecified => "Run",
    }
}

/// `12 sent, 3 unchanged, 1 refused`.
pub fn counts(run: &Run) -> String {
    let parts: Vec<String> = [
        (run.sent, "sent"),
        (run.unchanged, "unchanged"),
        (run.parked, "refused"),
        (run.still_parked, "still refused"),
        (run.failed, "still waiting"),
        (run.removed, "gone from the shop"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{} {what}", grouped(count)))
    .collect();
    if !parts.is_empty() {
        return parts.join(", ");
    }
    match run.outcome() {
        RunOutcome::Completed | RunOutcome::Unspecified => "nothing to send",
        // What it did after its numbers were last stored is not known.
        RunOutcome::Interrupted => "not counted",
        // It may have ended before it knew whether there was something to send.
        _ => "nothing sent",
    }
    .to_owned()
}

/// How a run ended: one line, then why it failed, then each refused product.
pub fn summary(run: &Run) -> Text {
    let outcome = run.outcome();
    let line = format!("{} {}: {}", kind(run), outcome.plain_word(), counts(run));
    let mut text = Text::of(line);
    // A verify has a sentence of its own.
    let says = outcome != RunOutcome::Completed || run.kind() == RunKind::Verify;
    if says && !run.message.is_empty() {
        text.line(&run.message);
    }
    text.with(&refused(run))
}

fn refused(run: &Run) -> Text {
    let named = run.refused.len() as u64;
    let mut text: Text = run
        .refused
        .iter()
        .map(|product| Text::of(format!("  {}: {}", product.product_id, product.reason)))
        .collect();
    if run.parked > named && named > 0 {
        text.line(format!("  and {} more", grouped(run.parked - named)));
    }
    text
}

/// Runs, one per line.
pub fn list(runs: &[Run], clock: &Clock) -> Text {
    let rows: Vec<[String; 4]> = runs
        .iter()
        .map(|run| {
            [
                run.id.clone(),
                clock.at(run.started_at).unwrap_or_default(),
                now(run),
                match run.outcome() {
                    RunOutcome::Unspecified => run.message.clone(),
                    _ => counts(run),
                },
            ]
        })
        .collect();
    table::columns(&rows)
}

/// Everything about one run.
pub fn details(run: &Run, clock: &Clock) -> Text {
    let mut lines = vec![
        ("id", run.id.clone()),
        ("kind", run.kind().plain_word()),
        ("state", now(run)),
        ("cause", run.cause().plain_word()),
        ("started", clock.at(run.started_at).unwrap_or_default()),
    ];
    if let Some(finished) = clock.at(run.finished_at) {
        lines.push(("finished", finished));
    }
    lines.extend([
        (
            "progress",
            format!("{} of {}", grouped(run.done), grouped(run.total)),
        ),
        ("products", counts(run)),
        ("requests", grouped(run.requests)),
    ]);
    if !run.message.is_empty() {
        lines.push(("message", run.message.clone()));
    }
    let mut text = table::pairs(&lines);
    if !run.refused.is_empty() {
        text.gap();
        text.line("Refused:");
        text.add(&refused(run));
    }
    text
}

/// The outcome, or the state while the run is in progress.
fn now(run: &Run) -> String {
    match run.outcome() {
        RunOutcome::Unspecified => run.state().plain_word(),
        outcome => outcome.plain_word(),
    }
}

#[cfg(test)]
mod tests {
    use shopmaster_proto::v1::{RefusedProduct, RunCause, RunState};

    use super::{
        super::clock::tests::{clock, local},
        *,
    };

    fn run() -> Run {
        Run {
            id: "sync-20261121-142800-5f".to_owned(),
            kind: RunKind::Sync.into(),
            state: RunState::Finished.into(),
            outcome: RunOutcome::Completed.into(),
            started_at: local("2026-11-21T14:28:00"),
            finished_at: local("2026-11-21T14:28:01"),
            total: 1_017,
            done: 1_017,
            sent: 1_012,
            unchanged: 3,
            parked: 2,
            requests: 7,
            cause: RunCause::Requested.into(),
            refused: vec![RefusedProduct {
                product_id: "P\x1b1".to_owned(),
                reason: "the price is NULL".to_owned(),
            }],
            ..Run::default()
        }
    }

    #[test]
    fn a_summary_names_what_was_refused() {
        assert_eq!(
            summary(&run()),
            "Sync completed: 1,012 sent, 3 unchanged, 2 refused\n  \
             P\u{fffd}1: the price is NULL\n  and 1 more\n"
        );
    }

    #[test]
    fn a_summary_says_why_it_failed() {
        let failed = Run {
            kind: RunKind::Upload.into(),
            outcome: RunOutcome::Failed.into(),
            message: "Digible does not answer".to_owned(),
            ..Run::default()
        };
        assert_eq!(
            summary(&failed),
            "Upload failed: nothing sent\nDigible does not answer\n"
        );
        let nothing = Run {
            outcome: RunOutcome::Completed.into(),
            kind: RunKind::Sync.into(),
            ..Run::default()
        };
        assert_eq!(summary(&nothing), "Sync completed: nothing to send\n");
    }

    #[test]
    fn runs_are_a_line_each() {
        let running = Run {
            id: "upload-1".to_owned(),
            state: RunState::Waiting.into(),
            started_at: local("2026-11-20T09:00:00"),
            message: "Waiting for Digible".to_owned(),
            ..Run::default()
        };
        assert_eq!(
            list(&[run(), running], &clock()),
            "sync-20261121-142800-5f  today 14:28      completed  1,012 sent, 3 unchanged, 2 refused\n\
             upload-1                 yesterday 09:00  waiting    Waiting for Digible\n"
        );
    }

    #[test]
    fn details_tell_all() {
        assert_eq!(
            details(&run(), &clock()),
            "id        sync-20261121-142800-5f\n\
             kind      sync\n\
             state     completed\n\
             cause     requested\n\
             started   today 14:28\n\
             finished  today 14:28\n\
             progress  1,017 of 1,017\n\
             products  1,012 sent, 3 unchanged, 2 refused\n\
             requests  7\n\
             \nRefused:\n  P\u{fffd}1: the price is NULL\n  and 1 more\n"
        );
    }
}

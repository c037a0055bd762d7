//! Capture as text for people.

use shopmaster_proto::v1::{
    AdoptResponse, Capture, CaptureState, GetCaptureResponse, InstallCaptureResponse,
    PlanCaptureResponse, RemoveCaptureResponse,
};
use shopmaster_view::grouped;

use super::{Clock, Text, check, table};
use crate::enums::Word as _;

/// Between the two scripts of a plan; a comment in every dialect of SQL.
const SEPARATOR: &str =
    "-- ---- Everything below REMOVES capture: do not run it together with the above ----";

/// `trigger, installed`; `scan, not needed: it is a view`.
pub fn now(capture: &Capture) -> String {
    let text = format!(
        "{}, {}",
        capture.mode().plain_word(),
        capture.state().plain_word()
    );
    match capture.reason.as_str() {
        "" => text,
        reason => format!("{text}: {reason}"),
    }
}

/// The exact statements that installing and removing run.
pub fn plan(plan: &PlanCaptureResponse) -> Text {
    let mut text = Text::of_lines(&plan.install);
    text.line(SEPARATOR);
    text.with(&Text::of_lines(&plan.remove))
}

/// The checks, and the result of installing.
pub fn installed(answer: &InstallCaptureResponse) -> Text {
    let done = if answer.changed {
        "Capture installed"
    } else {
        "Capture was already installed; nothing changed"
    };
    let capture = answer.capture.clone().unwrap_or_default();
    let mut text = check::list(&answer.checks);
    text.line(format!("{done} ({})", now(&capture)));
    text
}

/// The result of removing.
pub fn removed(answer: &RemoveCaptureResponse) -> Text {
    let done = if answer.changed {
        "Capture removed"
    } else {
        "Capture was not installed; nothing changed"
    };
    Text::of(done)
}

/// The state of capture, as the database reports it now.
pub fn current(answer: &GetCaptureResponse, clock: &Clock) -> Text {
    let capture = answer.capture.clone().unwrap_or_default();
    let mut lines = vec![
        ("capture", now(&capture)),
        ("changes", grouped(answer.changes)),
        ("waiting", grouped(answer.pending)),
    ];
    if let Some(age) = clock.age(answer.oldest_pending_at) {
        lines.push(("oldest", format!("{age} ago")));
    }
    lines.extend(
        capture
            .drift
            .iter()
            .map(|difference| ("drift", difference.clone())),
    );
    if capture.state() == CaptureState::Outdated {
        let hint = "`shopmasterctl capture install` installs the current version and keeps waiting changes";
        lines.push(("hint", hint.to_owned()));
    }
    table::pairs(&lines)
}

/// What was, or would be, taken over from the old program. A step may have several lines, such as a trigger's source.
pub fn adoption(answer: &AdoptResponse) -> Text {
    let mut text = Text::default();
    for step in &answer.steps {
        for (number, line) in step.trim_end().lines().enumerate() {
            let indent = if number == 0 { "" } else { "    " };
            text.line(format!("{indent}{}", line.replace('\t', "    ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use shopmaster_proto::v1::CaptureMode;

    use super::{
        super::clock::tests::{clock, local},
        *,
    };

    #[test]
    fn a_plan_keeps_both_texts_as_they_are() {
        let answer = PlanCaptureResponse {
            install: "CREATE TABLE x (a);\n".to_owned(),
            remove: "DROP TABLE x;".to_owned(),
            checks: Vec::new(),
        };
        assert_eq!(
            &*plan(&answer),
            format!("CREATE TABLE x (a);\n{SEPARATOR}\nDROP TABLE x;\n")
        );
    }

    #[test]
    fn why_a_table_is_only_walked_is_told() {
        let capture = Capture {
            mode: CaptureMode::Scan.into(),
            state: CaptureState::NotNeeded.into(),
            reason: "it is a view".to_owned(),
            ..Capture::default()
        };
        assert_eq!(now(&capture), "scan, not needed: it is a view");
    }

    #[test]
    fn a_step_may_have_lines_of_its_own() {
        let answer = AdoptResponse {
            steps: vec![
                "`t` is dropped:\nCREATE TRIGGER t\r\n\tON a\u{1b}".to_owned(),
                "done".to_owned(),
            ],
            ..AdoptResponse::default()
        };
        assert_eq!(
            adoption(&answer),
            "`t` is dropped:\n    CREATE TRIGGER t\n        ON a\u{fffd}\ndone\n"
        );
    }

    #[test]
    fn an_earlier_version_is_a_hint() {
        let answer = GetCaptureResponse {
            capture: Some(Capture {
                mode: CaptureMode::Trigger.into(),
                state: CaptureState::Outdated.into(),
                drift: Vec::new(),
                reason: "the trigger is an earlier version's".to_owned(),
            }),
            ..GetCaptureResponse::default()
        };
        assert_eq!(
            current(&answer, &clock()),
            "capture  trigger, outdated: the trigger is an earlier version's\n\
             changes  0\n\
             waiting  0\n\
             hint     `shopmasterctl capture install` installs the current version and keeps waiting changes\n"
        );
    }

    #[test]
    fn what_differs_is_told() {
        let answer = GetCaptureResponse {
            capture: Some(Capture {
                mode: CaptureMode::Trigger.into(),
                state: CaptureState::Drifted.into(),
                drift: vec!["the trigger is gone".to_owned()],
                reason: String::new(),
            }),
            changes: 5,
            pending: 3,
            oldest_pending_at: local("2026-11-21T14:20:00"),
        };
        assert_eq!(
            current(&answer, &clock()),
            "capture  trigger, drifted\n\
             changes  5\n\
             waiting  3\n\
             oldest   10 min ago\n\
             drift    the trigger is gone\n"
        );
    }
}

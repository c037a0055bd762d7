//! What a shop answered, and how it stands.

use shopmaster_proto::v1::{Check, Run, RunOutcome, RunState, Severity, State, Status, Verdict};
use shopmaster_view::noun;

use super::Shop;
use crate::{error::Error, exit::Exit};

/// How a shop stands, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Its agent does not answer.
    NoAnswer,
    /// Its agent answered, and what was asked could not be done.
    Failed,
    /// It needs attention: it has an issue, or is not configured.
    Attention,
    /// The command was interrupted before it answered.
    Unknown,
    /// It waits, sends or is paused, as shops do.
    Unfinished,
    /// What was asked is done; for the status: it is up to date.
    Good,
}

/// What a shop answered.
#[derive(Debug)]
pub struct Report {
    /// The shop.
    pub shop: Shop,
    /// How it stands.
    pub standing: Standing,
    /// The answer in one line, for people.
    pub text: String,
    /// The answer.
    pub answer: Answer,
}

/// The answer itself.
#[derive(Debug)]
pub enum Answer {
    /// The status.
    Status(Box<Status>),
    /// The status after a change that the shop made as it was asked to.
    Changed(Box<Status>),
    /// A run that was started or, with `--wait`, has ended.
    Run {
        /// The run.
        run: Box<Run>,
        /// It was in progress already.
        joined: bool,
    },
    /// The checks of `test`.
    Checks(Vec<Check>),
    /// No answer, or a refusal.
    Error {
        /// The stable code.
        code: String,
        /// What to do about it.
        remedy: Option<String>,
    },
    /// None yet.
    Nothing,
}

impl Report {
    /// The report of an answer.
    pub fn of(shop: Shop, answer: Answer) -> Self {
        let (standing, text) = match &answer {
            Answer::Status(status) => (of_status(status), status.headline.clone()),
            Answer::Changed(status) => (Standing::Good, status.headline.clone()),
            Answer::Run { run, joined } => (of_run(run), run_text(run, *joined)),
            Answer::Checks(checks) => of_checks(checks),
            Answer::Error { code, .. } => (Standing::Failed, code.clone()),
            Answer::Nothing => (
                Standing::Unknown,
                "interrupted before it answered".to_owned(),
            ),
        };
        Self {
            shop,
            standing,
            text,
            answer,
        }
    }

    /// Whether the command ended before the shop answered.
    pub fn is_unanswered(&self) -> bool {
        matches!(self.answer, Answer::Nothing)
    }

    /// The report of a failure. `remedy` names the shop's agent.
    pub fn failed(shop: Shop, error: &Error, remedy: Option<String>) -> Self {
        let standing = match error.exit() {
            Exit::NoAgent => Standing::NoAnswer,
            _ => Standing::Failed,
        };
        let code = error.code().to_owned();
        Self {
            shop,
            standing,
            text: error.message(),
            answer: Answer::Error { code, remedy },
        }
    }
}

/// How a shop with this status stands.
pub fn of_status(status: &Status) -> Standing {
    if needs_attention(status) {
        return Standing::Attention;
    }
    match status.state() {
        State::Attention => Standing::Attention,
        State::UpToDate => Standing::Good,
        _ => Standing::Unfinished,
    }
}

/// Whether a status has an issue of severity warning or error, or a state that does not work.
pub fn needs_attention(status: &Status) -> bool {
    let state = matches!(status.state(), State::Unconfigured | State::Broken);
    let issue = status
        .issues
        .iter()
        .any(|issue| matches!(issue.severity(), Severity::Warning | Severity::Error));
    state || issue
}

fn of_run(run: &Run) -> Standing {
    match (run.state(), run.outcome()) {
        (RunState::Finished, RunOutcome::Completed) => Standing::Good,
        (RunState::Finished, _) => Standing::Failed,
        _ => Standing::Good,
    }
}

fn run_text(run: &Run, joined: bool) -> String {
    use crate::{enums::Word as _, render::human::run::counts};

    if run.state() == RunState::Finished {
        let text = format!("{}: {}", run.outcome().plain_word(), counts(run));
        return match run.message.is_empty() {
            true => text,
            false => format!("{text}; {}", run.message),
        };
    }
    match joined {
        true => format!("already running: {}", run.id),
        false => format!("started: {}", run.id),
    }
}

fn of_checks(checks: &[Check]) -> (Standing, String) {
    let with = |verdict| checks.iter().filter(move |it| it.verdict() == verdict);
    if let Some(first) = with(Verdict::Failed).next() {
        let count = with(Verdict::Failed).count();
        let text = match count {
            1 => format!("failed: {}: {}", first.name, first.text),
            _ => format!("{count} failed, first {}: {}", first.name, first.text),
        };
        return (Standing::Failed, text);
    }
    match with(Verdict::Warning).next() {
        Some(first) => (
            Standing::Attention,
            format!("warning: {}: {}", first.name, first.text),
        ),
        None => {
            let passed = format!("{} passed", noun(checks.len() as u64, "check"));
            (Standing::Good, passed)
        }
    }
}

#[cfg(test)]
mod tests {
    use shopmaster_proto::{ConnectError, Endpoint, Failure, v1::Issue};

    use super::{super::list::tests::shop, *};

    fn status(state: State, severities: &[Severity]) -> Status {
        let issues = severities.iter().map(|severity| Issue {
            severity: (*severity).into(),
            ..Issue::default()
        });
        Status {
            state: state.into(),
            issues: issues.collect(),
            ..Status::default()
        }
    }

    #[test]
    fn a_status_is_judged_by_its_state_and_its_issues() {
        for (state, severities, expected) in [
            (State::UpToDate, &[][..], Standing::Good),
            (State::UpToDate, &[Severity::Info], Standing::Good),
            (State::UpToDate, &[Severity::Warning], Standing::Attention),
            (State::Pending, &[], Standing::Unfinished),
            (State::Sending, &[], Standing::Unfinished),
            (State::Paused, &[], Standing::Unfinished),
            (State::Paused, &[Severity::Error], Standing::Attention),
            (State::Attention, &[], Standing::Attention),
            (State::Unconfigured, &[], Standing::Attention),
            (State::Broken, &[], Standing::Attention),
            (State::Unspecified, &[], Standing::Unfinished),
        ] {
            let found = of_status(&status(state, severities));
            assert_eq!(found, expected, "{state:?} {severities:?}");
        }
    }

    #[test]
    fn a_run_is_good_until_it_ends_badly() {
        let run = |state: RunState, outcome: RunOutcome| Run {
            id: "sync-1".to_owned(),
            state: state.into(),
            outcome: outcome.into(),
            message: "Digible is busy".to_owned(),
            ..Run::default()
        };
        let report = |run: Run, joined| {
            let run = Box::new(run);
            let report = Report::of(shop("a"), Answer::Run { run, joined });
            (report.standing, report.text)
        };
        let running = run(RunState::Running, RunOutcome::Unspecified);
        assert_eq!(
            report(running.clone(), false),
            (Standing::Good, "started: sync-1".to_owned())
        );
        assert_eq!(
            report(running, true),
            (Standing::Good, "already running: sync-1".to_owned())
        );
        let done = report(run(RunState::Finished, RunOutcome::Completed), false);
        assert_eq!(done.0, Standing::Good);
        let (standing, text) = report(run(RunState::Finished, RunOutcome::Failed), false);
        assert_eq!(standing, Standing::Failed);
        assert!(
            text.starts_with("failed: ") && text.ends_with("; Digible is busy"),
            "{text}"
        );
    }

    #[test]
    fn a_check_that_failed_is_named() {
        let check = |name: &str, verdict: Verdict| Check {
            name: name.to_owned(),
            verdict: verdict.into(),
            text: "why".to_owned(),
            ..Check::default()
        };
        let (ok, warning, failed) = (
            check("a", Verdict::Ok),
            check("b", Verdict::Warning),
            check("c", Verdict::Failed),
        );
        assert_eq!(
            of_checks(std::slice::from_ref(&ok)),
            (Standing::Good, "1 check passed".to_owned())
        );
        assert_eq!(
            of_checks(&[ok.clone(), warning.clone()]),
            (Standing::Attention, "warning: b: why".to_owned())
        );
        assert_eq!(
            of_checks(&[ok, warning, failed.clone()]),
            (Standing::Failed, "failed: c: why".to_owned())
        );
        assert_eq!(
            of_checks(&[failed.clone(), failed]).1,
            "2 failed, first c: why"
        );
    }

    #[test]
    fn a_silent_agent_is_told_from_one_that_refuses() {
        let silent = Error::NoAgent(ConnectError::NoAnswer {
            endpoint: Endpoint::Unix("/a".into()),
            source: std::io::ErrorKind::NotFound.into(),
        });
        let report = Report::failed(shop("a"), &silent, None);
        assert_eq!(report.standing, Standing::NoAnswer);
        let refused = Error::Refused(Failure {
            code: "NOT_CONFIGURED".to_owned(),
            message: "no shop is set".to_owned(),
            remedy: String::new(),
            disconnected: false,
        });
        let report = Report::failed(shop("a"), &refused, None);
        assert_eq!(
            (report.standing, report.text.as_str()),
            (Standing::Failed, "no shop is set")
        );
        assert!(matches!(report.answer, Answer::Error { code, .. } if code == "NOT_CONFIGURED"));
    }
}

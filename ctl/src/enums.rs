//! The contract's enums as words: `up_to_date` for programs, `up to date` for people.

use shopmaster_proto::v1::{
    CaptureMode, CaptureState, CatalogReach, Icon, ProductIdType, ProductState, RemoteCredential,
    RemoteLogOutcome, Role, RunCause, RunKind, RunOutcome, RunState, SessionState, Severity, State,
    Verdict,
};

/// An enum of the contract that has a word for each value.
pub trait Word {
    /// The word of the contract in snake case; none for unspecified, and for a value that this version does not know.
    fn word(self) -> Option<String>;
    /// The word for people, which differs from the contract's where people have a better one.
    fn plain_word(self) -> String
    where
        Self: Sized,
    {
        self.word()
            .map_or_else(|| "unknown".to_owned(), |word| plain(&word))
    }
}

/// The glossary's word for a word of the contract.
fn plain(word: &str) -> String {
    match word {
        "cancelled" => "canceled".to_owned(),
        "equal" => "up to date".to_owned(),
        "in_doubt" => "unconfirmed".to_owned(),
        "parked" => "refused".to_owned(),
        "pending" => "waiting".to_owned(),
        "removed" => "gone from the shop".to_owned(),
        word => word.replace('_', " "),
    }
}

macro_rules! words {
    ($($type:ty: $prefix:literal,)*) => {$(
        impl Word for $type {
            fn word(self) -> Option<String> {
                let name = self.as_str_name().strip_prefix($prefix)?;
                (name != "UNSPECIFIED").then(|| name.to_lowercase())
            }
        }
    )*};
}

words! {
    CaptureMode: "CAPTURE_MODE_",
    CaptureState: "CAPTURE_STATE_",
    CatalogReach: "CATALOG_REACH_",
    Icon: "ICON_",
    ProductIdType: "PRODUCT_ID_TYPE_",
    ProductState: "PRODUCT_STATE_",
    RemoteCredential: "REMOTE_CREDENTIAL_",
    RemoteLogOutcome: "REMOTE_LOG_OUTCOME_",
    Role: "ROLE_",
    RunCause: "RUN_CAUSE_",
    RunKind: "RUN_KIND_",
    RunOutcome: "RUN_OUTCOME_",
    RunState: "RUN_STATE_",
    SessionState: "SESSION_STATE_",
    Severity: "SEVERITY_",
    State: "STATE_",
    Verdict: "VERDICT_",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_enum_has_its_prefix() {
        assert_eq!(CaptureMode::Scan.word().unwrap(), "scan");
        assert_eq!(CaptureState::NotInstalled.word().unwrap(), "not_installed");
        assert_eq!(CatalogReach::Reachable.word().unwrap(), "reachable");
        assert_eq!(Icon::Green.word().unwrap(), "green");
        assert_eq!(ProductState::NeverSent.word().unwrap(), "never_sent");
        assert_eq!(RemoteCredential::Token.word().unwrap(), "token");
        assert_eq!(RemoteLogOutcome::Began.word().unwrap(), "began");
        assert_eq!(Role::Viewer.word().unwrap(), "viewer");
        assert_eq!(RunCause::Scheduled.word().unwrap(), "scheduled");
        assert_eq!(RunKind::Sync.word().unwrap(), "sync");
        assert_eq!(RunOutcome::Completed.word().unwrap(), "completed");
        assert_eq!(RunState::Waiting.word().unwrap(), "waiting");
        assert_eq!(SessionState::Expired.word().unwrap(), "expired");
        assert_eq!(Severity::Warning.word().unwrap(), "warning");
        assert_eq!(State::UpToDate.word().unwrap(), "up_to_date");
        assert_eq!(Verdict::Ok.word().unwrap(), "ok");
    }

    #[test]
    fn people_read_the_words_of_the_glossary() {
        let shown = [
            ProductState::Equal,
            ProductState::Pending,
            ProductState::InDoubt,
            ProductState::Parked,
            ProductState::Removed,
            ProductState::NeverSent,
        ]
        .map(Word::plain_word);
        assert_eq!(
            shown,
            [
                "up to date",
                "waiting",
                "unconfirmed",
                "refused",
                "gone from the shop",
                "never sent",
            ]
        );
        assert_eq!(RunOutcome::Cancelled.plain_word(), "canceled");
        assert_eq!(RunOutcome::Cancelled.word().unwrap(), "cancelled");
    }

    #[test]
    fn unspecified_is_no_word() {
        assert_eq!(RunOutcome::Unspecified.word(), None);
        assert_eq!(CaptureState::NotInstalled.plain_word(), "not installed");
    }
}

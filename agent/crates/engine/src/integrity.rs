//! The check of the journal in `shopmasterctl test`.

use shopmaster_base::causes::with_causes;
use shopmaster_catalog::{Check, Verdict};
use shopmaster_journal::{Integrity, JournalError};

use super::engine::Engine;

/// The name of the check for programs, in the form that the catalog's checks have.
const CHECK_NAME: &str = "journal.integrity";

impl Engine {
    /// Checks whether the journal holds what was written to it. Sending continues meanwhile.
    pub async fn check_journal(&self) -> Check {
        check(self.journal().check_integrity().await)
    }
}

fn check(found: Result<Integrity, JournalError>) -> Check {
    match found {
        Ok(Integrity::Sound { bytes }) => {
            let text = format!("the journal is sound ({})", megabytes(bytes));
            Check::new(CHECK_NAME, Verdict::Ok, text, String::new())
        }
        Ok(Integrity::Doubtful(reason)) => failed(
            "JOURNAL_DAMAGED",
            format!("the journal cannot be trusted: {reason}"),
            "Restart the agent: it keeps a copy of the damaged journal, and what was sent counts as unconfirmed; then run `shopmasterctl upload`, and check the disk",
        ),
        Ok(Integrity::Unusable(reason)) => failed(
            "JOURNAL_DAMAGED",
            format!("the journal can no longer be used: {reason}"),
            "Restart the agent: it sets the damaged journal aside and starts an empty one; then run `shopmasterctl upload`, and check the disk",
        ),
        Err(error) => failed(error.code(), with_causes(&error), error.remedy()),
    }
}

fn failed(code: &'static str, text: String, remedy: &str) -> Check {
    Check {
        code,
        ..Check::new(CHECK_NAME, Verdict::Failed, text, remedy.to_owned())
    }
}

/// `0.3 MB`, with 1 MB = 1,000,000 bytes, as disks are labeled.
fn megabytes(bytes: u64) -> String {
    let tenths = bytes.div_ceil(100_000);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_says_what_to_do_about_a_damaged_journal() {
        let damage = || "it is damaged (table `doubt`)".to_owned();
        let gone = JournalError::Gone {
            path: "journal.sqlite".into(),
        };
        for (found, code, text, remedy) in [
            (
                Ok(Integrity::Doubtful(damage())),
                "JOURNAL_DAMAGED",
                "the journal cannot be trusted: it is damaged (table `doubt`)",
                "keeps a copy of the damaged journal",
            ),
            (
                Ok(Integrity::Unusable(damage())),
                "JOURNAL_DAMAGED",
                "the journal can no longer be used: it is damaged (table `doubt`)",
                "starts an empty one",
            ),
            (
                Err(gone),
                "JOURNAL_GONE",
                "the journal `journal.sqlite` was deleted or replaced while the agent was running",
                "Restart the agent, then run `shopmasterctl upload`",
            ),
        ] {
            let result = check(found);
            assert_eq!((result.name, result.verdict), (CHECK_NAME, Verdict::Failed));
            assert_eq!((result.code, result.text.as_str()), (code, text));
            assert!(result.remedy.contains(remedy), "{result:?}");
        }
    }

    #[test]
    fn a_sound_one_is_reported_with_its_size() {
        let result = check(Ok(Integrity::Sound { bytes: 62_177_280 }));
        assert_eq!(result.verdict, Verdict::Ok);
        assert_eq!(result.text, "the journal is sound (62.2 MB)");
        assert_eq!(result.remedy, "");
    }
}

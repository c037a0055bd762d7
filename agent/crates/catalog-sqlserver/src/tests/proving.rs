//! What is proven of capture, and what of it cannot be seen.

use shopmaster_catalog::{CaptureStatus, Catalog, Verdict};
use shopmaster_standins::tds::{Answer, SqlError, Value};

use super::staged::{Staged, int, text};

/// A trigger of the shop's that is started by these.
fn own([insert, update, delete]: [i32; 3]) -> Vec<[Value; 6]> {
    let [insert, update, delete] = [insert, update, delete].map(int);
    vec![[text("trg_own"), int(0), int(0), insert, update, delete]]
}

/// The objects of ours that are found, but for the triggers.
fn without_triggers(answer: Result<Answer, SqlError>) -> Result<Answer, SqlError> {
    let mut answer = answer?;
    let is_trigger = |row: &[Value]| matches!(&row[2], Value::Text(kind) if kind.trim() == "TR");
    answer.results[1].rows.retain(|row| !is_trigger(row));
    Ok(answer)
}

#[tokio::test]
async fn the_shops_own_triggers_are_not_started_for_a_proof() {
    for (actions, is_written) in [([0, 1, 0], false), ([1, 0, 1], true)] {
        let shop = Staged::open().await;
        shop.says("triggers", own(actions));
        let check = shop.check("catalog.triggers").await;
        assert_eq!(check.text.contains("tested"), !is_written, "{check:?}");
        assert!(shop.catalog.install().await.unwrap());
        let written = shop.server.statements_named("prove").len();
        assert_eq!(written > 0, is_written, "{actions:?}");
    }
}

#[tokio::test]
async fn what_was_installed_is_read_back() {
    for actions in [[0, 0, 0], [0, 1, 0]] {
        let shop = Staged::open().await;
        shop.says("triggers", own(actions));
        shop.edits("found", without_triggers);
        let error = shop.catalog.install().await.unwrap_err();
        assert_eq!(error.code(), "CAPTURE_UNPROVEN", "{error}");
        assert!(error.to_string().contains("shopmaster_capture_"), "{error}");
    }
}

/// A login without `VIEW DEFINITION` sees no triggers: what else it lacks nobody knows then.
#[tokio::test]
async fn who_sees_no_triggers_is_asked_for_that_one_right() {
    let shop = Staged::open().await;
    assert!(shop.catalog.install().await.unwrap());
    shop.edits("found", without_triggers);
    // No owner; and of what the statement asks for neither VIEW DEFINITION nor what installing needs.
    let lacks = [1, 3, 4, 5, 6, 7, 8, 9, 15];
    shop.sets("rights", lacks.map(|place| (place, int(0))));
    let grant = "GRANT VIEW DEFINITION ON OBJECT::[dbo].[Products] TO [shopmaster]";

    let check = shop.check("catalog.rights").await;
    assert_eq!(
        (check.verdict, check.code),
        (Verdict::Failed, "DATABASE_DENIED")
    );
    assert!(check.text.ends_with(grant), "{check:?}");
    assert_eq!(check.text.matches("GRANT").count(), 1, "{check:?}");
    // A text that makes the trigger a second time is not printed.
    let error = shop.catalog.plan().await.unwrap_err();
    assert_eq!(error.code(), "DATABASE_DENIED");
    let drifted = shop.catalog.capture().await.unwrap();
    assert!(
        matches!(&drifted, CaptureStatus::Drifted(drift) if drift.lines.len() == 1),
        "{drifted:?}"
    );
    assert_eq!(shop.catalog.scan(None, 10).await.unwrap().len(), 3);
}

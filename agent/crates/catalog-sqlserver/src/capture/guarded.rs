//! Batches that are safe on their own: a batch that is run in another database, after a batch that failed, or
//! alone, changes nothing and says so.
//!
//! Management Studio, and `sqlcmd` without `-b`, continue after a batch that failed. So each batch checks what
//! it depends on, and does all of its work in one transaction, or none.

use shopmaster_catalog::template::fill;

use crate::quote::literal;

/// A batch that is being built.
#[derive(Debug)]
pub(crate) struct Guarded {
    head: &'static str,
    database: String,
    refusals: String,
    statements: String,
}

impl Guarded {
    /// An empty batch that runs only in this database. `head` names and explains it, in comments.
    pub(crate) fn new(head: &'static str, database: &str) -> Self {
        Self {
            head,
            database: database.to_owned(),
            refusals: String::new(),
            statements: String::new(),
        }
    }

    /// Makes the batch refuse to do anything if `condition` is true, for this reason.
    pub(crate) fn refuse(&mut self, condition: &str, reason: &str) {
        let text = fill(
            include_str!("../sql/refuse.sql"),
            &[
                ("condition", condition.trim_end()),
                ("message", &message(reason)),
            ],
        );
        self.refusals.push_str(&text);
    }

    /// Makes the batch refuse if shopMaster has a trigger other than these, which the batch drops: what such a
    /// trigger writes to must stay.
    pub(crate) fn refuse_other_triggers(&mut self, dropped: &[String]) {
        let others = dropped.iter().map(|trigger| {
            let trigger = literal(trigger);
            format!(" AND t.object_id <> COALESCE(OBJECT_ID({trigger}, N'TR'), 0)")
        });
        let condition = fill(
            include_str!("../sql/trigger_is_there.sql"),
            &[("others", &others.collect::<String>())],
        );
        self.refuse(
            &condition,
            "A trigger of shopMaster is still there and needs what this would drop: nothing was changed. Run the whole text again, from its beginning",
        );
    }

    /// Makes the batch refuse a login that may not see whether this table has one of shopMaster's triggers.
    pub(crate) fn refuse_the_blind(&mut self, table: &str) {
        let condition = fill(
            include_str!("../sql/triggers_are_hidden.sql"),
            &[("table", &literal(table))],
        );
        self.refuse(
            &condition,
            &format!(
                "This login may not see the triggers of {table}, and one may need what this would drop: nothing was changed. Run it as the database's owner"
            ),
        );
    }

    /// Makes the batch refuse if the ChangeLog is missing, which a trigger needs.
    pub(crate) fn refuse_without_log(&mut self) {
        self.refuse(
            "OBJECT_ID(N'[shopmaster].[ChangeLog]', N'U') IS NULL",
            "[shopmaster].[ChangeLog] is missing: nothing was changed. Print the text again with `shopmasterctl capture plan`",
        );
    }

    /// Makes the batch refuse if there is already a ChangeLog.
    pub(crate) fn refuse_another_log(&mut self) {
        self.refuse(
            "OBJECT_ID(N'[shopmaster].[ChangeLog]') IS NOT NULL",
            "[shopmaster].[ChangeLog] is there already: nothing was changed. Print the text again with `shopmasterctl capture plan`",
        );
    }

    /// Adds one or more statements.
    pub(crate) fn run(&mut self, statement: &str) {
        for line in statement.trim_end().lines() {
            // The lines of a string literal must not change, so nothing is indented.
            self.statements.push_str(line);
            self.statements.push('\n');
        }
    }

    /// Adds a statement that must be alone in its batch: it gets a batch of its own inside this one.
    pub(crate) fn run_alone(&mut self, statement: &str) {
        let inner = literal(statement.trim_end());
        self.run(&format!("EXEC({inner});"));
    }

    /// The whole batch.
    pub(crate) fn text(&self) -> String {
        let elsewhere = format!(
            "This is for the database {}: nothing was changed here",
            self.database
        );
        fill(
            include_str!("../sql/guarded.sql"),
            &[
                ("head", self.head),
                ("database", &literal(&self.database)),
                ("elsewhere", &message(&elsewhere)),
                ("refusals", &self.refusals),
                ("statements", &self.statements),
            ],
        )
    }
}

/// Escapes a text for `RAISERROR`, for which a percent sign begins a placeholder.
fn message(text: &str) -> String {
    literal(&text.replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_stay_names() {
        let mut batch = Guarded::new("/* shopmaster remove */\n", "100% {head} o'clock");
        batch.refuse_the_blind("[a'b].[{statements}%d]");
        batch.run("SELECT 1;");
        let text = batch.text();
        for expected in [
            "IF DB_NAME() <> N'100% {head} o''clock'\n",
            "database 100%% {head} o''clock:",
            "HAS_PERMS_BY_NAME(N'[a''b].[{statements}%d]',",
            "triggers of [a''b].[{statements}%%d],",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }

    #[test]
    fn what_is_alone_keeps_its_text() {
        let mut batch = Guarded::new("/* shopmaster install */\n", "Shop");
        batch.run_alone("CREATE VIEW a\nAS\n  SELECT N'x' AS b\n");
        assert!(
            batch
                .text()
                .contains("EXEC(N'CREATE VIEW a\nAS\n  SELECT N''x'' AS b');\n")
        );
    }
}

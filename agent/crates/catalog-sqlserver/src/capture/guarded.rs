//! Batches that are safe by themselves: whoever runs one in another database, after a batch that failed, or
//! alone, changes nothing, and is told so.
//!
//! Management Studio, and `sqlcmd` without `-b`, go on after a batch that failed. So each batch looks for what
//! it stands on, and does all of its work in one transaction or none.

use shopmaster_catalog::template::fill;

use crate::quote::literal;

/// One batch in the making.
#[derive(Debug)]
pub(crate) struct Guarded {
    head: &'static str,
    database: String,
    refusals: String,
    statements: String,
}

impl Guarded {
    /// Does nothing yet, and that in this database alone. `head` names and explains it, in comments.
    pub(crate) fn new(head: &'static str, database: &str) -> Self {
        Self {
            head,
            database: database.to_owned(),
            refusals: String::new(),
            statements: String::new(),
        }
    }

    /// Refuses to do anything where `condition` holds, for this reason.
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

    /// Refuses where a trigger of ours is there that is not one of these, which it drops: what such a trigger
    /// writes to must stay.
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

    /// Refuses a login that may not see whether this table has a trigger of ours.
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

    /// Refuses where the ChangeLog is missing, which a trigger needs.
    pub(crate) fn refuse_without_log(&mut self) {
        self.refuse(
            "OBJECT_ID(N'[shopmaster].[ChangeLog]', N'U') IS NULL",
            "[shopmaster].[ChangeLog] is missing: nothing was changed. Print the text again with `shopmasterctl capture plan`",
        );
    }

    /// Refuses where there is a ChangeLog already.
    pub(crate) fn refuse_another_log(&mut self) {
        self.refuse(
            "OBJECT_ID(N'[shopmaster].[ChangeLog]') IS NOT NULL",
            "[shopmaster].[ChangeLog] is there already: nothing was changed. Print the text again with `shopmasterctl capture plan`",
        );
    }

    /// A statement, or some.
    pub(crate) fn run(&mut self, statement: &str) {
        for line in statement.trim_end().lines() {
            // Lines of a text in quotes must stay as they are, and so nothing is indented.
            self.statements.push_str(line);
            self.statements.push('\n');
        }
    }

    /// A statement that has to be alone in its batch: it gets one of its own, inside of this.
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

/// A text as `RAISERROR` takes it, for which a per cent sign begins a place.
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

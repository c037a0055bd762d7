//! The T-SQL that brings shopMaster's objects from what they are to what they should be.
//!
//! What to do about each object is decided first (`Steps`), then written as batches. The trigger is created last and
//! dropped first, and each batch does all of its work or none: a sale never meets a trigger without its ChangeLog.

use shopmaster_catalog::template::fill;

use super::{
    found::Found,
    guarded::Guarded,
    planned::{Planned, PlannedTrigger},
    script::Script,
};
use crate::{
    change_log::LogForm,
    data_type::DataType,
    object::{CHANGE_LOG, OWNER, Object, PENDING},
    quote::literal,
};

/// Drops the view, which must be done before the ChangeLog can be dropped.
const DROP_PENDING: &str = include_str!("../sql/drop_pending.sql");

/// What to do about each of shopMaster's objects.
#[derive(Debug)]
struct Steps {
    /// The triggers to drop, quoted for T-SQL.
    drops: Vec<String>,
    schema: SchemaStep,
    log: LogStep,
    pending: Step,
    owner: Step,
    /// The statements that create the triggers to make.
    makes: Vec<String>,
}

/// What to do about an object that contains no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Stays,
    Made,
    /// It is dropped and recreated.
    Replaced,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SchemaStep {
    Stays,
    Made,
    Replaced,
    /// It is given to another owner.
    Given,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum LogStep {
    Stays,
    Made,
    /// It is recreated, and waiting changes are lost.
    Replaced,
    /// It is recreated, and waiting changes are kept, each key converted with this expression.
    Rebuilt(String),
}

impl Planned {
    /// The script that installs everything as planned, starting from whatever is there now.
    pub(crate) fn install(&self, found: &Found) -> Script {
        if found.is_todays(self) {
            let mut script = Script::default();
            script.push(include_str!("../sql/install_nothing.sql"));
            return script;
        }
        self.script(&found.database, &self.steps(found))
    }

    /// The script that removes everything of shopMaster's, now or after installing.
    pub(crate) fn remove(&self, found: &Found) -> Script {
        let planned = self.triggers.iter().map(PlannedTrigger::quoted);
        removing(found, planned.collect(), &self.tables())
    }

    /// The captured tables, quoted for T-SQL.
    pub(crate) fn tables(&self) -> Vec<String> {
        let triggers = self.triggers.iter();
        triggers
            .map(|trigger| trigger.quoted_table.clone())
            .collect()
    }

    /// The statements that have batches of their own inside other batches.
    pub(crate) fn inner(&self) -> Vec<(&'static str, String)> {
        let mut all = vec![
            ("create_schema", self.made_schema()),
            ("create_pending", self.pending().to_owned()),
        ];
        for trigger in &self.triggers {
            all.push(("create_trigger", trigger.text.clone()));
            let earlier = trigger.earlier.iter();
            all.extend(earlier.map(|text| ("create_trigger 1", text.clone())));
        }
        all
    }

    /// The scripts that only a repair needs.
    pub(crate) fn repairs(&self, database: &str) -> impl Iterator<Item = (&'static str, Script)> {
        let kept = self.log.key.cast("k.[ProductID]");
        let all = || {
            self.triggers
                .iter()
                .map(|trigger| trigger.text.clone())
                .collect::<Vec<_>>()
        };
        let stays = || Steps {
            drops: Vec::new(),
            schema: SchemaStep::Stays,
            log: LogStep::Stays,
            pending: Step::Stays,
            owner: Step::Stays,
            makes: Vec::new(),
        };
        let with_trigger = |log, pending| Steps {
            drops: self.triggers.iter().map(PlannedTrigger::quoted).collect(),
            log,
            pending,
            makes: all(),
            ..stays()
        };
        [
            (
                "install another trigger",
                with_trigger(LogStep::Stays, Step::Stays),
            ),
            (
                "install another log",
                with_trigger(LogStep::Replaced, Step::Replaced),
            ),
            (
                "install the log anew",
                with_trigger(LogStep::Rebuilt(kept), Step::Replaced),
            ),
            (
                "install the rest anew",
                Steps {
                    schema: SchemaStep::Given,
                    pending: Step::Replaced,
                    owner: Step::Replaced,
                    ..stays()
                },
            ),
            (
                "install in an empty schema",
                Steps {
                    schema: SchemaStep::Replaced,
                    log: LogStep::Made,
                    pending: Step::Made,
                    owner: Step::Made,
                    makes: all(),
                    ..stays()
                },
            ),
        ]
        .map(|(name, steps)| (name, self.script(database, &steps)))
        .into_iter()
    }

    fn steps(&self, found: &Found) -> Steps {
        let has_log = found.get(CHANGE_LOG).is_some();
        let log_differs = has_log && !found.log_differences(self).is_empty();
        // What another table's trigger wrote is of no use, unless each change has the table that it is of.
        let is_of_others = found.other_table(self).is_some() && !self.log.has_source;
        let log = match has_log {
            false => LogStep::Made,
            true if is_of_others => LogStep::Replaced,
            true if log_differs => self.kept(found).map_or(LogStep::Replaced, LogStep::Rebuilt),
            true => LogStep::Stays,
        };
        let stays = |trigger: &PlannedTrigger| !log_differs && found.is_trigger_good(trigger);
        let (good, made): (Vec<_>, Vec<_>) = self.triggers.iter().partition(|it| stays(it));
        let drops = found.our_triggers().filter(|trigger| {
            let is = |planned: &&PlannedTrigger| {
                trigger.is_named(&planned.name) && trigger.parent_id == planned.table_id
            };
            !good.iter().any(is)
        });
        Steps {
            drops: drops.map(Object::quoted).collect(),
            schema: match &found.schema {
                None => SchemaStep::Made,
                Some(schema) if schema.owner_id == self.owner_id => SchemaStep::Stays,
                Some(_) if found.is_schema_empty() => SchemaStep::Replaced,
                Some(_) => SchemaStep::Given,
            },
            pending: match found.get(PENDING) {
                None => Step::Made,
                Some(_) if log == LogStep::Stays && found.is_view_good(self) => Step::Stays,
                Some(_) => Step::Replaced,
            },
            owner: match found.get(OWNER) {
                None => Step::Made,
                Some(_) if found.is_owner_table_good() => Step::Stays,
                Some(_) => Step::Replaced,
            },
            log,
            makes: made.iter().map(|trigger| trigger.text.clone()).collect(),
        }
    }

    fn script(&self, database: &str, steps: &Steps) -> Script {
        let mut script = Script::default();
        let mut drops = steps.drops.as_slice();
        if matches!(steps.log, LogStep::Rebuilt(_)) && !drops.is_empty() {
            // Copying may take a while, and until it ends, dropping a trigger would lock the table for
            // everyone.
            let mut release = Guarded::new(include_str!("../sql/release.sql"), database);
            run_all(&mut release, drops.iter().map(|trigger| dropping(trigger)));
            script.push(release.text());
            drops = &[];
        }
        let mut batch = Guarded::new(include_str!("../sql/install.sql"), database);
        match steps.log {
            LogStep::Stays => batch.refuse_without_log(),
            LogStep::Made => batch.refuse_another_log(),
            LogStep::Replaced | LogStep::Rebuilt(_) => {
                batch.refuse_without_log();
                batch.refuse_other_triggers(drops);
                for table in &self.tables() {
                    batch.refuse_the_blind(table);
                }
            }
        }
        run_all(&mut batch, drops.iter().map(|trigger| dropping(trigger)));
        self.schema_step(steps.schema, &mut batch);
        self.log_step(steps, &mut batch);
        if steps.owner == Step::Replaced {
            batch.run(include_str!("../sql/drop_owner.sql"));
        }
        if steps.owner != Step::Stays {
            batch.run(include_str!("../sql/create_owner.sql"));
        }
        for trigger in &steps.makes {
            batch.run_alone(trigger);
        }
        script.push(batch.text());
        script
    }

    fn schema_step(&self, step: SchemaStep, batch: &mut Guarded) {
        match step {
            SchemaStep::Stays => {}
            SchemaStep::Made => batch.run_alone(&self.made_schema()),
            SchemaStep::Replaced => {
                batch.run(include_str!("../sql/remove_schema.sql"));
                batch.run_alone(&self.made_schema());
            }
            SchemaStep::Given => batch.run(&fill(
                include_str!("../sql/give_schema.sql"),
                &[("owner", &self.owner)],
            )),
        }
    }

    /// Adds the step for the ChangeLog and the view that is bound to it.
    fn log_step(&self, steps: &Steps, batch: &mut Guarded) {
        if steps.pending == Step::Replaced {
            batch.run(DROP_PENDING);
        }
        let table = change_log_table(&self.log);
        match &steps.log {
            LogStep::Stays => {}
            LogStep::Made => batch.run(&table),
            LogStep::Replaced => batch.run(&fill(
                include_str!("../sql/replace_change_log.sql"),
                &[("table", &table)],
            )),
            LogStep::Rebuilt(kept) => batch.run(&self.rebuilt_log(&table, kept)),
        }
        if steps.pending != Step::Stays {
            batch.run_alone(self.pending());
        }
    }

    fn rebuilt_log(&self, table: &str, kept: &str) -> String {
        let (source_column, old_source, kept_source) = match self.log.has_source {
            false => ("", "", ""),
            true => (", [Source]", ", c.[Source]", ", k.[Source]"),
        };
        fill(
            include_str!("../sql/rebuild_change_log.sql"),
            &[
                ("table", table),
                ("kept", kept),
                ("source_column", source_column),
                ("old_source", old_source),
                ("kept_source", kept_source),
            ],
        )
    }

    fn made_schema(&self) -> String {
        fill(
            include_str!("../sql/create_schema.sql"),
            &[("owner", &self.owner)],
        )
    }

    /// The expression that converts waiting keys to the key column's current type; none when some may not be
    /// convertible.
    fn kept(&self, found: &Found) -> Option<String> {
        for name in ["ChangeID", "ChangeType", "ChangeDateTime"] {
            found.column(CHANGE_LOG, name)?;
        }
        let had_source = found.column(CHANGE_LOG, "Source").is_some();
        let old = &found.column(CHANGE_LOG, "ProductID")?.data_type;
        let is_kept = match self.log.is_text {
            // Keys of another kind may have the same type, or fit in it.
            true => self.log.is_kept_in(old) && had_source == self.log.has_source,
            false => becomes(old, &self.log.column) && !had_source,
        };
        is_kept.then(|| self.log.key.cast("k.[ProductID]"))
    }
}

/// The script that removes what is there, and the planned triggers. `tables` may have a trigger which this login cannot
/// see.
pub(crate) fn removing(found: &Found, planned: Vec<String>, tables: &[String]) -> Script {
    let mut triggers: Vec<_> = found.our_triggers().map(Object::quoted).collect();
    for planned in planned {
        let is_there = |trigger: &String| trigger.to_lowercase() == planned.to_lowercase();
        if !triggers.iter().any(is_there) {
            triggers.push(planned);
        }
    }
    let mut batch = Guarded::new(include_str!("../sql/remove.sql"), &found.database);
    batch.refuse_other_triggers(&triggers);
    for table in tables {
        batch.refuse_the_blind(table);
    }
    run_all(&mut batch, triggers.iter().map(|trigger| dropping(trigger)));
    batch.run(include_str!("../sql/remove_objects.sql"));
    batch.run(include_str!("../sql/remove_schema.sql"));
    let mut script = Script::default();
    script.push(batch.text());
    script
}

/// Drops a trigger, if it still exists.
pub(crate) fn dropping(trigger: &str) -> String {
    fill(
        include_str!("../sql/drop_trigger.sql"),
        &[("trigger", trigger), ("literal", &literal(trigger))],
    )
}

fn run_all(batch: &mut Guarded, statements: impl Iterator<Item = String>) {
    statements.for_each(|statement| batch.run(&statement));
}

/// Creates the ChangeLog, whether it is the first one or replaces another.
fn change_log_table(log: &LogForm) -> String {
    let source = match log.has_source {
        false => "",
        true => ",\n    [Source] int NOT NULL",
    };
    fill(
        include_str!("../sql/change_log_table.sql"),
        &[("key", &log.key.column()), ("source", source)],
    )
}

/// Whether every value of the type `old` can be stored in the type `new` with the same meaning.
fn becomes(old: &DataType, new: &DataType) -> bool {
    const INTEGERS: [&str; 4] = ["tinyint", "smallint", "int", "bigint"];
    let width = |name: &str| INTEGERS.iter().position(|integer| *integer == name);
    if let (Some(old), Some(new)) = (width(&old.name), width(&new.name)) {
        return old <= new;
    }
    let characters = |text: &DataType| match text.name.as_str() {
        "char" | "varchar" => Some((text.max_length, false)),
        "nchar" | "nvarchar" => Some((text.max_length / 2, true)),
        _ => None,
    };
    match (characters(old), characters(new)) {
        (Some((old_length, was_unicode)), Some((new_length, is_unicode))) => {
            let same_page = old.collation == new.collation;
            old_length <= new_length && (is_unicode || (!was_unicode && same_page))
        }
        _ => old == new,
    }
}

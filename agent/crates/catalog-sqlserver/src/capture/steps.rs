//! The T-SQL that brings shopMaster's objects from what they are to what they should be.
//!
//! What to do about each object is decided first (`Steps`), then written as batches. The trigger is created last and
//! dropped first, and each batch does all of its work or none: a sale never meets a trigger without its ChangeLog.

use shopmaster_catalog::template::fill;

use super::{found::Found, guarded::Guarded, planned::Planned, script::Script};
use crate::{
    data_type::DataType,
    key::KeyType,
    object::{CHANGE_LOG, OWNER, Object, PENDING, PENDING_TEXT},
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
    makes_trigger: bool,
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
        let planned = self.quoted_trigger();
        removing(found, Some(planned), Some(&self.quoted_table))
    }

    /// The statements that have batches of their own inside other batches.
    pub(crate) fn inner(&self) -> [(&'static str, String); 4] {
        [
            ("create_schema", self.made_schema()),
            ("create_pending", PENDING_TEXT.to_owned()),
            ("create_trigger", self.trigger.clone()),
            ("create_trigger 1", self.earlier_triggers.concat()),
        ]
    }

    /// The scripts that only a repair needs.
    pub(crate) fn repairs(&self, database: &str) -> impl Iterator<Item = (&'static str, Script)> {
        let kept = self.key.cast("k.[ProductID]");
        let stays = || Steps {
            drops: Vec::new(),
            schema: SchemaStep::Stays,
            log: LogStep::Stays,
            pending: Step::Stays,
            owner: Step::Stays,
            makes_trigger: false,
        };
        let with_trigger = |log, pending| Steps {
            drops: vec![self.quoted_trigger()],
            log,
            pending,
            makes_trigger: true,
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
                    makes_trigger: true,
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
        let trigger_stays = found.is_trigger_good(self) && !log_differs;
        let moves = found.other_table(self).is_some();
        let log = match has_log {
            false => LogStep::Made,
            true if moves => LogStep::Replaced,
            true if log_differs => self.kept(found).map_or(LogStep::Replaced, LogStep::Rebuilt),
            true => LogStep::Stays,
        };
        let drops = found
            .our_triggers()
            .filter(|trigger| !(trigger_stays && trigger.is_named(&self.trigger_name)));
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
                Some(_) if log == LogStep::Stays && found.is_view_good() => Step::Stays,
                Some(_) => Step::Replaced,
            },
            owner: match found.get(OWNER) {
                None => Step::Made,
                Some(_) if found.is_owner_table_good() => Step::Stays,
                Some(_) => Step::Replaced,
            },
            log,
            makes_trigger: !trigger_stays,
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
                batch.refuse_the_blind(&self.quoted_table);
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
        if steps.makes_trigger {
            batch.run_alone(&self.trigger);
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
        let table = change_log_table(&self.key);
        match &steps.log {
            LogStep::Stays => {}
            LogStep::Made => batch.run(&table),
            LogStep::Replaced => batch.run(&fill(
                include_str!("../sql/replace_change_log.sql"),
                &[("table", &table)],
            )),
            LogStep::Rebuilt(kept) => batch.run(&fill(
                include_str!("../sql/rebuild_change_log.sql"),
                &[("table", &table), ("kept", kept)],
            )),
        }
        if steps.pending != Step::Stays {
            batch.run_alone(PENDING_TEXT);
        }
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
        let old = &found.column(CHANGE_LOG, "ProductID")?.data_type;
        becomes(old, &self.key_column).then(|| self.key.cast("k.[ProductID]"))
    }
}

/// The script that removes what is there, and the planned trigger. `table` is the table that may have a trigger
/// which this login cannot see; none when there is no such table.
pub(crate) fn removing(found: &Found, planned: Option<String>, table: Option<&str>) -> Script {
    let mut triggers: Vec<_> = found.our_triggers().map(Object::quoted).collect();
    triggers.extend(planned);
    triggers.dedup_by_key(|trigger| trigger.to_lowercase());
    let mut batch = Guarded::new(include_str!("../sql/remove.sql"), &found.database);
    batch.refuse_other_triggers(&triggers);
    if let Some(table) = table {
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
fn change_log_table(key: &KeyType) -> String {
    fill(
        include_str!("../sql/change_log_table.sql"),
        &[("key", &key.column())],
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

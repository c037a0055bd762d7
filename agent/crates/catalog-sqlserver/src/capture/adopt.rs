//! Takes over an installation of the old program, so that no change is lost at any point.
//!
//! First shopMaster's trigger is installed, then the waiting changes in the old log are copied, then the old
//! triggers are dropped, then the changes that arrived meanwhile are copied, and finally the old log is renamed
//! and kept. Each step checks what is there: after a failure, the next call continues, and the only effect of a
//! change that is copied twice is that the product is sent once more.

use std::collections::HashSet;

use shopmaster_catalog::{Adoption, InstallOptions, Mapping, template::fill};
use shopmaster_product::ProductId;
use tiberius::ToSql;

use super::{
    found::Found,
    guarded::Guarded,
    legacy::{LegacyLog, LegacyProgram, LegacyTrigger},
    preflight,
    script::Script,
    steps::dropping,
};
use crate::{
    SqlServerOptions, capture,
    captured::Captured,
    change_log::LogForm,
    error::QueryResult,
    guards,
    key::{KeyParameter, KeyType},
    object::{TRIGGER, qualified},
    quote::literal,
    schema::TableSchema,
    session::Session,
    watches::Watches,
};

/// How many rows of the old log are read at once.
const PAGE: i64 = 1_000;
/// How many rows are written at once: there is one text for each size, and the largest stays far below the
/// number of locks at which the server locks the whole table.
const SIZES: [usize; 4] = [500, 100, 10, 1];
/// How many odd keys are listed.
const MAX_LISTED: usize = 10;
/// What cannot be taken over: no trigger of the old program recorded the key that a product had before, and so
/// Digible was never informed.
const CHANGED_KEYS: &str = "a product whose ProductID was changed while the old program ran is still at Digible under its old ProductID, which no log contains: compare Digible's list of products with the shop's, and delete there what the shop does not have";

/// What happens with rows of the old log that a till or the old program has locked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Held {
    /// They are skipped, and left for the second pass.
    PassedBy,
    /// Wait for them for a moment.
    WaitedFor,
}

/// What has been copied so far.
#[derive(Debug, Default)]
struct Progress {
    /// The numbers of the old log's rows that have been dealt with.
    rows: HashSet<i64>,
    changes: usize,
    /// How many rows have no key.
    keyless: usize,
    /// Keys that the product table's key column cannot have.
    odd: Vec<String>,
}

/// How a taken over change is written.
#[derive(Debug)]
pub(crate) struct Written {
    log: LogForm,
    /// The type of a watched table's key, and the table's object id.
    source: Option<(KeyType, i32)>,
}

/// What remains of the old program, and what adopting would do about it. Changes nothing.
pub(crate) async fn adoption(
    session: &mut Session,
    mapping: &Mapping,
    table: &TableSchema,
) -> QueryResult<Adoption> {
    preflight::fit(mapping, table)?;
    let tables = Captured::all(mapping, table)?;
    let Some((_, old)) = LegacyProgram::find(session, tables).await? else {
        return Ok(Adoption::default());
    };
    let mut steps = Vec::new();
    if !old.triggers.is_empty() || old.log.is_some() {
        steps.push("shopMaster's own trigger is installed first".to_owned());
    }
    if let Some(log) = &old.log {
        steps.push(format!(
            "the changes that are waiting in the old program's `{}` are taken over",
            log.label()
        ));
    }
    for trigger in &old.triggers {
        steps.push(format!(
            "the old program's trigger `{}.{}` is dropped:\n{}",
            trigger.schema,
            trigger.name,
            trigger.definition.trim()
        ));
    }
    if let Some(log) = &old.log {
        steps.push(match old.users.is_empty() {
            true => format!("`{}` is renamed to `{}` and kept", log.label(), old.kept),
            false => stays(log, &old),
        });
    }
    if !steps.is_empty() {
        steps.push(CHANGED_KEYS.to_owned());
    }
    let is_needed = old.is_needed();
    steps.extend(old.lookalikes);
    Ok(Adoption { steps, is_needed })
}

/// Adopts what is there, and returns what was done.
pub(crate) async fn adopt(
    session: &mut Session,
    options: &SqlServerOptions,
    agreed: InstallOptions,
) -> QueryResult<Adoption> {
    let mapping = &options.mapping;
    let schema = guards::read(session, options).await?;
    preflight::fit(mapping, &schema)?;
    let tables = Captured::all(mapping, &schema)?;
    let Some((table, old)) = LegacyProgram::find(session, tables).await? else {
        return Ok(Adoption::default());
    };
    let mut steps = Vec::new();
    if old.triggers.is_empty() && old.log.is_none() {
        return Ok(Adoption {
            steps: old.lookalikes,
            is_needed: false,
        });
    }
    steps.push(match capture::install(session, options, agreed).await? {
        true => "shopMaster's own trigger was installed".to_owned(),
        false => "shopMaster's own trigger was already installed".to_owned(),
    });
    let found = Found::read(session).await?;
    let written = Written::of(mapping, &schema, &table)?;
    let mut taken = Progress::default();
    if let Some(log) = &old.log {
        take_over(session, log, &written, Held::PassedBy, &mut taken).await?;
    }
    if !old.triggers.is_empty() {
        let quoted: Vec<_> = old.triggers.iter().map(LegacyTrigger::quoted).collect();
        let ours = qualified(&table.schema, &format!("{TRIGGER}{}", table.object_id));
        run(session, drop_text(&found.database, &ours, &quoted)).await?;
        let names = old
            .triggers
            .iter()
            .map(|trigger| format!("`{}`", trigger.name));
        let names: Vec<_> = names.collect();
        steps.push(format!(
            "the old triggers were dropped: {}",
            names.join(", ")
        ));
    }
    if let Some(log) = &old.log {
        // What the old triggers wrote between the two passes: from here on, no trigger writes to the old log.
        // Nothing is skipped any more, because no pass follows: a locked row ends this call, and the next call
        // continues.
        take_over(session, log, &written, Held::WaitedFor, &mut taken).await?;
        steps.extend(taken.steps(log));
        steps.push(put_aside(session, &found.database, log, &old).await?);
    }
    steps.push(CHANGED_KEYS.to_owned());
    steps.extend(old.lookalikes);
    Ok(Adoption {
        steps,
        is_needed: false,
    })
}

/// Copies the changes that have not been copied yet, each key once.
async fn take_over(
    session: &mut Session,
    log: &LegacyLog,
    written: &Written,
    held: Held,
    taken: &mut Progress,
) -> QueryResult<()> {
    let page = rows_text(&log.quoted(), held);
    let mut seen = HashSet::new();
    let mut after = i64::from(i32::MIN);
    loop {
        let rows = session.rows(&page, &[&after, &PAGE]).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.try_get(0)?.unwrap_or(i64::MAX);
        let mut changes = Vec::new();
        for row in &rows {
            let number: Option<i64> = row.try_get(0)?;
            if number.is_none_or(|number| !taken.rows.insert(number)) {
                continue;
            }
            let Some(id) = row.try_get::<&str, _>(2)? else {
                taken.keyless += 1;
                continue;
            };
            if !seen.insert(id.to_owned()) {
                continue;
            }
            match written.parameter(id) {
                Some(id) => changes.push((kind(row.try_get(1)?), id)),
                None => taken.odd.push(id.to_owned()),
            }
        }
        taken.changes += changes.len();
        write(session, written, &changes).await?;
    }
}

async fn write(
    session: &mut Session,
    written: &Written,
    changes: &[(String, KeyParameter)],
) -> QueryResult<()> {
    let mut rest = changes;
    while let Some(size) = SIZES.into_iter().find(|size| *size <= rest.len()) {
        let (now, later) = rest.split_at(size);
        let parameters: Vec<&dyn ToSql> = now
            .iter()
            .flat_map(|(kind, id)| [kind as &dyn ToSql, id as &dyn ToSql])
            .collect();
        session
            .rows(&take_over_text(written, size), &parameters)
            .await?;
        rest = later;
    }
    Ok(())
}

/// Writes this many changes; parameters: the kind and the key of each.
pub(crate) fn take_over_text(written: &Written, size: usize) -> String {
    let places = (1..=size).map(|n| {
        let id = written.log.key.cast(&format!("@P{}", 2 * n));
        format!("(CAST(@P{} AS nvarchar(10)), {id})", 2 * n - 1)
    });
    let changes = places.collect::<Vec<_>>().join(", ");
    let (source_column, source) = match &written.source {
        None => ("", String::new()),
        Some((_, source)) => (", [Source]", format!(", {source}")),
    };
    fill(
        include_str!("../sql/take_over.sql").trim_end(),
        &[
            ("changes", changes.as_str()),
            ("source_column", source_column),
            ("source", &source),
        ],
    )
}

/// Reads a page of the old log; parameters: the row after which to continue, and the page's length.
pub(crate) fn rows_text(log: &str, held: Held) -> String {
    let (wait, hints) = match held {
        Held::PassedBy => ("", "READPAST, ROWLOCK, READCOMMITTEDLOCK"),
        Held::WaitedFor => ("SET LOCK_TIMEOUT 2000;\n", "READCOMMITTEDLOCK"),
    };
    fill(
        include_str!("../sql/old_rows.sql").trim_end(),
        &[("wait", wait), ("log", log), ("hints", hints)],
    )
}

/// Drops triggers, all or none, if `ours` is installed, which captures from then on.
pub(crate) fn drop_text(database: &str, ours: &str, triggers: &[String]) -> String {
    let mut batch = Guarded::new(include_str!("../sql/drop_old_triggers.sql"), database);
    let is_off = fill(
        include_str!("../sql/our_trigger_is_off.sql"),
        &[("trigger", &literal(ours))],
    );
    batch.refuse(
        &is_off,
        "shopMaster's own trigger is missing or off, and nobody else would capture: nothing was changed",
    );
    for trigger in triggers {
        batch.run(&dropping(trigger));
    }
    batch.text()
}

/// Renames the old log, if no trigger needs it any more.
pub(crate) fn rename_text(database: &str, log: &str, name: &str) -> String {
    let mut batch = Guarded::new(include_str!("../sql/rename_old_log.sql"), database);
    batch.refuse(
        include_str!("../sql/old_trigger_is_there.sql"),
        "A trigger of the old program is still there and needs its ChangeLog: nothing was changed",
    );
    let (log, name) = (literal(log), literal(name));
    batch.run(&format!("EXEC sp_rename {log}, {name}, N'OBJECT';"));
    batch.text()
}

async fn run(session: &mut Session, batch: String) -> QueryResult<()> {
    let mut script = Script::default();
    script.push(batch);
    script.run(session).await
}

async fn put_aside(
    session: &mut Session,
    database: &str,
    log: &LegacyLog,
    old: &LegacyProgram,
) -> QueryResult<String> {
    if !old.users.is_empty() {
        return Ok(stays(log, old));
    }
    run(session, rename_text(database, &log.quoted(), &old.kept)).await?;
    Ok(format!(
        "`{}` was renamed to `{}` and is kept",
        log.label(),
        old.kept
    ))
}

impl Progress {
    fn steps(&self, log: &LegacyLog) -> Vec<String> {
        let mut steps = vec![format!(
            "{} changes that were waiting in `{}` were taken over",
            self.changes,
            log.label()
        )];
        if self.keyless > 0 {
            steps.push(format!(
                "{} rows without a ProductID were not taken over",
                self.keyless
            ));
        }
        if !self.odd.is_empty() {
            let names = self.odd.iter().take(MAX_LISTED).map(|id| format!("`{id}`"));
            let names: Vec<_> = names.collect();
            let more = match self.odd.len() - names.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            steps.push(format!(
                "these ProductIDs cannot be keys of the product table and were not taken over: {}{more}",
                names.join(", ")
            ));
        }
        steps
    }
}

/// Why the old log keeps its name: renaming it would break other objects.
fn stays(log: &LegacyLog, old: &LegacyProgram) -> String {
    let users = old.users.iter().map(|user| format!("`{user}`"));
    let users: Vec<_> = users.collect();
    format!(
        "`{}` keeps its name, because {} would fail without it",
        log.label(),
        users.join(", ")
    )
}

impl Written {
    /// How changes of this captured table are written.
    pub(crate) fn of(
        mapping: &Mapping,
        schema: &TableSchema,
        table: &Captured,
    ) -> QueryResult<Self> {
        let watches = Watches::of(mapping, schema)?;
        let watched = watches.get(table.object_id);
        Ok(Self {
            log: LogForm::of(mapping, schema)?,
            source: watched.map(|watched| (watched.key.clone(), table.object_id)),
        })
    }

    /// Converts a text into a key parameter; the old log stores every key as text.
    fn parameter(&self, id: &str) -> Option<KeyParameter> {
        if let Some((key, _)) = &self.source {
            let text = ProductId::from(key.converted(id)?).to_string();
            return self.log.key.parameter(&ProductId::Text(text));
        }
        let as_number = || id.trim().parse().ok().map(ProductId::Integer);
        let key = &self.log.key;
        key.parameter(&ProductId::Text(id.to_owned()))
            .or_else(|| key.parameter(&as_number()?))
    }
}

/// The kind of a change; never INSERT, which would mean that Digible has never received the product: the old
/// program's uploads did not remove rows from its log.
fn kind(written: Option<&str>) -> String {
    let kind = written.unwrap_or_default().trim().to_uppercase();
    match kind.as_str() {
        "DELETE" => kind,
        _ => "UPDATE".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_passed_by_twice() {
        assert!(rows_text("[ChangeLog]", Held::PassedBy).contains("READPAST"));
        assert!(!rows_text("[ChangeLog]", Held::WaitedFor).contains("READPAST"));
    }
}

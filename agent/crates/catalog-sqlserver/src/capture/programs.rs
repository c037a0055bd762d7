//! Statements that programs send themselves, so that no module of the database contains them: Entity Framework
//! Core 7 and later, and other libraries, write with `OUTPUT` and without `INTO`.
//!
//! Sources:
//! <https://learn.microsoft.com/en-us/ef/core/what-is-new/ef-core-7.0/breaking-changes#sqlserver-tables-with-triggers>,
//! <https://learn.microsoft.com/en-us/ef/core/what-is-new/ef-core-10.0/breaking-changes> (the program name with
//! which Entity Framework Core connects).

use shopmaster_catalog::template::fill;
use tiberius::{Row, ToSql};

use super::{actions::Actions, evidence::Evidence, output::breaking, targets::Targets};
use crate::{
    connect::PROGRAM,
    error::QueryResult,
    object::qualified,
    row::{number, text},
    session::Session,
    sight::{Look, Sight},
};

/// The first version of Entity Framework Core that writes in this way.
const EF_CORE_BREAKS: u32 = 7;
/// How many characters of a statement are shown.
const LONGEST_SHOWN: usize = 100;

/// Libraries that keep a table of their own in the database, and what is known about their writes.
const LIBRARIES: [(&str, Library); 6] = [
    ("__EFMigrationsHistory", Library::EfCore),
    (
        "SequelizeMeta",
        Library::Breaks("Sequelize, unless its model says `hasTrigger`"),
    ),
    ("_prisma_migrations", Library::May("Prisma before 3.0")),
    ("typeorm_metadata", Library::May("TypeORM before 0.3")),
    ("migrations", Library::May("TypeORM before 0.3")),
    (
        "django_migrations",
        Library::May("Django with `return_rows_bulk_insert`"),
    ),
];

/// What the program names with which drivers connect reveal about the programs.
const DRIVERS: [(&str, &str); 4] = [
    (
        "Core Microsoft SqlClient Data Provider",
        "Entity Framework Core 7 and later sends such statements",
    ),
    (
        "Core .Net SqlClient Data Provider",
        "Entity Framework Core 7 and later sends such statements",
    ),
    ("node-mssql", "Sequelize sends such statements"),
    ("Tedious", "Sequelize sends such statements"),
];
/// The program name of Entity Framework Core 10 and later, unless the program gives one; the version follows.
const EF_CORE: &str = "EFCore/";

#[derive(Debug, Clone, Copy)]
enum Library {
    /// Entity Framework Core, whose table contains its version.
    EfCore,
    Breaks(&'static str),
    May(&'static str),
}

/// Examines the statements that the server remembers, what libraries left in the database, and which programs
/// are connected.
pub(crate) async fn look(
    session: &mut Session,
    targets: &Targets,
    sight: &Sight,
    evidence: &mut Evidence,
) -> QueryResult<()> {
    migrations(session, sight, evidence).await?;
    plan_cache(session, targets, sight, evidence).await?;
    query_store(session, targets, sight, evidence).await?;
    connected(session, sight, evidence).await
}

async fn migrations(
    session: &mut Session,
    sight: &Sight,
    evidence: &mut Evidence,
) -> QueryResult<()> {
    let tables = Look::at(session, include_str!("../sql/migrations.sql"), &[]).await?;
    let Look::Seen(tables) = tables else {
        evidence.absent("the tables that libraries keep in the database");
        return Ok(());
    };
    for row in &tables {
        let (schema, name) = (text(row, 0)?, text(row, 1)?);
        let library = LIBRARIES.iter().find(|(table, _)| *table == name);
        let shown = format!("`{schema}.{name}`");
        match library.map(|(_, library)| *library) {
            Some(Library::EfCore) => {
                let table = qualified(&schema, &name);
                ef_core(session, &shown, &table, sight, evidence).await?;
            }
            Some(Library::Breaks(what)) => {
                evidence.breaks(format!("{what} (it left {shown})"), Actions::ALL);
            }
            Some(Library::May(what)) => evidence.suspect(format!("{what} (it left {shown})")),
            None => {}
        }
    }
    Ok(())
}

/// The newest migration contains the version of the library that created it: the program's current version, or
/// an older one.
async fn ef_core(
    session: &mut Session,
    shown: &str,
    table: &str,
    sight: &Sight,
    evidence: &mut Evidence,
) -> QueryResult<()> {
    let found = Look::at(session, &newest_migration_text(table), &[]).await?;
    let version = match &found {
        Look::Seen(rows) => rows.first().map(|row| text(row, 0)).transpose()?,
        Look::Hidden => {
            evidence.hidden(
                format!("the version of Entity Framework Core in {shown}"),
                sight.grant_select(table),
            );
            None
        }
        Look::Missing => None,
    };
    match version.as_deref().and_then(major) {
        Some((version, major)) if major < EF_CORE_BREAKS => evidence.suspect(format!(
            "Entity Framework Core, if it was updated to 7 or later since {shown} was written by {version}"
        )),
        Some((version, _)) => evidence.breaks(
            format!("Entity Framework Core {version} (it wrote {shown})"),
            Actions::ALL,
        ),
        // Most versions in use today write in this way.
        None => evidence.breaks(
            format!("Entity Framework Core of an unknown version (it left {shown})"),
            Actions::ALL,
        ),
    }
    Ok(())
}

async fn plan_cache(
    session: &mut Session,
    targets: &Targets,
    sight: &Sight,
    evidence: &mut Evidence,
) -> QueryResult<()> {
    const WHAT: &str = "the server's plan cache";
    let found = match sight.sees_server_state {
        true => {
            let needles = targets.needles();
            let sql = plan_cache_text(needles.len());
            Look::at(session, &sql, &parameters(&needles)).await?
        }
        false => Look::Hidden,
    };
    match found {
        Look::Seen(rows) => {
            for row in &rows {
                sent(row, number(row, 1)? == 1, WHAT, targets, evidence)?;
            }
        }
        Look::Hidden => evidence.hidden(WHAT, sight.grant_server_state()),
        Look::Missing => evidence.absent(WHAT),
    }
    Ok(())
}

async fn query_store(
    session: &mut Session,
    targets: &Targets,
    sight: &Sight,
    evidence: &mut Evidence,
) -> QueryResult<()> {
    const WHAT: &str = "Query Store";
    if !sight.sees_database_state {
        evidence.hidden(WHAT, sight.grant_database_state());
        return Ok(());
    }
    let state = Look::at(session, include_str!("../sql/query_store_state.sql"), &[]).await?;
    match &state {
        Look::Seen(rows) if is_on(rows)? => {}
        Look::Seen(_) => {
            evidence.absent(format!("{WHAT} (it is off)"));
            return Ok(());
        }
        Look::Hidden => {
            evidence.hidden(WHAT, sight.grant_database_state());
            return Ok(());
        }
        Look::Missing => {
            evidence.absent(format!("{WHAT} (this server has none)"));
            return Ok(());
        }
    }
    let needles = targets.needles();
    let sql = query_store_text(needles.len());
    match Look::at(session, &sql, &parameters(&needles)).await? {
        Look::Seen(rows) => {
            for row in &rows {
                sent(row, true, WHAT, targets, evidence)?;
            }
        }
        Look::Hidden => evidence.hidden(WHAT, sight.grant_database_state()),
        Look::Missing => evidence.absent(WHAT),
    }
    Ok(())
}

fn is_on(rows: &[Row]) -> QueryResult<bool> {
    let state = rows.first().map(|row| number(row, 0)).transpose()?;
    Ok(matches!(state, Some(1 | 2)))
}

async fn connected(
    session: &mut Session,
    sight: &Sight,
    evidence: &mut Evidence,
) -> QueryResult<()> {
    const WHAT: &str = "which programs are connected";
    let found = match sight.sees_server_state {
        true => Look::at(session, include_str!("../sql/connected.sql"), &[]).await?,
        false => Look::Hidden,
    };
    match found {
        Look::Seen(rows) => {
            for row in &rows {
                judge_program(&text(row, 0)?, &text(row, 1)?, evidence);
            }
        }
        Look::Hidden => evidence.hidden(WHAT, sight.grant_server_state()),
        Look::Missing => evidence.absent(WHAT),
    }
    Ok(())
}

/// Judges a statement that the server remembers.
fn sent(
    row: &Row,
    is_here: bool,
    place: &str,
    targets: &Targets,
    evidence: &mut Evidence,
) -> QueryResult<()> {
    let statement = text(row, 0)?;
    let actions = breaking(&statement, targets, is_here);
    evidence.breaks(
        format!("a program that sends `{}` ({place})", shortened(&statement)),
        actions,
    );
    Ok(())
}

fn judge_program(program: &str, host: &str, evidence: &mut Evidence) {
    if program == PROGRAM {
        return;
    }
    let shown = match host {
        "" => format!("`{program}` is connected"),
        host => format!("`{program}` is connected from `{host}`"),
    };
    if let Some(version) = program.strip_prefix(EF_CORE) {
        let version = version.split_whitespace().next().unwrap_or_default();
        evidence.breaks(
            format!("Entity Framework Core {version} ({shown})"),
            Actions::ALL,
        );
        return;
    }
    let driver = DRIVERS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(program));
    if let Some((_, what)) = driver {
        evidence.suspect(format!("{shown}, and {what}"));
    }
}

/// Splits off the major version: from `8.0.4-preview.1`, the result is the same text and 8.
fn major(version: &str) -> Option<(&str, u32)> {
    let version = version.trim();
    let major = version.split('.').next()?.parse().ok()?;
    Some((version, major))
}

/// A statement on one line, shortened.
fn shortened(statement: &str) -> String {
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn parameters<'a>(names: &'a [&'a str]) -> Vec<&'a dyn ToSql> {
    names.iter().map(|name| name as &dyn ToSql).collect()
}

/// Finds statements in the server's plan cache that contain one of this many names; parameters: the names.
pub(crate) fn plan_cache_text(names: usize) -> String {
    remembered(include_str!("../sql/plan_cache.sql"), "w.sent", names)
}

/// Finds statements in the database's Query Store that contain one of this many names; parameters: the names.
pub(crate) fn query_store_text(names: usize) -> String {
    remembered(
        include_str!("../sql/query_store.sql"),
        "q.query_sql_text",
        names,
    )
}

/// Reads the version from a table's newest migration.
pub(crate) fn newest_migration_text(table: &str) -> String {
    fill(
        include_str!("../sql/newest_migration.sql").trim_end(),
        &[("history", table)],
    )
}

fn remembered(template: &str, text: &str, names: usize) -> String {
    let places =
        (1..=names).map(|n| format!("CHARINDEX(@P{n}, {text} COLLATE Latin1_General_CI_AS) > 0"));
    let named = places.collect::<Vec<_>>().join(" OR ");
    fill(template.trim_end(), &[("named", &named)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_begins_with_a_number() {
        assert_eq!(major(" 8.0.4 "), Some(("8.0.4", 8)));
        assert_eq!(major("10.0.0-rc.1"), Some(("10.0.0-rc.1", 10)));
        assert_eq!(major("next"), None);
    }

    #[test]
    fn a_statement_is_shown_in_one_line_and_not_whole() {
        assert_eq!(shortened(" UPDATE a\r\n  SET b = 1"), "UPDATE a SET b = 1");
        let long = shortened(&"ж ".repeat(200));
        assert_eq!(long.chars().count(), LONGEST_SHOWN + 1);
    }

    #[test]
    fn programs_are_told_by_the_names_that_they_connect_by() {
        let judged = |program: &str| {
            let mut evidence = Evidence::default();
            judge_program(program, "TILL-1", &mut evidence);
            let breaking = evidence.breaking(Actions::default());
            (breaking.join(" "), evidence.suspects().join(" "))
        };
        let (breaking, _) = judged("EFCore/10.0.1 (Windows 11)");
        assert!(
            breaking.starts_with("Entity Framework Core 10.0.1"),
            "{breaking}"
        );
        let (breaking, suspects) = judged("Core Microsoft SqlClient Data Provider");
        assert!(
            breaking.is_empty() && suspects.contains("TILL-1"),
            "{suspects}"
        );
        for harmless in [PROGRAM, "", "Microsoft SQL Server Management Studio"] {
            assert_eq!(
                judged(harmless),
                (String::new(), String::new()),
                "{harmless}"
            );
        }
    }
}

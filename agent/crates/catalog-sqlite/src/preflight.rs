//! The preflight: whether the table can be served and captured, with a verdict for each check. Changes nothing.

use std::path::Path;

use rusqlite::{Connection, MAIN_DB};
use shopmaster_catalog::{
    CatalogError, Check,
    decimal::Digits,
    finding::{Finding, good, warning},
    price_column::{Held, judge},
};
use shopmaster_view::{grouped, noun};

use super::{
    SqliteOptions,
    affinity::Affinity,
    claim::Claim,
    declared::is_padded,
    error::{QueryError, QueryResult},
    objects::Found,
    open::Database,
    price::declared_scale,
    rows,
    schema::TableSchema,
    statements::Statements,
    unlocked,
};

/// The checks, in their order, after `catalog.open`.
const CHECKS: [(&str, Probe); 10] = [
    ("catalog.table", found_table),
    ("catalog.columns", found_columns),
    ("catalog.key", fit_key),
    ("catalog.key_type", key_type),
    ("catalog.price_type", price_type),
    (ONLY, only),
    ("catalog.wal", write_ahead_log),
    ("catalog.triggers", triggers),
    ("catalog.names", names),
    ("catalog.rights", rights),
];

/// The check of the conditions, if there are any.
const ONLY: &str = "catalog.only";

/// Why a view is only scanned.
pub(super) const VIEW: &str = "it is a view, which has no rows of its own to capture";

type Probe = fn(&Connection, &SqliteOptions) -> QueryResult<Finding>;

/// Makes every check, on an open connection.
pub(super) fn inspect(connection: &Connection, database: &Database, claim: &Claim) -> Vec<Check> {
    let options = &database.options;
    let mut checks =
        vec![good(format!("`{}` is open", options.path.display())).check("catalog.open")];
    let mut failed = false;
    for (name, probe) in checks_of(options) {
        if failed {
            checks.push(Check::skipped(name));
            continue;
        }
        let found = probe(connection, options);
        failed = found.is_err();
        checks.push(match found {
            Ok(finding) => finding.check(name),
            Err(fault) => Check::failed(name, &fault.into_error("be inspected", options)),
        });
    }
    let claimed = || database.place().and_then(|place| claim.check(&place));
    let claimed = Check::allow_claim(&checks).then(claimed);
    checks.push(Check::of_claim(claimed));
    checks
}

/// The checks that apply.
fn checks_of(options: &SqliteOptions) -> impl Iterator<Item = (&'static str, Probe)> {
    let applies = |name: &str| match name {
        ONLY => !options.mapping.only.is_empty(),
        _ => true,
    };
    CHECKS.into_iter().filter(move |(name, _)| applies(name))
}

/// The result of every check when the file cannot be opened.
pub(super) fn unopened(options: &SqliteOptions, error: &CatalogError) -> Vec<Check> {
    let skipped = checks_of(options).map(|(name, _)| Check::skipped(name));
    [Check::failed("catalog.open", error)]
        .into_iter()
        .chain(skipped)
        .chain([Check::of_claim(None)])
        .collect()
}

/// The verdict on the price column alone.
pub(super) fn price(connection: &Connection, options: &SqliteOptions) -> QueryResult<Check> {
    Ok(price_type(connection, options)?.check("catalog.price_type"))
}

/// Returns the first check that fails as an error, before capture is installed.
pub(super) fn refuse(connection: &Connection, database: &Database) -> QueryResult<()> {
    checks_of(&database.options)
        .try_for_each(|(_, probe)| probe(connection, &database.options).map(drop))
}

/// The product table, if it can be captured.
pub(super) fn fit(connection: &Connection, options: &SqliteOptions) -> QueryResult<TableSchema> {
    let table = TableSchema::read(connection, options)?;
    is_table(&table, options)?;
    if table.is_view() {
        return Err(CatalogError::ScanOnly {
            table: options.mapping.table.clone(),
            reason: VIEW.to_owned(),
        }
        .into());
    }
    let column = table.column(options, options.mapping.columns.id.first())?;
    let key = table.key(connection, options)?;
    match table.unfit(column, &key) {
        Some(reason) => Err(unfit(options, reason)),
        None => Ok(table),
    }
}

/// Fails unless it is a table: a view can only be scanned.
pub(super) fn is_table(table: &TableSchema, options: &SqliteOptions) -> QueryResult<()> {
    match table.kind.as_str() {
        "table" => Ok(()),
        _ if table.is_view() => Ok(()),
        _ => {
            let reason = "it is a virtual table, which cannot have triggers";
            Err(unfit(options, reason.to_owned()))
        }
    }
}

fn found_table(connection: &Connection, options: &SqliteOptions) -> QueryResult<Finding> {
    let table = TableSchema::read(connection, options)?;
    is_table(&table, options)?;
    Ok(good(match table.is_view() {
        true => format!(
            "found the view `{}`; it is scanned, because {VIEW}",
            options.mapping.table
        ),
        false => format!("found the table `{}`", options.mapping.table),
    }))
}

fn found_columns(connection: &Connection, options: &SqliteOptions) -> QueryResult<Finding> {
    let table = TableSchema::read(connection, options)?;
    let columns = &options.mapping.columns;
    for name in [columns.id.first(), &columns.name, &columns.price] {
        table.column(options, name)?;
    }
    Ok(good(format!(
        "found the columns `{}`, `{}` and `{}`",
        columns.id, columns.name, columns.price
    )))
}

fn fit_key(connection: &Connection, options: &SqliteOptions) -> QueryResult<Finding> {
    if TableSchema::read(connection, options)?.is_view() {
        return Ok(warning(
            format!(
                "only the shop knows whether the view returns each `{}` once",
                options.mapping.columns.id
            ),
            "No action needed if it does; if it returns a product twice, shopMaster cannot know which row counts",
        ));
    }
    let table = fit(connection, options)?;
    let key = table.key(connection, options)?;
    let id = options.mapping.columns.id.first();
    if table.may_be_null(table.column(options, id)?) {
        return Ok(warning(
            format!(
                "`{id}` is unique on its own, compared as {}, but may be NULL: SQLite allows that in a primary key that is not declared NOT NULL",
                key.collation
            ),
            "No action needed as long as every product has a key; a product without one is refused and listed",
        ));
    }
    Ok(good(format!(
        "`{id}` is never NULL and is unique on its own, compared as {}",
        key.collation
    )))
}

fn key_type(connection: &Connection, options: &SqliteOptions) -> QueryResult<Finding> {
    let table = TableSchema::read(connection, options)?;
    let column = table.column(options, options.mapping.columns.id.first())?;
    let text = match column.declared.as_str() {
        "" => "the key has no declared type".to_owned(),
        declared => format!("the key's type is `{declared}`"),
    };
    // The sample is only advice: other checks report a table that cannot be read.
    let padded = match is_padded(&column.declared) {
        true => rows::padded_key(connection, options, 0).unwrap_or_default(),
        false => None,
    };
    if let Some(key) = padded {
        return Ok(warning(
            format!("{text}, and keys end with spaces, which are sent as part of them: `{key}`"),
            "No action needed if Digible should have the spaces; otherwise create a view that selects `rtrim` of the key, and set it with `--table VIEW`",
        ));
    }
    Ok(match table.affinity(column) {
        Affinity::Integer | Affinity::Text => good(text),
        Affinity::Blob | Affinity::Real | Affinity::Numeric => warning(
            format!("{text}: products whose key is neither text nor an integer are refused"),
            "Use a TEXT or INTEGER column as the key if the shop's program allows it",
        ),
    })
}

fn price_type(connection: &Connection, options: &SqliteOptions) -> QueryResult<Finding> {
    let table = TableSchema::read(connection, options)?;
    let column = table.column(options, &options.mapping.columns.price)?;
    let text = match column.declared.as_str() {
        "" => "the price's column has no type".to_owned(),
        declared => format!("the price's type is `{declared}`"),
    };
    let held = match table.affinity(column) {
        Affinity::Integer | Affinity::Text => Held::Exact,
        Affinity::Real => Held::Floats,
        Affinity::Blob if column.declared.is_empty() => Held::Anything,
        Affinity::Blob | Affinity::Numeric => Held::Numbers,
    };
    let digits = Digits::new(
        options.mapping.price_digits,
        declared_scale(&column.declared),
    );
    // The sample is only advice: other checks report a table that cannot be read.
    let sample = rows::sample(connection, options, digits).unwrap_or_default();
    Ok(judge(&text, held, digits, &sample))
}

fn only(connection: &Connection, options: &SqliteOptions) -> QueryResult<Finding> {
    let conditions: Vec<_> = options
        .mapping
        .only
        .iter()
        .map(ToString::to_string)
        .collect();
    let conditions = conditions.join(" and ");
    let counted = rows::count_sold(connection, options, &Statements::new(options))?;
    let (rows, sold) = counted.unwrap_or_default();
    if sold == 0 && rows > 0 {
        return Ok(warning(
            format!(
                "no row is sold: in none of {} is it true that {conditions}",
                grouped(rows)
            ),
            "Check the values, and set what is sold with `shopmasterctl configure --only 'COLUMN = VALUE'`",
        ));
    }
    Ok(good(format!(
        "{} of {} are sold: those in which {conditions}",
        grouped(sold),
        noun(rows, "row")
    )))
}

fn write_ahead_log(connection: &Connection, options: &SqliteOptions) -> QueryResult<Finding> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    // Opened as an immutable file, the database seems to have no WAL.
    let has_wal = || unlocked::is_in_wal_mode(&options.path);
    if mode.eq_ignore_ascii_case("wal") || (connection.is_readonly(MAIN_DB)? && has_wal()) {
        return Ok(good("the database is in WAL mode".to_owned()));
    }
    Ok(warning(
        format!("the database is in {mode} mode: reads and the till's writes wait for each other"),
        "Run `PRAGMA journal_mode = WAL` on the shop's database if the shop's program allows it",
    ))
}

fn triggers(connection: &Connection, options: &SqliteOptions) -> QueryResult<Finding> {
    let table = TableSchema::read(connection, options)?;
    let column = table.column(options, options.mapping.columns.id.first())?;
    let others = table.other_uniques(column);
    if !others.is_empty() {
        return Ok(warning(
            format!(
                "`INSERT OR REPLACE` can delete another product through {}, and SQLite fires no trigger for that",
                listed(&others)
            ),
            "Make sure that the shop's program does not replace products by a column other than the key, or that it runs `PRAGMA recursive_triggers = ON`",
        ));
    }
    if table.triggers.is_empty() {
        return Ok(good("the table has no other triggers".to_owned()));
    }
    let names = table
        .triggers
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>();
    Ok(good(format!(
        "the table has other triggers, which stay as they are: {}",
        listed(&names)
    )))
}

fn names(connection: &Connection, options: &SqliteOptions) -> QueryResult<Finding> {
    let found = Found::read(connection)?;
    found.check_names()?;
    if let Some(other) = found.other_table(options) {
        return Ok(warning(
            format!("the table `{other}` is captured; installing moves capture to this table"),
            "No action needed if the other table is no longer served",
        ));
    }
    Ok(good("the names that shopMaster needs are free".to_owned()))
}

fn rights(connection: &Connection, options: &SqliteOptions) -> QueryResult<Finding> {
    if options.scan {
        return Ok(good("in scan mode nothing is written".to_owned()));
    }
    if connection.is_readonly("main")? {
        return Err(no_rights(options, "the file cannot be written"));
    }
    // SQLite keeps its journal beside the file, and the agent its lock file.
    let path = options.path.canonicalize();
    let folder = path.as_deref().ok().and_then(Path::parent);
    tempfile::Builder::new()
        .prefix(".shopmaster")
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(|error| no_rights(options, error))?;
    Ok(good("the file and its folder can be written".to_owned()))
}

fn unfit(options: &SqliteOptions, reason: String) -> QueryError {
    CatalogError::UnfitKey {
        table: options.mapping.table.clone(),
        column: options.mapping.columns.id.to_string(),
        reason,
    }
    .into()
}

fn no_rights(
    options: &SqliteOptions,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> QueryError {
    CatalogError::NoRights {
        database: options.path.display().to_string(),
        source: source.into(),
    }
    .into()
}

fn listed(names: &[&str]) -> String {
    let quoted = names.iter().map(|name| format!("`{name}`"));
    quoted.collect::<Vec<_>>().join(", ")
}

//! The preflight: whether the table can be served and captured, with a verdict for each check. Changes nothing.

use std::path::Path;

use rusqlite::{Connection, MAIN_DB};
use shopmaster_catalog::{
    CatalogError, Check, KeyColumns,
    decimal::Digits,
    finding::{Finding, good, warning},
    price_column::{Held, judge},
};
use shopmaster_view::{grouped, noun};

use super::{
    SqliteOptions,
    affinity::Affinity,
    declared::is_padded,
    error::{QueryError, QueryResult},
    objects::Found,
    open::Database,
    price::declared_scale,
    rows,
    schema::{Column, TableSchema},
    statements::Statements,
    unlocked, watch_check, watches,
};

/// The checks, in their order, after `catalog.open`.
const CHECKS: [(&str, Probe); 11] = [
    ("catalog.table", found_table),
    ("catalog.columns", found_columns),
    ("catalog.key", fit_key),
    ("catalog.key_type", key_type),
    ("catalog.price_type", price_type),
    (ONLY, only),
    (WATCH, watch_check::watch),
    ("catalog.wal", write_ahead_log),
    ("catalog.triggers", triggers),
    ("catalog.names", names),
    ("catalog.rights", rights),
];

/// The check of the conditions, if there are any.
const ONLY: &str = "catalog.only";
/// The check of the watched tables, if there are any.
const WATCH: &str = "catalog.watch";

/// Why a view is only scanned.
pub(super) const VIEW: &str = "it is a view, which has no rows of its own to capture";

type Probe = fn(&Connection, &SqliteOptions) -> QueryResult<Finding>;

/// Makes every check, on an open connection.
pub(super) fn inspect(connection: &Connection, database: &Database) -> Vec<Check> {
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
    checks
}

/// The checks that apply.
fn checks_of(options: &SqliteOptions) -> impl Iterator<Item = (&'static str, Probe)> {
    let applies = |name: &str| match name {
        ONLY => !options.mapping.only.is_empty(),
        WATCH => !options.mapping.watches.is_empty(),
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
    let columns = table.key_columns(options)?;
    let key = table.key(connection, options)?;
    match table.unfit(&columns, &key) {
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
    let name = &options.mapping.table;
    Ok(good(match (table.is_view(), options.watches()) {
        (false, _) => format!("found the table `{name}`"),
        (true, []) => format!("found the view `{name}`; it is scanned, because {VIEW}"),
        (true, watches) => {
            let watches: Vec<_> = watches.iter().map(ToString::to_string).collect();
            let watches = watches.join(", ");
            format!("found the view `{name}`, which is captured through {watches}")
        }
    }))
}

fn found_columns(connection: &Connection, options: &SqliteOptions) -> QueryResult<Finding> {
    let table = TableSchema::read(connection, options)?;
    let columns = &options.mapping.columns;
    table.key_columns(options)?;
    for name in [&columns.name, &columns.price] {
        table.column(options, name)?;
    }
    Ok(good(format!(
        "found the columns {}, `{}` and `{}`",
        quoted(&columns.id),
        columns.name,
        columns.price
    )))
}

fn fit_key(connection: &Connection, options: &SqliteOptions) -> QueryResult<Finding> {
    let names = quoted(&options.mapping.columns.id);
    if TableSchema::read(connection, options)?.is_view() {
        return Ok(rows::view_keys(connection, options)?.judge(&options.mapping.columns.id));
    }
    let table = fit(connection, options)?;
    let key = table.key(connection, options)?;
    let columns = table.key_columns(options)?;
    let unique = match columns.len() {
        1 => "is unique on its own",
        _ => "are unique together",
    };
    let compared = format!("compared as {}", key.collations());
    if columns.iter().any(|column| table.may_be_null(column)) {
        return Ok(warning(
            format!(
                "{names} {unique}, {compared}, but may be NULL: SQLite allows that in a primary key that is not declared NOT NULL"
            ),
            "No action needed as long as every product has a key; a product without one is refused and listed",
        ));
    }
    Ok(good(match columns.len() {
        1 => format!("{names} is never NULL and {unique}, {compared}"),
        _ => format!("{names} are never NULL and {unique}, {compared}"),
    }))
}

fn key_type(connection: &Connection, options: &SqliteOptions) -> QueryResult<Finding> {
    let table = TableSchema::read(connection, options)?;
    let columns = table.key_columns(options)?;
    let types = columns.iter().map(|column| match column.declared.as_str() {
        "" => "no declared type".to_owned(),
        declared => format!("`{declared}`"),
    });
    let text = match (&types.collect::<Vec<_>>()[..], &columns[..]) {
        ([_], [column]) if column.declared.is_empty() => "the key has no declared type".to_owned(),
        ([declared], _) => format!("the key's type is {declared}"),
        (types, _) => format!("the key's types are {}", types.join(", ")),
    };
    for (index, column) in columns.iter().enumerate() {
        // The sample is only advice: other checks report a table that cannot be read.
        let padded = match is_padded(&column.declared) {
            true => rows::padded_key(connection, options, index).unwrap_or_default(),
            false => None,
        };
        if let Some(key) = padded {
            return Ok(warning(
                format!(
                    "{text}, and keys end with spaces, which are sent as part of them: `{key}`"
                ),
                "No action needed if Digible should have the spaces; otherwise create a view that selects `rtrim` of the key, and set it with `--table VIEW`",
            ));
        }
    }
    let is_odd = |column: &&Column| {
        let affinity = table.affinity(column);
        !matches!(affinity, Affinity::Integer | Affinity::Text)
    };
    Ok(
        match columns.iter().copied().any(|column| is_odd(&column)) {
            false => good(text),
            true => warning(
                format!("{text}: products whose key is neither text nor an integer are refused"),
                "Use a TEXT or INTEGER column as the key if the shop's program allows it",
            ),
        },
    )
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
    if options.watches().is_empty() {
        let columns = table.key_columns(options)?;
        let others: Vec<_> = table
            .other_uniques(&columns)
            .into_iter()
            .map(quote)
            .collect();
        let triggers: Vec<_> = table.triggers.iter().map(|name| quote(name)).collect();
        return Ok(about_triggers("the table", "product", &others, &triggers));
    }
    let (mut others, mut triggers) = (Vec::new(), Vec::new());
    for watched in &watches::read(connection, options)?.tables {
        let of = |name: &str| format!("{} of {}", quote(name), quote(&watched.schema.name));
        others.extend(watched.deletes_unnoticed().into_iter().map(of));
        triggers.extend(watched.schema.triggers.iter().map(|name| of(name)));
    }
    Ok(about_triggers(
        "the watched tables",
        "row",
        &others,
        &triggers,
    ))
}

/// The verdict on other unique indexes and other triggers. `row`: what a table has.
fn about_triggers(tables: &str, row: &str, others: &[String], triggers: &[String]) -> Finding {
    if !others.is_empty() {
        return warning(
            format!(
                "`INSERT OR REPLACE` can delete another {row} through {}, and SQLite fires no trigger for that",
                others.join(", ")
            ),
            format!(
                "Make sure that the shop's program does not replace {row}s by a column other than the key, or that it runs `PRAGMA recursive_triggers = ON`"
            ),
        );
    }
    let have = if tables.ends_with('s') { "have" } else { "has" };
    if triggers.is_empty() {
        return good(format!("{tables} {have} no other triggers"));
    }
    good(format!(
        "{tables} {have} other triggers, which stay as they are: {}",
        triggers.join(", ")
    ))
}

fn names(connection: &Connection, options: &SqliteOptions) -> QueryResult<Finding> {
    let found = Found::read(connection)?;
    found.check_names()?;
    if let Some(other) = found.other_table(options) {
        return Ok(warning(
            match options.watches() {
                [] => format!(
                    "the table `{other}` is captured; installing moves capture to this table"
                ),
                _ => format!(
                    "the table `{other}` is captured; installing moves capture to the watched tables"
                ),
            },
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
    unfit_key(options, reason).into()
}

/// The key cannot tell the products apart.
pub(super) fn unfit_key(options: &SqliteOptions, reason: String) -> CatalogError {
    CatalogError::UnfitKey {
        table: options.mapping.table.clone(),
        column: options.mapping.columns.id.to_string(),
        reason,
    }
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

/// The columns of a key, for people.
fn quoted(columns: &KeyColumns) -> String {
    columns.names().map(quote).collect::<Vec<_>>().join(", ")
}

fn quote(name: &str) -> String {
    format!("`{name}`")
}

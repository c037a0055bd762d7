//! The preflight: whether the table can be served and captured, with a verdict for each check. Changes nothing.

use shopmaster_catalog::{
    CatalogError, Check, InstallOptions,
    decimal::Digits,
    finding::{Finding, good, warning},
    price_column::{Held, judge},
};
use shopmaster_view as words;

use super::{
    evidence::Evidence,
    found::Found,
    modules,
    planned::Planned,
    programs,
    report::{self, Report, checks},
    rights::Rights,
    server::{Server, TableOptions, encryption},
    triggers::Triggers,
};
use crate::{
    SqlServerOptions,
    diagnose::explained,
    error::{QueryError, QueryResult, Target, named},
    filter::Filter,
    guards,
    key::KeyType,
    queue::{
        price::{NameType, PriceType, is_padded},
        products,
    },
    quote::identifier,
    schema::{Kind, TableSchema, label},
    session::Session,
    sight::Sight,
};

/// Why a view is not captured, for people.
pub(crate) const A_VIEW: &str = "it is a view, which has no rows of its own to capture";

const OPERATION: &str = "inspect the product table";

/// The oldest supported version: SQL Server 2008.
const OLDEST: u32 = 10;
/// The first version with security policies, which hide rows from a login: SQL Server 2016.
const FIRST_WITH_POLICIES: u32 = 13;
/// The oldest supported compatibility level: SQL Server 2005, which databases on 2008 may still use.
const OLDEST_BEHAVIOUR: i32 = 90;

/// Makes every check, on an open session.
pub(crate) async fn inspect(session: &mut Session, options: &SqlServerOptions) -> Vec<Check> {
    let mut report = Report::default();
    if let Err(fault) = look(session, options, &mut report).await {
        report.end(Err(fault));
    }
    let mut found = Vec::new();
    for (name, finding) in report.into_findings() {
        let finding = match finding {
            Ok(finding) => Ok(finding),
            Err(fault) if session.is_spoiled() => Err(named(fault, OPERATION)),
            Err(fault) => {
                Err(explained(fault, session, options, Target::Products, OPERATION).await)
            }
        };
        found.push((name, finding));
    }
    checks(&options.mapping, found)
}

/// The verdict on the price column alone.
pub(crate) async fn price(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &TableSchema,
) -> QueryResult<Check> {
    let finding = price_type(session, options, table).await?;
    Ok(finding.check("catalog.price_type"))
}

/// Returns the first failure that the user did not agree to, before capture is installed.
pub(crate) async fn refuse(
    session: &mut Session,
    options: &SqlServerOptions,
    agreed: InstallOptions,
) -> QueryResult<()> {
    let mut report = Report::default();
    look(session, options, &mut report).await?;
    report.failure(|fault| match fault {
        QueryError::Known(error) => agreed.allow(error),
        QueryError::Sql(_) | QueryError::TimedOut => false,
    })
}

/// Checks that the table can be captured, judging by its columns.
pub(crate) fn fit(table: &TableSchema) -> QueryResult<()> {
    is_table(table)?;
    match table.unfit() {
        Some(reason) => Err(unfit(table, reason)),
        None => Ok(()),
    }
}

/// Makes the checks, until something is missing that the next check depends on.
async fn look(
    session: &mut Session,
    options: &SqlServerOptions,
    report: &mut Report,
) -> QueryResult<()> {
    let Some((server, table)) = open(session, options, report).await? else {
        return Ok(());
    };
    report.begin("catalog.table_kind");
    let kind = match is_table(&table) {
        Ok(()) => {
            let options = TableOptions::read(session, &table).await?;
            table_kind(&table, &options, &server)
        }
        Err(fault) => Err(fault),
    };
    report.end(kind);
    report.begin("catalog.key");
    let key = match table.kind {
        Kind::Table => key(&table),
        Kind::View => keys_of_view(session, options, &table).await,
    };
    report.end(key);
    report.add("catalog.key_type", key_type(&table));
    report.begin("catalog.price_type");
    let price = price_type(session, options, &table).await;
    report.end(price);
    if !options.mapping.only.is_empty() {
        report.begin(report::ONLY);
        let only = only(session, options, &table).await;
        report.end(only);
    }
    if report.has_failed() {
        return Ok(());
    }
    report.begin("catalog.triggers");
    let triggers = Triggers::read(session, &table).await?;
    report.end(Ok(other_triggers(&server, &triggers)));
    report.begin("catalog.output");
    let evidence = evidence(session, &table, &server).await?;
    report.end(evidence.judge(&table, triggers.refused()));
    capture(session, &table, report).await
}

/// Checks the server and the table; none when a failure prevents the other checks.
async fn open(
    session: &mut Session,
    options: &SqlServerOptions,
    report: &mut Report,
) -> QueryResult<Option<(Server, TableSchema)>> {
    report.begin("catalog.open");
    let server = Server::read(session).await?;
    let encryption = encryption(session).await;
    report.end(Ok(opened(&server, encryption)));
    report.add("catalog.version", version(&server, options));
    report.add("catalog.database", database(&server));
    if report.has_failed() {
        return Ok(None);
    }
    report.begin("catalog.table");
    let table = match TableSchema::facts(session, options).await {
        Err(QueryError::Known(error @ CatalogError::NoColumn { .. })) => {
            report.end(Ok(good(format!(
                "found the table `{}`",
                options.mapping.table
            ))));
            report.add("catalog.columns", Err(error.into()));
            return Ok(None);
        }
        facts => facts?,
    };
    report.end(Ok(good(format!("found the table `{}`", label(&table)))));
    report.begin("catalog.columns");
    guards::check(session, &table).await?;
    let hidden = match table.kind == Kind::Table && server.major() >= FIRST_WITH_POLICIES {
        true => guards::hidden(session, &table).await?,
        false => None,
    };
    report.end(Ok(columns(&table, hidden)));
    Ok(Some((server, table)))
}

/// Checks capture: what is installed, or would be installed.
async fn capture(
    session: &mut Session,
    table: &TableSchema,
    report: &mut Report,
) -> QueryResult<()> {
    report.begin("catalog.names");
    let mut found = Found::read(session).await?;
    let planned = match Planned::new(table) {
        Ok(planned) => planned,
        Err(fault) => {
            report.end(Err(fault));
            return Ok(());
        }
    };
    report.end(
        found
            .check_names(&planned)
            .map(|()| names(&found, &planned)),
    );
    report.begin("catalog.rights");
    let rights = Rights::read(session, table).await?;
    found.note_sight(&rights);
    report.end(
        rights
            .check(!found.is_as_planned(&planned), found.has_schema())
            .map(|()| good(rights.text())),
    );
    Ok(())
}

async fn evidence(
    session: &mut Session,
    table: &TableSchema,
    server: &Server,
) -> QueryResult<Evidence> {
    let mut evidence = Evidence::default();
    let sight = Sight::read(session).await?;
    let targets = modules::look(session, table, &server.database, &sight, &mut evidence).await?;
    programs::look(session, &targets, &sight, &mut evidence).await?;
    Ok(evidence)
}

fn opened(server: &Server, encryption: Option<String>) -> Finding {
    let encryption = match encryption.as_deref() {
        Some("TRUE") => ", encrypted",
        Some(_) => ", not encrypted",
        None => "",
    };
    good(format!(
        "`{}` answers: {} ({}), as `{}`{encryption}",
        server.name, server.version, server.edition, server.login
    ))
}

fn version(server: &Server, options: &SqlServerOptions) -> QueryResult<Finding> {
    if server.major() < OLDEST {
        return Err(CatalogError::Unsafe {
            table: options.mapping.table.clone(),
            reason: format!(
                "the server's version {} is older than SQL Server 2008",
                server.version
            ),
        }
        .into());
    }
    Ok(good(format!("version {} is supported", server.version)))
}

fn database(server: &Server) -> QueryResult<Finding> {
    let name = &server.database;
    if server.is_secondary {
        return Err(CatalogError::Secondary(name.clone()).into());
    }
    if server.is_read_only {
        return Err(CatalogError::NoRights {
            database: name.clone(),
            source: "the database is read-only".into(),
        }
        .into());
    }
    if let Some(level) = server
        .compatibility
        .filter(|level| *level < OLDEST_BEHAVIOUR)
    {
        return Ok(warning(
            format!(
                "the database `{name}` has compatibility level {level}; shopMaster's statements were written for {OLDEST_BEHAVIOUR} and above"
            ),
            "Try capture on a copy of the database first, or use scan mode: `shopmasterctl configure --capture scan`",
        ));
    }
    if let Some(access) = &server.reserved_for {
        return Ok(warning(
            format!("the database `{name}` is in {access} mode"),
            "Check why it was reserved: other logins may be locked out, and soon this one too",
        ));
    }
    if server.closes {
        return Ok(warning(
            format!(
                "the database `{name}` has AUTO_CLOSE on: the server opens it again whenever shopMaster checks for changes"
            ),
            format!(
                "Run `ALTER DATABASE {} SET AUTO_CLOSE OFF` if the shop's program allows it",
                identifier(name)
            ),
        ));
    }
    Ok(good(format!("the database `{name}` is open")))
}

fn columns(table: &TableSchema, hidden: Option<u64>) -> Finding {
    let text = format!(
        "found the columns `{}`, `{}` and `{}`",
        table.id.name, table.names.name, table.price.name
    );
    match hidden.filter(|rows| *rows > 0) {
        None => good(text),
        Some(rows) => warning(
            format!("{text}; but this login sees {rows} rows fewer than the server counts"),
            "Run this again; if the difference remains, ask the database administrator whether a security policy on the table hides rows from this login: they would count as gone from the shop",
        ),
    }
}

fn is_table(table: &TableSchema) -> QueryResult<()> {
    match table.kind {
        Kind::Table => Ok(()),
        Kind::View => Err(CatalogError::ScanOnly {
            table: label(table),
            reason: A_VIEW.to_owned(),
        }
        .into()),
    }
}

fn table_kind(
    table: &TableSchema,
    options: &TableOptions,
    server: &Server,
) -> QueryResult<Finding> {
    let text = format!("`{}` can have a trigger", label(table));
    Ok(match options.check(table, server)? {
        Some(note) => warning(format!("{text}: {}", note.text), note.remedy),
        None => good(text),
    })
}

fn key(table: &TableSchema) -> QueryResult<Finding> {
    match table.ambiguous() {
        Some(reason) => Err(unfit(table, reason)),
        None => Ok(good(format!(
            "`{}` is never NULL and is unique on its own",
            table.id.name
        ))),
    }
}

/// No index keeps a view's keys apart, so they are counted.
async fn keys_of_view(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &TableSchema,
) -> QueryResult<Finding> {
    let columns = &options.mapping.columns.id;
    let Some(keys) = products::keys_of_view(session, options, table).await? else {
        return Ok(good(format!(
            "the view's keys (`{columns}`) were not counted"
        )));
    };
    let mut odd = Vec::new();
    if keys.nulls() > 0 {
        odd.push(format!(
            "{} of its rows have NULL as their key",
            words::grouped(keys.nulls())
        ));
    }
    if keys.repeated() > 0 {
        odd.push(format!(
            "{} of its rows have a key that another row has",
            words::grouped(keys.repeated())
        ));
    }
    if odd.is_empty() {
        return Ok(good(format!(
            "`{columns}` is different in each of the view's {}",
            words::noun(keys.rows, "row")
        )));
    }
    Ok(warning(
        format!(
            "`{columns}` does not tell all rows of the view apart: {}",
            odd.join("; ")
        ),
        "These products are refused, and hold up no others. Change the view so that it has one row per product: docs/your-table.md has examples",
    ))
}

fn key_type(table: &TableSchema) -> QueryResult<Finding> {
    let key = KeyType::of(&table.id.data_type).map_err(|reason| unfit(table, reason))?;
    let text = format!("the key's type is {}", key.column());
    if !is_padded(&table.id.data_type) {
        return Ok(good(text));
    }
    Ok(warning(
        format!(
            "{text}, which fills shorter keys up with spaces: they are part of a product's id at Digible"
        ),
        "No action needed if all keys have the full length, or if their spaces do not matter; otherwise create a view with `RTRIM` of the key and set it with `shopmasterctl configure --table VIEW` before the first upload",
    ))
}

async fn price_type(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &TableSchema,
) -> QueryResult<Finding> {
    if let Err(reason) = NameType::of(&table.names.data_type) {
        return Err(CatalogError::UnfitTable {
            table: label(table),
            reason: format!("`{}` cannot be the name: {reason}", table.names.name),
        }
        .into());
    }
    let unfit = |reason| CatalogError::UnfitPrice {
        table: label(table),
        column: table.price.name.clone(),
        reason,
    };
    let price = PriceType::of(&table.price.data_type, options.mapping.price_text).map_err(unfit)?;
    let text = format!("the price's type is {}", table.price.data_type.name);
    let held = match price {
        PriceType::Float | PriceType::Real => Held::Floats,
        PriceType::Decimal | PriceType::Money(_) | PriceType::Integer | PriceType::Text(..) => {
            Held::Exact
        }
    };
    let digits = Digits::new(options.mapping.price_digits, None);
    // The sample is only advice: other checks report a table that cannot be read.
    let prices = products::prices(session, options, table)
        .await
        .unwrap_or_default();
    if let Some(example) = &prices.example {
        return Ok(warning(
            format!(
                "{text}; {} of the first {} prices cannot be sent: {example}",
                words::grouped(prices.unreadable),
                words::grouped(prices.read)
            ),
            "These products are refused, each with its price, and hold up no others; if prices are written in another way, set `catalog.price_text` with `shopmasterctl configure --price-text`",
        ));
    }
    Ok(judge(&text, held, digits, &prices.sample))
}

async fn only(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &TableSchema,
) -> QueryResult<Finding> {
    Filter::new(&options.mapping, table)?;
    let conditions = options.mapping.only.iter().map(ToString::to_string);
    let conditions = conditions.collect::<Vec<_>>().join(", ");
    let text = format!("only rows of which {conditions} are sold");
    // The count is only advice: other checks report a table that cannot be read.
    let kept = products::kept(session, options, table).await;
    let Ok(Some((rows, kept))) = kept else {
        return Ok(good(text));
    };
    let text = format!(
        "{text}: {} of {}",
        words::grouped(kept),
        words::grouped(rows)
    );
    Ok(match kept == 0 && rows > 0 {
        false => good(text),
        true => warning(
            text,
            "Compare the conditions with the column's values: as they are, no product is sold",
        ),
    })
}

fn other_triggers(server: &Server, triggers: &Triggers) -> Finding {
    let mut text = match triggers.others().as_slice() {
        [] => "the table has no other triggers".to_owned(),
        names => format!(
            "the table has other triggers, which stay as they are: {}",
            listed(names)
        ),
    };
    if !triggers.started_by_update().is_empty() {
        text.push_str(
            "; capture is tested by its text, not by writing a row, which would fire them",
        );
    }
    if server.nested_triggers == Some(false) {
        return warning(
            format!(
                "{text}; the server's setting `nested triggers` is off: what another trigger writes to the table is not captured"
            ),
            "Run `EXEC sp_configure N'nested triggers', 1; RECONFIGURE;` if the shop's program allows it; otherwise the nightly verify finds what capture missed",
        );
    }
    match triggers.instead().as_slice() {
        [] => good(text),
        instead => warning(
            format!(
                "{text}; {} replaces writes to the table: only what the trigger itself writes is captured",
                listed(instead)
            ),
            "No action needed if it writes the same rows",
        ),
    }
}

fn names(found: &Found, planned: &Planned) -> Finding {
    match found.other_table(planned) {
        Some(other) => warning(
            format!("the table `{other}` is captured; installing moves capture to this table"),
            "No action needed if the other table is no longer served",
        ),
        None => good("the names that shopMaster needs are free".to_owned()),
    }
}

fn unfit(table: &TableSchema, reason: String) -> QueryError {
    CatalogError::UnfitKey {
        table: label(table),
        column: table.id.name.clone(),
        reason,
    }
    .into()
}

fn listed(names: &[&str]) -> String {
    let quoted = names.iter().map(|name| format!("`{name}`"));
    quoted.collect::<Vec<_>>().join(", ")
}

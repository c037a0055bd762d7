//! The preflight: whether the table can be served and captured, with a verdict for each check. Changes nothing.

use shopmaster_catalog::{
    CatalogError, Check, InstallOptions, Mapping, Verdict,
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
    watch,
};
use crate::{
    SqlServerOptions,
    captured::Captured,
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
pub(crate) fn fit(mapping: &Mapping, table: &TableSchema) -> QueryResult<()> {
    Captured::all(mapping, table)?;
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
    let mapping = &options.mapping;
    let captured = match Captured::all(mapping, &table) {
        Ok(captured) => {
            report.begin("catalog.table_kind");
            let kind = table_kinds(session, &captured, &server).await;
            report.end(kind);
            captured
        }
        Err(fault @ QueryError::Known(CatalogError::UnfitWatch { .. })) => {
            report.add(report::WATCH, Err(fault));
            Vec::new()
        }
        Err(fault) => {
            report.add("catalog.table_kind", Err(fault));
            Vec::new()
        }
    };
    report.begin("catalog.key");
    let key = match table.kind {
        Kind::Table => key(&table),
        Kind::View => keys_of_view(session, options, &table).await,
    };
    let key = match key {
        Ok(found) => unambiguous(session, options, &table, found).await,
        Err(fault) => Err(fault),
    };
    report.end(key);
    report.add("catalog.key_type", key_type(&table));
    report.begin("catalog.price_type");
    let price = price_type(session, options, &table).await;
    report.end(price);
    if !mapping.only.is_empty() {
        report.begin(report::ONLY);
        let only = only(session, options, &table).await;
        report.end(only);
    }
    if !mapping.watches.is_empty() && !captured.is_empty() {
        report.begin(report::WATCH);
        let watch = watch::look(session, options, &table).await;
        report.end(watch);
    }
    if report.has_failed() {
        return Ok(());
    }
    report.begin("catalog.triggers");
    let mut triggers = Vec::with_capacity(captured.len());
    for table in &captured {
        triggers.push(Triggers::read(session, table).await?);
    }
    let each = captured.iter().zip(&triggers);
    let found = each.map(|(table, triggers)| other_triggers(table, &server, triggers));
    report.end(Ok(together(found.collect())));
    report.begin("catalog.output");
    let mut found = Vec::with_capacity(captured.len());
    for (table, triggers) in captured.iter().zip(&triggers) {
        let evidence = evidence(session, table, &server).await?;
        found.push(evidence.judge(table, triggers.refused()));
    }
    report.end(found.into_iter().collect::<QueryResult<_>>().map(together));
    capture(session, mapping, &table, report).await
}

/// The findings about several tables as one.
fn together(mut all: Vec<Finding>) -> Finding {
    let Some(mut first) = (!all.is_empty()).then(|| all.remove(0)) else {
        return good("there is no table to look at");
    };
    for finding in all {
        if finding.verdict == Verdict::Warning {
            first.verdict = Verdict::Warning;
        }
        for (all, text) in [
            (&mut first.text, finding.text),
            (&mut first.remedy, finding.remedy),
        ] {
            if all.is_empty() {
                *all = text;
            } else if !text.is_empty() && !all.contains(&text) {
                *all = format!("{all}; {text}");
            }
        }
    }
    first
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
    mapping: &Mapping,
    table: &TableSchema,
    report: &mut Report,
) -> QueryResult<()> {
    report.begin("catalog.names");
    let mut found = Found::read(session).await?;
    let planned = match Planned::new(mapping, table) {
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
    let rights = Rights::read(session, mapping, table).await?;
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
    table: &Captured,
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
    let ids = table.ids().map(|column| format!("`{}`", column.name));
    let text = format!(
        "found the columns {}, `{}` and `{}`",
        ids.collect::<Vec<_>>().join(", "),
        table.names.name,
        table.price.name
    );
    match hidden.filter(|rows| *rows > 0) {
        None => good(text),
        Some(rows) => warning(
            format!("{text}; but this login sees {rows} rows fewer than the server counts"),
            "Run this again; if the difference remains, ask the database administrator whether a security policy on the table hides rows from this login: they would count as gone from the shop",
        ),
    }
}

async fn table_kinds(
    session: &mut Session,
    captured: &[Captured],
    server: &Server,
) -> QueryResult<Finding> {
    let mut all = Vec::with_capacity(captured.len());
    for table in captured {
        let options = TableOptions::read(session, table).await?;
        let text = format!("`{}` can have a trigger", table.label());
        all.push(match options.check(table, server)? {
            Some(note) => warning(format!("{text}: {}", note.text), note.remedy),
            None => good(text),
        });
    }
    Ok(together(all))
}

fn key(table: &TableSchema) -> QueryResult<Finding> {
    let columns = table.key_label();
    match (table.ambiguous(), table.more_ids.is_empty()) {
        (Some(reason), _) => Err(unfit(table, reason)),
        (None, true) => Ok(good(format!(
            "`{columns}` is never NULL and is unique on its own"
        ))),
        (None, false) => Ok(good(format!(
            "`{columns}` are never NULL and are unique together"
        ))),
    }
}

/// The finding about a key, and whether each key of several columns makes an id.
async fn unambiguous(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &TableSchema,
    found: Finding,
) -> QueryResult<Finding> {
    let rows = products::ambiguous_keys(session, options, table).await?;
    let Some(rows) = rows.filter(|rows| *rows > 0) else {
        return Ok(found);
    };
    let separator = options.mapping.columns.id.separator();
    let odd = warning(
        format!(
            "the separator `{separator}` is not clear in the keys of {}: a column before the last contains it, or ends like it begins",
            words::noun(rows, "row")
        ),
        "These products are refused, and hold up no others. Set a separator that no such value contains with `shopmasterctl configure --column-separator` before the first upload",
    );
    Ok(together(vec![found, odd]))
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
    Ok(keys.judge(columns))
}

fn key_type(table: &TableSchema) -> QueryResult<Finding> {
    let mut types = Vec::new();
    for column in table.ids() {
        let key = KeyType::of(&column.data_type).map_err(|reason| unfit(table, reason))?;
        types.push(key.column());
    }
    let text = match types.as_slice() {
        [one] => format!("the key's type is {one}"),
        several => format!("the key's types are {}", several.join(" and ")),
    };
    let is_padded = table.ids().any(|column| is_padded(&column.data_type));
    if !is_padded {
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

fn other_triggers(captured: &Captured, server: &Server, triggers: &Triggers) -> Finding {
    let table = match captured.is_watched {
        false => "the table".to_owned(),
        true => format!("`{}`", captured.label()),
    };
    let mut text = match triggers.others().as_slice() {
        [] => format!("{table} has no other triggers"),
        names => format!(
            "{table} has other triggers, which stay as they are: {}",
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
        Some(other) if planned.log.has_source => warning(
            format!("the table `{other}` is captured and is not watched; installing ends that"),
            "No action needed if changes of that table do not matter",
        ),
        Some(other) => warning(
            format!("the table `{other}` is captured; installing moves capture to this table"),
            "No action needed if the other table is no longer served",
        ),
        None => good("the names that shopMaster needs are free".to_owned()),
    }
}

fn unfit(table: &TableSchema, reason: String) -> QueryError {
    unfit_key(table, reason).into()
}

/// The key cannot tell the products apart.
pub(crate) fn unfit_key(table: &TableSchema, reason: String) -> CatalogError {
    CatalogError::UnfitKey {
        table: label(table),
        column: table.key_label(),
        reason,
    }
}

fn listed(names: &[&str]) -> String {
    let quoted = names.iter().map(|name| format!("`{name}`"));
    quoted.collect::<Vec<_>>().join(", ")
}

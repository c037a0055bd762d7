//! The preflight: whether the table can be served and captured, a verdict for each check. Read only.

use super::{
    SqlServerOptions,
    facts::{Kind, Table},
    fault::{Fault, Over, Work, named},
    found::Found,
    key::KeyType,
    output::returns_rows,
    planned::{Planned, label},
    price::{NameType, PriceType},
    products,
    rights::Rights,
    session::Session,
    surroundings::{Server, TableOptions, Trigger, encryption, modules, triggers},
};
use crate::catalog::{
    CatalogError, Check, Verdict,
    decimal::Digits,
    price_column::{Held, judge},
};

/// The checks, in their order.
const CHECKS: [&str; 13] = [
    "catalog.open",
    "catalog.version",
    "catalog.database",
    "catalog.table",
    "catalog.columns",
    "catalog.table_kind",
    "catalog.key",
    "catalog.key_type",
    "catalog.price_type",
    "catalog.triggers",
    "catalog.output",
    "catalog.names",
    "catalog.rights",
];

/// Why a view is not captured, for people.
pub(super) const A_VIEW: &str = "it is a view, which has no rows of its own to capture";

const OPERATION: &str = "be inspected";

/// SQL Server 2008.
const OLDEST: u32 = 10;

/// What was found, check by check; the fault that ended it belongs to the next one.
#[derive(Debug, Default)]
struct Report {
    findings: Vec<Finding>,
    /// What a walk needs to know of a view, which ends the rest.
    of_view: Vec<(&'static str, Work<Finding>)>,
}

/// What a check that did not fail found.
#[derive(Debug)]
struct Finding {
    verdict: Verdict,
    text: String,
    remedy: String,
}

/// Every check over an open session.
pub(super) async fn inspect(session: &mut Session, options: &SqlServerOptions) -> Vec<Check> {
    let mut report = Report::default();
    let Err(fault) = look(session, options, &mut report).await else {
        return report.checks(None);
    };
    let error = match session.is_spoiled() {
        true => named(fault, OPERATION),
        false => {
            fault
                .explained(session, options, Over::Products, OPERATION)
                .await
        }
    };
    report.checks(Some(&error))
}

/// Every check when the server cannot be used.
pub(super) fn unopened(error: &CatalogError) -> Vec<Check> {
    Report::default().checks(Some(error))
}

/// The verdict on the price column alone.
pub(super) async fn price(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &Table,
) -> Work<Check> {
    let finding = price_type(session, options, table).await?;
    Ok(check("catalog.price_type", &finding))
}

/// The first failure, for who is about to install.
pub(super) async fn refuse(session: &mut Session, options: &SqlServerOptions) -> Work<()> {
    look(session, options, &mut Report::default()).await
}

/// Whether the table can be captured, as far as its columns tell.
pub(super) fn fit(table: &Table) -> Work<()> {
    if table.kind == Kind::View {
        return Err(CatalogError::ScanOnly {
            table: label(table),
            reason: A_VIEW.to_owned(),
        }
        .into());
    }
    match table.unfit() {
        Some(reason) => Err(unfit(table, reason)),
        None => Ok(()),
    }
}

async fn look(session: &mut Session, options: &SqlServerOptions, report: &mut Report) -> Work<()> {
    let server = Server::read(session).await?;
    report.push(opened(&server, encryption(session).await));
    report.push(version(&server, options)?);
    report.push(database(&server)?);

    let table = match Table::read(session, options).await {
        Err(Fault::Known(error @ CatalogError::NoColumn { .. })) => {
            report.good(format!("the table `{}` is there", options.table));
            return Err(error.into());
        }
        table => table?,
    };
    report.good(format!("the table `{}` is there", label(&table)));
    report.good(format!(
        "the columns `{}`, `{}` and `{}` are there",
        table.id.name, table.names.name, table.price.name
    ));

    if table.kind == Kind::Table {
        TableOptions::read(session, &table).await?.check(&table)?;
        report.good(format!("`{}` can have a trigger", label(&table)));
    }
    if table.kind == Kind::View {
        report.of_view = vec![
            ("catalog.key_type", key_type(&table)),
            (
                "catalog.price_type",
                price_type(session, options, &table).await,
            ),
        ];
    }
    fit(&table)?;
    report.good(format!(
        "`{}` is never NULL and unique by itself",
        table.id.name
    ));
    report.push(key_type(&table)?);
    report.push(price_type(session, options, &table).await?);

    let others = triggers(session, &table).await?;
    report.push(other_triggers(&server, &others));
    let modules = modules(session, &table).await?;
    let broken: Vec<_> = modules
        .iter()
        .filter(|module| returns_rows(&module.definition, &table.name))
        .map(|module| module.name.as_str())
        .collect();
    report.push(output(&table, &broken, &others)?);

    let planned = Planned::new(&table)?;
    let found = Found::read(session).await?;
    found.check_names(&planned)?;
    report.push(names(&found, &planned));

    let rights = Rights::read(session, &table).await?;
    rights.check(!found.is_as_planned(&planned), found.has_schema())?;
    report.good(rights.text());
    Ok(())
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

fn version(server: &Server, options: &SqlServerOptions) -> Work<Finding> {
    if server.major() < OLDEST {
        return Err(CatalogError::Unsafe {
            table: options.table.clone(),
            reason: format!(
                "the server's version {} is older than SQL Server 2008",
                server.version
            ),
        }
        .into());
    }
    Ok(good(format!("version {} is supported", server.version)))
}

fn database(server: &Server) -> Work<Finding> {
    if server.is_read_only {
        return Err(CatalogError::NoRights {
            database: server.database.clone(),
            source: "the database is read-only".into(),
        }
        .into());
    }
    Ok(good(format!("the database `{}` is open", server.database)))
}

fn key_type(table: &Table) -> Work<Finding> {
    let key = KeyType::of(&table.id.data_type).map_err(|reason| unfit(table, reason))?;
    Ok(good(format!("the key's type is {}", key.column())))
}

async fn price_type(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &Table,
) -> Work<Finding> {
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
    let price = PriceType::of(&table.price.data_type).map_err(unfit)?;
    let text = format!("the price's type is {}", table.price.data_type.name);
    let held = match price {
        PriceType::Float | PriceType::Real => Held::Floats,
        PriceType::Decimal | PriceType::Money(_) | PriceType::Integer => Held::Exact,
    };
    let digits = Digits::new(options.price_digits, None);
    // It is advice: a table that cannot be read now is for other checks to tell.
    let sample = products::sample(session, options, table)
        .await
        .unwrap_or_default();
    let judged = judge(&text, held, digits, &sample);
    Ok(Finding {
        verdict: judged.verdict,
        text: judged.text,
        remedy: judged.remedy.to_owned(),
    })
}

fn other_triggers(server: &Server, others: &[Trigger]) -> Finding {
    let names: Vec<_> = others.iter().map(|other| other.name.as_str()).collect();
    let text = match names.as_slice() {
        [] => "the table has no other triggers".to_owned(),
        names => format!(
            "the table has triggers of its own, which stay as they are: {}",
            listed(names)
        ),
    };
    if server.nested_triggers == Some(false) {
        return warning(
            format!(
                "{text}; the server's setting `nested triggers` is off: what another trigger writes into the table is not captured"
            ),
            "Run EXEC sp_configure N'nested triggers', 1; RECONFIGURE; where the shop's program allows it; else run `shopmasterctl upload` from time to time",
        );
    }
    let instead = others.iter().filter(|other| other.is_instead_of);
    let instead: Vec<_> = instead.map(|other| other.name.as_str()).collect();
    if !instead.is_empty() {
        return warning(
            format!(
                "{} stands in for writes of the table: only what it writes itself is captured",
                listed(&instead)
            ),
            "Nothing, if it writes the same rows",
        );
    }
    good(text)
}

/// A statement that gives back what it wrote is refused by the server as soon as its table has a trigger.
fn output(table: &Table, broken: &[&str], others: &[Trigger]) -> Work<Finding> {
    if broken.is_empty() {
        return Ok(good(
            "no procedure uses OUTPUT without INTO on the table".to_owned(),
        ));
    }
    let text = format!(
        "{} use OUTPUT without INTO on the table, which the server refuses when the table has a trigger",
        listed(broken)
    );
    // Then they fail already, and nobody runs them.
    if others
        .iter()
        .any(|other| !other.is_instead_of && !other.is_disabled)
    {
        return Ok(warning(
            format!("{text}; it has one already"),
            "Nothing, if they are not used any more",
        ));
    }
    Err(CatalogError::Unsafe {
        table: label(table),
        reason: text,
    }
    .into())
}

fn names(found: &Found, planned: &Planned) -> Finding {
    match found.other_table(planned) {
        Some(other) => warning(
            format!("the table `{other}` is captured; installing moves the capture"),
            "Nothing, if the other table is not served any more",
        ),
        None => good("no name of shopMaster's is taken".to_owned()),
    }
}

impl Report {
    fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn good(&mut self, text: String) {
        self.push(good(text));
    }

    fn checks(self, error: Option<&CatalogError>) -> Vec<Check> {
        let mut found = self.findings.into_iter();
        let mut error = error;
        let of_view = self.of_view;
        let looked_at = |name| of_view.iter().find(|(other, _)| *other == name);
        let check = |name| match (found.next(), error) {
            (Some(finding), _) => check(name, &finding),
            (None, Some(failed)) => {
                error = None;
                Check::failed(name, failed)
            }
            (None, None) => match looked_at(name) {
                Some((_, Ok(finding))) => check(name, finding),
                Some((_, Err(Fault::Known(failed)))) => Check::failed(name, failed),
                _ => Check::skipped(name),
            },
        };
        CHECKS.into_iter().map(check).collect()
    }
}

fn unfit(table: &Table, reason: String) -> Fault {
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

fn good(text: String) -> Finding {
    Finding {
        verdict: Verdict::Ok,
        text,
        remedy: String::new(),
    }
}

fn warning(text: String, remedy: &str) -> Finding {
    Finding {
        verdict: Verdict::Warning,
        text,
        remedy: remedy.to_owned(),
    }
}

fn check(name: &'static str, finding: &Finding) -> Check {
    Check::new(
        name,
        finding.verdict,
        finding.text.clone(),
        finding.remedy.clone(),
    )
}

//! What the database hides from this login without saying so: values that are masked or encrypted, and rows
//! that a security policy hides. Otherwise, masked values would be sent as if they were real, and hidden rows
//! would count as gone from the shop.
//!
//! Sources: <https://learn.microsoft.com/en-us/sql/relational-databases/security/dynamic-data-masking>,
//! <https://learn.microsoft.com/en-us/sql/relational-databases/security/row-level-security>,
//! <https://learn.microsoft.com/en-us/sql/relational-databases/system-catalog-views/sys-columns-transact-sql>.

use shopmaster_catalog::{CatalogError, template::fill};
use tiberius::Row;

use super::{
    SqlServerOptions,
    column::Column,
    error::QueryResult,
    object::qualified,
    quote::identifier,
    row::{number, property_of, text},
    schema::{Kind, TableSchema, label},
    session::Session,
    sight::Look,
    view_query::Query,
};

/// Reads the product table's description, and checks that the table shows its rows as they are.
///
/// # Errors
///
/// As [`TableSchema::facts`], and as [`check`].
pub(crate) async fn read(
    session: &mut Session,
    options: &SqlServerOptions,
) -> QueryResult<TableSchema> {
    let table = TableSchema::facts(session, options).await?;
    check(session, &table).await?;
    Ok(table)
}

/// Checks that the table shows itself to this login as it is.
///
/// # Errors
///
/// [`CatalogError::Denied`] for what is masked or hidden, [`CatalogError::UnfitKey`] and the like for a column
/// that is encrypted.
pub(crate) async fn check(session: &mut Session, table: &TableSchema) -> QueryResult<()> {
    let rows = session
        .rows(include_str!("sql/column_options.sql"), &[&table.object_id])
        .await?;
    let mut masked = Vec::new();
    for row in &rows {
        let id: Option<i32> = row.try_get("column_id")?;
        let Some(column) = table.columns().find(|column| id == Some(column.column_id)) else {
            continue;
        };
        if property_of(row, "encryption_type") > 0 {
            return Err(encrypted(table, column).into());
        }
        if property_of(row, "is_masked") > 0 {
            masked.push(MaskedColumn {
                schema: table.schema.clone(),
                table: table.name.clone(),
                column: column.name.clone(),
            });
        }
    }
    let predicates = seen(session, include_str!("sql/predicates.sql")).await?;
    let mut hiding: Vec<Predicate> = predicates
        .iter()
        .map(predicate)
        .collect::<QueryResult<_>>()?;
    if table.kind == Kind::Table {
        hiding.retain(|predicate| predicate.object_id == table.object_id);
    } else {
        let masks = seen(session, include_str!("sql/masks.sql")).await?;
        let mut places = masks.iter().map(place).collect::<QueryResult<Vec<_>>>()?;
        if places.is_empty() && hiding.is_empty() {
            return Ok(());
        }
        let query = Query::of(session, table).await?;
        places.retain(|place| query.names(&place.table) && query.names(&place.column));
        hiding.retain(|predicate| query.names(&predicate.table));
        masked.extend(places);
    }
    for place in &masked {
        unmasked(session, place).await?;
    }
    for predicate in &hiding {
        sees_all(session, predicate).await?;
    }
    Ok(())
}

/// A column.
struct MaskedColumn {
    schema: String,
    table: String,
    column: String,
}

/// What hides rows of a table.
struct Predicate {
    object_id: i32,
    schema: String,
    table: String,
    policy: String,
}

/// The rows of a catalog view; none where the server or this login's rights do not show them.
async fn seen(session: &mut Session, sql: &str) -> QueryResult<Vec<Row>> {
    Ok(match Look::at(session, sql, &[]).await? {
        Look::Seen(rows) => rows,
        Look::Hidden | Look::Missing => Vec::new(),
    })
}

async fn unmasked(session: &mut Session, place: &MaskedColumn) -> QueryResult<()> {
    let table = qualified(&place.schema, &place.table);
    let rows = session
        .rows(include_str!("sql/unmask.sql"), &[&table, &place.column])
        .await?;
    let Some(row) = rows.first() else {
        return Ok(());
    };
    let (of_database, of_column): (Option<i32>, Option<i32>) = (row.try_get(0)?, row.try_get(1)?);
    if of_database == Some(1) || of_column == Some(1) {
        return Ok(());
    }
    Err(CatalogError::Denied {
        operation: "see masked columns",
        source: format!(
            "`{}` of `{}.{}` is masked for this login, and the mask would be sent: a database administrator has to run `GRANT UNMASK TO {}`",
            place.column,
            place.schema,
            place.table,
            identifier(&text(row, 2)?)
        )
        .into(),
    }
    .into())
}

async fn sees_all(session: &mut Session, predicate: &Predicate) -> QueryResult<()> {
    let table = qualified(&predicate.schema, &predicate.table);
    let what = match hidden_rows(session, predicate.object_id, &table).await? {
        Some(0) => return Ok(()),
        Some(rows) => format!("{rows} of its rows"),
        None => "some of its rows".to_owned(),
    };
    Err(CatalogError::Denied {
        operation: "see every row",
        source: format!(
            "the security policy `{}` on `{}.{}` hides {what} from this login, and they would count as gone from the shop: the policy must let this login see all of them",
            predicate.policy, predicate.schema, predicate.table
        )
        .into(),
    }
    .into())
}

/// How many rows of the table are hidden from this login, by the server's own count; none when that is unknown.
/// Uncommitted changes of others can make a difference for a moment.
///
/// A policy that hides rows may itself be hidden from this login.
pub(crate) async fn hidden(session: &mut Session, table: &TableSchema) -> QueryResult<Option<u64>> {
    hidden_rows(session, table.object_id, &table.quoted()).await
}

async fn hidden_rows(
    session: &mut Session,
    object_id: i32,
    table: &str,
) -> QueryResult<Option<u64>> {
    let counted = Look::at(session, &hidden_rows_text(object_id, table), &[]).await?;
    let Look::Seen(rows) = counted else {
        return Ok(None);
    };
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let (all, shown): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    let hidden = all.zip(shown).map(|(all, shown)| all - shown);
    Ok(hidden.map(|hidden| u64::try_from(hidden).unwrap_or(0)))
}

pub(crate) fn hidden_rows_text(object_id: i32, table: &str) -> String {
    fill(
        include_str!("sql/hidden_rows.sql").trim_end(),
        &[("object", &object_id.to_string()), ("table", table)],
    )
}

fn encrypted(table: &TableSchema, column: &Column) -> CatalogError {
    let reason = "the shop's program encrypts it (Always Encrypted), so its values cannot be read";
    let (label, name) = (label(table), column.name.clone());
    if table.ids().any(|id| id == column) {
        return CatalogError::UnfitKey {
            table: label,
            column: name,
            reason: reason.to_owned(),
        };
    }
    if *column == table.price {
        return CatalogError::UnfitPrice {
            table: label,
            column: name,
            reason: reason.to_owned(),
        };
    }
    if *column == table.names {
        return CatalogError::UnfitTable {
            table: label,
            reason: format!("`{name}` cannot be the name: {reason}"),
        };
    }
    CatalogError::UnfitCondition {
        table: label,
        column: name,
        reason: reason.to_owned(),
    }
}

fn place(row: &Row) -> QueryResult<MaskedColumn> {
    Ok(MaskedColumn {
        schema: text(row, 0)?,
        table: text(row, 1)?,
        column: text(row, 2)?,
    })
}

fn predicate(row: &Row) -> QueryResult<Predicate> {
    Ok(Predicate {
        object_id: number(row, 0)?,
        schema: text(row, 1)?,
        table: text(row, 2)?,
        policy: text(row, 3)?,
    })
}

//! Reading the product table.

use std::str;

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, types::ValueRef};
use shopmaster_catalog::{
    Lookup,
    decimal::{Digits, shortened},
    price_column::{SAMPLE, Sample},
};
use shopmaster_product::{Problem, ProductId, Row};

use super::{
    SqliteOptions, conditions,
    declared::is_padded,
    error::QueryResult,
    key::{Key, hexadecimal, real},
    open::Database,
    price::{PriceFormat, declared_scale},
    statements::{Statements, over},
};

/// How the values of a row become a product.
#[derive(Debug, Clone, Copy)]
struct RowFormat {
    price: PriceFormat,
    /// Whether spaces at the end of a name are not part of it.
    name_is_padded: bool,
}

/// The column that says whether a row is sold, where there are conditions.
const SOLD: usize = 3;

/// The rows of `keys`, all as of one moment.
pub(super) fn read(
    connection: &Connection,
    database: &Database,
    keys: &[ProductId],
) -> QueryResult<Vec<Lookup>> {
    let moment = connection.unchecked_transaction()?;
    conditions::check(connection, &database.options)?;
    let format = RowFormat::of(connection, &database.options)?;
    let mut lookup = connection.prepare_cached(&database.statements.lookup)?;
    let answers = keys
        .iter()
        .map(|key| look_up(&mut lookup, key, format))
        .collect::<QueryResult<_>>()?;
    drop(lookup);
    moment.commit()?;
    Ok(answers)
}

fn look_up(
    statement: &mut CachedStatement<'_>,
    id: &ProductId,
    format: RowFormat,
) -> QueryResult<Lookup> {
    for key in Key::candidates(id) {
        if let Some(found) = statement.query([&key])?.next()? {
            let row = row(found, format)?;
            return Ok(match is_sold(found)? {
                true => Lookup::Found(row),
                false => Lookup::LeftOut(row.id),
            });
        }
    }
    Ok(Lookup::Gone)
}

/// Whether a row that was looked up meets the shop's conditions, if there are any.
fn is_sold(found: &rusqlite::Row<'_>) -> rusqlite::Result<bool> {
    match found.as_ref().column_count() > SOLD {
        true => found.get(SOLD),
        false => Ok(true),
    }
}

/// A page of rows, in the order of their keys.
pub(super) fn scan(
    connection: &Connection,
    database: &Database,
    after: Option<&ProductId>,
    limit: usize,
) -> QueryResult<Vec<Row>> {
    let moment = connection.unchecked_transaction()?;
    conditions::check(connection, &database.options)?;
    let statements = &database.statements;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let after = match after {
        Some(id) => Some(position(connection, database, id)?),
        None => None,
    };
    let rows = match after {
        None => page(connection, database, &statements.scan_start, &[&limit]),
        Some(Key::Null) => page(
            connection,
            database,
            &statements.scan_behind_null,
            &[&limit],
        ),
        Some(key) => page(
            connection,
            database,
            &statements.scan_behind,
            &[&limit, &key],
        ),
    }?;
    moment.commit()?;
    Ok(rows)
}

/// How the digits that the shop asked for change the first prices.
pub(super) fn sample(
    connection: &Connection,
    options: &SqliteOptions,
    digits: Digits,
) -> QueryResult<Sample> {
    let mut sample = Sample::default();
    let format = PriceFormat {
        text: options.mapping.price_text,
        ..PriceFormat::default()
    };
    if digits.asked().is_none() {
        return Ok(sample);
    }
    let text = over(options, include_str!("sql/scan_start.sql").trim_end());
    let mut statement = connection.prepare(&text)?;
    let mut rows = statement.query([SAMPLE])?;
    while let Some(row) = rows.next()? {
        let value = row.get_ref(2)?;
        if let Ok(price) = format.price(value) {
            sample.add(price, matches!(value, ValueRef::Real(_)), digits);
        }
    }
    Ok(sample)
}

/// One of the first keys that ends with a space, if any does.
pub(super) fn padded_key(
    connection: &Connection,
    options: &SqliteOptions,
) -> QueryResult<Option<String>> {
    let text = over(options, include_str!("sql/scan_start.sql").trim_end());
    let mut statement = connection.prepare(&text)?;
    let mut rows = statement.query([SAMPLE])?;
    while let Some(row) = rows.next()? {
        if let Key::Text(key) = Key::of(row.get_ref(0)?)
            && key.ends_with(b" ")
        {
            return Ok(Some(String::from_utf8_lossy(&key).into_owned()));
        }
    }
    Ok(None)
}

/// How many rows are sold.
pub(super) fn count(connection: &Connection, database: &Database) -> QueryResult<u64> {
    if let Some((_, sold)) = count_sold(connection, &database.options, &database.statements)? {
        return Ok(sold);
    }
    let rows: i64 = connection
        .prepare_cached(&database.statements.count)?
        .query_one([], |row| row.get(0))?;
    Ok(rows.unsigned_abs())
}

/// How many rows there are, and how many of them are sold; none without conditions.
pub(super) fn count_sold(
    connection: &Connection,
    options: &SqliteOptions,
    statements: &Statements,
) -> QueryResult<Option<(u64, u64)>> {
    let Some(statement) = &statements.count_sold else {
        return Ok(None);
    };
    conditions::check(connection, options)?;
    let counted = connection.prepare_cached(statement)?.query_one([], |row| {
        let count = |index| row.get(index).map(i64::unsigned_abs);
        Ok((count(0)?, count(1)?))
    })?;
    Ok(Some(counted))
}

/// The value after which to continue: only a row shows whether `NULL` is text or the value NULL.
///
/// If both exist, it is the later one, so that no scan runs in circles.
fn position(connection: &Connection, database: &Database, id: &ProductId) -> QueryResult<Key> {
    let plain = Key::plain(id);
    let Some(odd) = Key::odd(id) else {
        return Ok(plain);
    };
    let there = connection
        .prepare_cached(&database.statements.position)?
        .query_row([&plain, &odd], |row| row.get_ref(0).map(Key::of))
        .optional()?;
    Ok(there.unwrap_or(plain))
}

fn page(
    connection: &Connection,
    database: &Database,
    statement: &str,
    parameters: &[&dyn rusqlite::ToSql],
) -> QueryResult<Vec<Row>> {
    let format = RowFormat::of(connection, &database.options)?;
    let mut statement = connection.prepare_cached(statement)?;
    let rows = statement
        .query_map(parameters, |found| row(found, format))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

impl RowFormat {
    fn of(connection: &Connection, options: &SqliteOptions) -> QueryResult<Self> {
        let mut statement = connection.prepare_cached(include_str!("sql/declared_type.sql"))?;
        let mut declared = |column: &str| {
            let declared = statement.query_row([&options.mapping.table, column], |row| row.get(0));
            declared.optional().map(|it| it.unwrap_or_else(String::new))
        };
        let columns = &options.mapping.columns;
        Ok(Self {
            name_is_padded: is_padded(&declared(&columns.name)?),
            price: PriceFormat {
                digits: Digits::new(
                    options.mapping.price_digits,
                    declared_scale(&declared(&columns.price)?),
                ),
                text: options.mapping.price_text,
            },
        })
    }

    fn name(self, value: ValueRef<'_>) -> Result<String, Problem> {
        let name = name(value)?;
        Ok(match self.name_is_padded {
            true => name.trim_end_matches(' ').to_owned(),
            false => name,
        })
    }
}

fn row(found: &rusqlite::Row<'_>, format: RowFormat) -> rusqlite::Result<Row> {
    let (id, problem) = Key::of(found.get_ref(0)?).shown();
    let name = match problem {
        Some(problem) => Err(problem),
        None => format.name(found.get_ref(1)?),
    };
    let price = format.price.price(found.get_ref(2)?);
    Ok(Row { id, name, price })
}

fn name(value: ValueRef<'_>) -> Result<String, Problem> {
    match value {
        ValueRef::Null => Err(Problem("the name is NULL".to_owned())),
        ValueRef::Integer(number) => Ok(number.to_string()),
        ValueRef::Real(number) => Ok(real(number)),
        ValueRef::Text(bytes) => str::from_utf8(bytes).map(str::to_owned).map_err(|_| {
            let shown = shortened(&String::from_utf8_lossy(bytes));
            Problem(format!("the name is not UTF-8: `{shown}`"))
        }),
        ValueRef::Blob(bytes) => {
            let shown = shortened(&format!(
                "X'{}'",
                hexadecimal(&bytes[..bytes.len().min(40)])
            ));
            Err(Problem(format!("the name is a BLOB, not TEXT: `{shown}`")))
        }
    }
}

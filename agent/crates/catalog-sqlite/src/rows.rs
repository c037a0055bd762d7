//! Reading the product table.

use rusqlite::{Connection, types::ValueRef};
use shopmaster_catalog::{
    Lookup, ViewKeys,
    decimal::Digits,
    price_column::{SAMPLE, Sample},
};
use shopmaster_product::{Price, ProductId, Row};

use super::{
    SqliteOptions, conditions,
    error::QueryResult,
    key::Key,
    open::Database,
    price::PriceFormat,
    reader::Reader,
    statements::{self, Statements},
};

/// The rows of `keys`, all as of one moment.
pub(super) fn read(
    connection: &Connection,
    database: &Database,
    keys: &[ProductId],
) -> QueryResult<Vec<Lookup>> {
    let moment = connection.unchecked_transaction()?;
    conditions::check(connection, &database.options)?;
    let reader = Reader::new(connection, database)?;
    let answers = keys
        .iter()
        .map(|key| reader.look_up(key))
        .collect::<QueryResult<_>>()?;
    moment.commit()?;
    Ok(answers)
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
    let rows = Reader::new(connection, database)?.page(after, limit)?;
    moment.commit()?;
    Ok(rows)
}

/// The price of a row as its column has it; none without digits that the shop asks for, without a row or a price.
pub(super) fn unrounded_price(
    connection: &Connection,
    database: &Database,
    key: &ProductId,
) -> QueryResult<Option<Price>> {
    if database.options.mapping.price_digits.is_none() {
        return Ok(None);
    }
    let lookup = Reader::new(connection, database)?
        .unrounded()
        .look_up(key)?;
    Ok(match lookup {
        Lookup::Found(row) => row.price.ok(),
        Lookup::Gone | Lookup::LeftOut(_) | Lookup::Locked => None,
    })
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
    let mut statement = connection.prepare(&Statements::new(options).rows.start)?;
    let column = statement.column_count() - 1;
    let mut rows = statement.query([SAMPLE])?;
    while let Some(row) = rows.next()? {
        let value = row.get_ref(column)?;
        if let Ok(price) = format.price(value) {
            sample.add(price, matches!(value, ValueRef::Real(_)), digits);
        }
    }
    Ok(sample)
}

/// One of the first values in a key column that ends with a space, if any does.
pub(super) fn padded_key(
    connection: &Connection,
    options: &SqliteOptions,
    column: usize,
) -> QueryResult<Option<String>> {
    let mut statement = connection.prepare(&Statements::new(options).keys.start)?;
    let mut rows = statement.query([SAMPLE])?;
    while let Some(row) = rows.next()? {
        if let Key::Text(key) = Key::of(row.get_ref(column)?)
            && key.ends_with(b" ")
        {
            return Ok(Some(String::from_utf8_lossy(&key).into_owned()));
        }
    }
    Ok(None)
}

/// Counts the keys of a view.
pub(super) fn view_keys(connection: &Connection, options: &SqliteOptions) -> QueryResult<ViewKeys> {
    let statement = statements::view_keys(options);
    let counted = connection.prepare(&statement)?.query_one([], |row| {
        let count = |index| row.get(index).map(i64::unsigned_abs);
        Ok(ViewKeys {
            rows: count(0)?,
            not_null: count(1)?,
            distinct: count(2)?,
        })
    })?;
    Ok(counted)
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

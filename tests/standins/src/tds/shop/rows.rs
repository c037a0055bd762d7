//! The product table's rows.

use rusqlite::{Connection, Row, types::Value as Sqlite};

use super::{
    State, bound,
    catalogue::{self, Column},
    names::{Names, quoted},
    parameter,
};
use crate::tds::model::{Answer, ColumnType, ResultSet, SqlError, Statement, Value};

/// The three columns that every row has.
struct Columns {
    table: String,
    all: [Column; 3],
}

pub(super) fn answer(state: &State, statement: &Statement) -> Result<Answer, SqlError> {
    let connection = &state.connection;
    if statement.name.as_deref() == Some("row_count") {
        let table = catalogue::table_of(connection, &parameter(statement, 1)?)?;
        let sql = format!("SELECT count(*) FROM {}", quoted(&table));
        return whole_numbers::<1>(connection, &sql);
    }
    let names = Names::of(statement)?;
    match statement.name.as_deref() {
        // Nobody ever holds a row here, but for the whole file.
        Some("gap") => Ok(ResultSet::new([("", ColumnType::BigInt)])
            .row([Value::BigInt(0)])
            .into()),
        Some("scan_keys") if statement.parameters.len() == 1 => {
            keys(connection, &names, None, parameter(statement, 1)?)
        }
        Some("scan_keys") => {
            let (key, limit) = (parameter(statement, 1)?, parameter(statement, 2)?);
            keys(connection, &names, Some(key), limit)
        }
        Some("keys_start") => keys(connection, &names, None, parameter(statement, 1)?),
        Some("keys_behind") => {
            let (key, limit) = (parameter(statement, 1)?, parameter(statement, 2)?);
            keys(connection, &names, Some(key), limit)
        }
        Some("count") => {
            let sql = format!("SELECT count(*) FROM {}", quoted(&names.table));
            whole_numbers::<1>(connection, &sql)
        }
        // Nobody hides any.
        Some("hidden_rows") => {
            let sql = format!("SELECT count(*), count(*) FROM {}", quoted(&names.table));
            whole_numbers::<2>(connection, &sql)
        }
        Some("view_keys") => {
            let (table, id) = (quoted(&names.table), quoted(names.column(0)?));
            let sql = format!("SELECT count(*), count({id}), count(DISTINCT {id}) FROM {table}");
            whole_numbers::<3>(connection, &sql)
        }
        Some("read_nothing") => Ok(ResultSet::new([("", ColumnType::Int)]).into()),
        Some("read_odd") => Columns::of(connection, &names)?.read_null(connection),
        Some("read") => Columns::of(connection, &names)?.read(connection, statement),
        Some("scan_start") => {
            let limit = parameter(statement, 1)?;
            let page = Columns::of(connection, &names)?.scan(connection, None, limit)?;
            Ok(ranked(statement, page))
        }
        _ => {
            let (key, limit) = (parameter(statement, 1)?, parameter(statement, 2)?);
            let page = Columns::of(connection, &names)?.scan(connection, Some(key), limit)?;
            Ok(ranked(statement, page))
        }
    }
}

/// The same rows with the rank of each one's key, if the statement asks for it.
fn ranked(statement: &Statement, mut page: Answer) -> Answer {
    if !statement.text.contains("DENSE_RANK()") {
        return page;
    }
    for result in &mut page.results {
        result.columns.push((String::new(), ColumnType::BigInt));
        let mut rank = 0;
        for at in 0..result.rows.len() {
            let is_new = at == 0 || result.rows[at][0] != result.rows[at - 1][0];
            rank += i64::from(is_new);
            result.rows[at].push(Value::BigInt(rank));
        }
    }
    page
}

impl Columns {
    fn of(connection: &Connection, names: &Names) -> Result<Self, SqlError> {
        // A text that takes the key alone has something else in the places of name and price.
        let is_key_alone = names.columns.len() < 3;
        let place = |at| if is_key_alone { 0 } else { at };
        let column = |at| catalogue::column(connection, &names.table, names.column(place(at))?);
        Ok(Self {
            table: quoted(&names.table),
            all: [column(0)?, column(1)?, column(2)?],
        })
    }

    fn listed(&self) -> String {
        self.all
            .each_ref()
            .map(|column| quoted(&column.name))
            .join(", ")
    }

    fn values(&self, row: &Row<'_>) -> rusqlite::Result<[Value; 3]> {
        let value =
            |at: usize| -> rusqlite::Result<_> { Ok(self.all[at].kind.value(row.get_ref(at)?)) };
        Ok([value(0)?, value(1)?, value(2)?])
    }

    fn types(&self) -> [(&'static str, ColumnType); 3] {
        self.all.each_ref().map(|column| ("", column.kind.column()))
    }

    /// A page of rows in the order of their keys, behind a key.
    fn scan(
        &self,
        connection: &Connection,
        after: Option<Sqlite>,
        limit: Sqlite,
    ) -> Result<Answer, SqlError> {
        let id = quoted(&self.all[0].name);
        let behind = match &after {
            Some(_) => format!("{id} > ?2"),
            None => "?2 IS NULL".to_owned(),
        };
        let (listed, table) = (self.listed(), &self.table);
        let sql = format!("SELECT {listed} FROM {table} WHERE {behind} ORDER BY {id} LIMIT ?1");
        let mut select = connection.prepare_cached(&sql)?;
        let mut rows = select.query((limit, after.unwrap_or(Sqlite::Null)))?;
        let mut result = ResultSet::new(self.types());
        while let Some(row) = rows.next()? {
            result.rows.push(self.values(row)?.into());
        }
        Ok(result.into())
    }

    /// The rows without a key, as two of them show it.
    fn read_null(&self, connection: &Connection) -> Result<Answer, SqlError> {
        let [id, name, price] = self.types();
        let number = ("", ColumnType::Int);
        let mut result = ResultSet::new([number, id, name, price, number]);
        let (listed, table, id) = (self.listed(), &self.table, quoted(&self.all[0].name));
        let sql = format!("SELECT {listed} FROM {table} WHERE {id} IS NULL LIMIT 2");
        let mut select = connection.prepare_cached(&sql)?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let [id, name, price] = self.values(row)?;
            result = result.row([Value::Int(1), id, name, price, Value::Int(0)]);
        }
        Ok(result.into())
    }

    /// The rows of keys: the number of the key, the row, and the key as the column's type keeps it.
    fn read(&self, connection: &Connection, statement: &Statement) -> Result<Answer, SqlError> {
        let kind = &self.all[0].kind;
        let back = if kind.is_code_page() {
            ColumnType::Text
        } else {
            ColumnType::Int
        };
        let [id, name, price] = self.types();
        let mut result = ResultSet::new([("n", ColumnType::Int), id, name, price, ("", back)]);
        let (listed, table) = (self.listed(), &self.table);
        let id = quoted(&self.all[0].name);
        let mut select =
            connection.prepare_cached(&format!("SELECT {listed} FROM {table} WHERE {id} = ?1"))?;
        for (n, key) in (1..).zip(&statement.parameters) {
            let mut rows = select.query([bound(key)])?;
            while let Some(row) = rows.next()? {
                let [id, name, price] = self.values(row)?;
                let back = match back {
                    ColumnType::Text => key.clone(),
                    _ => Value::Int(0),
                };
                result = result.row([Value::Int(n), id, name, price, back]);
            }
        }
        Ok(result.into())
    }
}

/// The keys of a page, behind one.
fn keys(
    connection: &Connection,
    names: &Names,
    after: Option<Sqlite>,
    limit: Sqlite,
) -> Result<Answer, SqlError> {
    let column = catalogue::column(connection, &names.table, names.column(0)?)?;
    let (table, id) = (quoted(&names.table), quoted(&column.name));
    let behind = match &after {
        Some(_) => format!("{id} > ?2"),
        None => "?2 IS NULL".to_owned(),
    };
    let sql = format!("SELECT {id} FROM {table} WHERE {behind} ORDER BY {id} LIMIT ?1");
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query((limit, after.unwrap_or(Sqlite::Null)))?;
    let mut result = ResultSet::new([("", column.kind.column())]);
    while let Some(row) = rows.next()? {
        result.rows.push(vec![column.kind.value(row.get_ref(0)?)]);
    }
    Ok(result.into())
}

fn whole_numbers<const N: usize>(connection: &Connection, sql: &str) -> Result<Answer, SqlError> {
    let numbers = connection.query_row(sql, [], |row| {
        let mut numbers = [0; N];
        for (at, number) in numbers.iter_mut().enumerate() {
            *number = row.get(at)?;
        }
        Ok(numbers)
    })?;
    let result = ResultSet::new([("", ColumnType::BigInt); N]);
    Ok(result.row(numbers.map(Value::BigInt)).into())
}

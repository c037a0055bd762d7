//! A shop on the stand-in for the wire whose server says what a test wants: what no engine that is at hand has.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use rusqlite::Connection;
use shopmaster_catalog::{Catalog, Check, Mapping};
use shopmaster_standins::tds::{
    Answer, ColumnType, Model, ResultSet, Settings, SqlError, SqlServerSim, SqliteShop, Statement,
    Value,
};
use tempfile::TempDir;

use super::stand_in;
use crate::{SqlServerCatalog, SqlServerOptions, schema::TableSchema, session::Session};

type Edit = Box<dyn Fn(Result<Answer, SqlError>) -> Result<Answer, SqlError> + Send>;
type Edits = Arc<Mutex<HashMap<&'static str, Edit>>>;

/// The shop, with three products.
pub(super) struct Staged {
    pub(super) catalog: SqlServerCatalog,
    pub(super) server: SqlServerSim,
    options: SqlServerOptions,
    edits: Edits,
    _folder: TempDir,
}

struct Stage {
    shop: SqliteShop,
    edits: Edits,
}

impl Model for Stage {
    fn answer(&self, session: u64, statement: &Statement) -> Result<Answer, SqlError> {
        let answer = self.shop.answer(session, statement);
        let edits = self.edits.lock().unwrap();
        match statement.name.as_deref().and_then(|name| edits.get(name)) {
            Some(edit) => edit(answer),
            None => answer,
        }
    }

    fn end(&self, session: u64) {
        self.shop.end(session);
    }
}

impl Staged {
    pub(super) async fn open() -> Self {
        Self::with(
            "CREATE TABLE Products (ProductID VARCHAR(25) NOT NULL PRIMARY KEY,
                ProductName VARCHAR(100), SellPrice NUMERIC(18,2));
             INSERT INTO Products VALUES ('P1', 'Soap', 1), ('P2', 'Tea', 2), ('P3', 'Salt', 3);",
        )
        .await
    }

    /// With a table or view `Products` of its own, in SQLite's SQL.
    pub(super) async fn with(schema: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let till = Connection::open(&path).unwrap();
        till.execute_batch(schema).unwrap();
        let edits = Edits::default();
        let stage = Stage {
            shop: SqliteShop::open(&path).unwrap(),
            edits: Arc::clone(&edits),
        };
        let settings = Settings::default();
        let server = SqlServerSim::start(settings.clone(), stage).await.unwrap();
        let options = stand_in::options(&server, &settings, "test");
        Self {
            catalog: SqlServerCatalog::new(options.clone()),
            server,
            options,
            edits,
            _folder: folder,
        }
    }

    /// From now on the statement is answered with these rows.
    pub(super) fn says<const N: usize>(&self, name: &'static str, rows: Vec<[Value; N]>) {
        self.shows(name, [""; N], rows);
    }

    /// The same with names for the columns.
    pub(super) fn shows<const N: usize>(
        &self,
        name: &'static str,
        columns: [&'static str; N],
        rows: Vec<[Value; N]>,
    ) {
        self.edits(name, move |_| {
            let types = rows.first().map_or([ColumnType::Int; N], |row| {
                std::array::from_fn(|at| column_type(&row[at]))
            });
            let mut result =
                ResultSet::new::<N>(std::array::from_fn(|at| (columns[at], types[at])));
            result.rows = rows.iter().map(|row| row.to_vec()).collect();
            Ok(result.into())
        });
    }

    /// From now on the statement is refused.
    pub(super) fn refuses(&self, name: &'static str, number: u32) {
        self.edits(name, move |_| Err(SqlError::number(number)));
    }

    /// From now on the first row of the answer has these values at these places.
    pub(super) fn sets<const N: usize>(&self, name: &'static str, places: [(usize, Value); N]) {
        self.edits(name, move |answer| {
            let mut answer = answer?;
            for (place, value) in &places {
                answer.results[0].rows[0][*place] = value.clone();
            }
            Ok(answer)
        });
    }

    /// From now on the answer of the statement is another one.
    pub(super) fn edits(
        &self,
        name: &'static str,
        edit: impl Fn(Result<Answer, SqlError>) -> Result<Answer, SqlError> + Send + 'static,
    ) {
        self.edits.lock().unwrap().insert(name, Box::new(edit));
    }

    /// From now on the catalogs have another mapping.
    pub(super) fn maps(&mut self, edit: impl FnOnce(&mut Mapping)) {
        edit(&mut self.options.mapping);
        self.catalog = self.anew();
    }

    /// Another catalog over the same shop, which has read nothing yet.
    pub(super) fn anew(&self) -> SqlServerCatalog {
        SqlServerCatalog::new(self.options.clone())
    }

    /// The number of the product table.
    pub(super) async fn object_id(&self) -> i32 {
        let mut session = Session::open(&self.options).await.unwrap();
        let table = TableSchema::facts(&mut session, &self.options)
            .await
            .unwrap();
        table.object_id
    }

    /// The check of this name.
    pub(super) async fn check(&self, name: &str) -> Check {
        let checks = self.catalog.inspect().await.unwrap();
        checks.into_iter().find(|check| check.name == name).unwrap()
    }
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(super) fn int(number: i32) -> Value {
    Value::Int(number)
}

fn column_type(value: &Value) -> ColumnType {
    match value {
        Value::Null | Value::Int(_) => ColumnType::Int,
        Value::Bit(_) => ColumnType::Bit,
        Value::BigInt(_) => ColumnType::BigInt,
        Value::Text(_) => ColumnType::LongText,
        other => panic!("no type for {other:?}"),
    }
}

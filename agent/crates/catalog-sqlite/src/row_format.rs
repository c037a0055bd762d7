//! How the values of a row become a product.

use std::str;

use rusqlite::{Connection, OptionalExtension as _, types::ValueRef};
use shopmaster_catalog::{
    KeyColumns,
    decimal::{Digits, shortened},
};
use shopmaster_product::{Problem, Row};

use super::{
    SqliteOptions,
    declared::is_padded,
    error::QueryResult,
    key::{hexadecimal, real},
    price::{PriceFormat, declared_scale},
    row_key::RowKey,
};

/// How the values of a row become a product.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowFormat {
    price: PriceFormat,
    /// Whether spaces at the end of a name are not part of it.
    name_is_padded: bool,
}

impl RowFormat {
    pub(super) fn of(connection: &Connection, options: &SqliteOptions) -> QueryResult<Self> {
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

    /// The same with prices as their column has them.
    pub(super) fn unrounded(mut self) -> Self {
        self.price.digits = Digits::default();
        self
    }

    /// The row with this key, whose other values follow the key's.
    pub(super) fn row(
        self,
        key: &RowKey,
        columns: &KeyColumns,
        found: &rusqlite::Row<'_>,
    ) -> rusqlite::Result<Row> {
        let (id, problem) = key.shown(columns);
        let behind = key.values().len();
        let name = match problem {
            Some(problem) => Err(problem),
            None => self.name(found.get_ref(behind)?),
        };
        let price = self.price.price(found.get_ref(behind + 1)?);
        Ok(Row { id, name, price })
    }

    fn name(self, value: ValueRef<'_>) -> Result<String, Problem> {
        let name = name(value)?;
        Ok(match self.name_is_padded {
            true => name.trim_end_matches(' ').to_owned(),
            false => name,
        })
    }
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

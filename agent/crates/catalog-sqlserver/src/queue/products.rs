//! The product table, and how its rows become products.

use std::sync::Arc;

use shopmaster_catalog::{
    CatalogError, ViewKeys,
    decimal::Digits,
    price_column::{SAMPLE, Sample},
};
use shopmaster_product::{Price, Problem, ProductId, Row};
use tiberius::Row as Found;

use super::{
    changes,
    price::{NameType, PriceType, null_price},
    statements::Statements,
};
use crate::{
    SqlServerOptions,
    error::QueryResult,
    filter::Filter,
    pool::Pool,
    product_key::ProductKey,
    schema::{Kind, TableSchema},
    session::Session,
};

/// The product table, and how to query it.
pub(crate) struct Products<'a> {
    options: &'a SqlServerOptions,
    pub(super) table: Arc<TableSchema>,
    pub(super) key: ProductKey,
    name: NameType,
    price: PriceType,
    digits: Digits,
    /// Whether rows may not be sold.
    pub(super) is_filtered: bool,
    pub(super) statements: Statements,
}

impl<'a> Products<'a> {
    /// # Errors
    ///
    /// When a mapped column's type does not fit, or a condition does not.
    pub(crate) fn new(options: &'a SqlServerOptions, table: Arc<TableSchema>) -> QueryResult<Self> {
        let key = key(options, &table)?;
        let price = PriceType::of(&table.price.data_type, options.mapping.price_text);
        let price = price.map_err(|reason| CatalogError::UnfitPrice {
            table: options.mapping.table.clone(),
            column: options.mapping.columns.price.clone(),
            reason,
        })?;
        let name =
            NameType::of(&table.names.data_type).map_err(|reason| CatalogError::UnfitTable {
                table: options.mapping.table.clone(),
                reason: format!(
                    "`{}` holds no names: {reason}",
                    options.mapping.columns.name
                ),
            })?;
        let filter = Filter::new(&options.mapping, &table)?;
        Ok(Self {
            is_filtered: !filter.is_empty(),
            statements: Statements::new(&table, &key, name, price, filter),
            options,
            table,
            key,
            name,
            price,
            digits: Digits::new(options.mapping.price_digits, None),
        })
    }

    /// Reads prices as their column has them, from now on.
    pub(super) fn unrounded(mut self) -> Self {
        self.digits = Digits::default();
        self
    }

    pub(super) fn unfit_key(&self, reason: String) -> CatalogError {
        unfit_key(self.options, reason)
    }

    /// Fails when the columns cannot be the key, because a value may find two rows or none.
    pub(super) fn check_key(&self) -> QueryResult<()> {
        match self.table.unfit() {
            Some(reason) => Err(self.unfit_key(reason).into()),
            None => Ok(()),
        }
    }

    /// Reads a row whose key begins at `first`, followed by name and price.
    pub(super) fn row(&self, found: &Found, first: usize) -> QueryResult<Row> {
        let behind = first + self.key.width();
        let (id, problem) = self.key.shown(&self.key.read(found, first)?);
        Ok(Row {
            id,
            name: match problem {
                Some(problem) => Err(problem),
                None => self.name.read(found, behind)?,
            },
            price: self.price(found, first, self.digits)?,
        })
    }

    /// Reads the id of a row whose key begins at `first`.
    pub(super) fn id(&self, found: &Found, first: usize) -> QueryResult<ProductId> {
        Ok(self.key.shown(&self.key.read(found, first)?).0)
    }

    /// Reads the price of a row whose key begins at `first`.
    fn price(
        &self,
        found: &Found,
        first: usize,
        digits: Digits,
    ) -> QueryResult<Result<Price, Problem>> {
        self.price.read(found, first + self.key.width() + 1, digits)
    }

    /// How many rows the table has according to the server; none for a view, where not every row is sold, and where
    /// the server maintains no count.
    pub(crate) async fn kept_count(&self, session: &mut Session) -> QueryResult<Option<u64>> {
        if self.table.kind != Kind::Table || self.is_filtered {
            return Ok(None);
        }
        let text = include_str!("../sql/row_count.sql");
        let kept = session.rows(text, &[&self.table.object_id]).await?;
        match whole_number(&kept)? {
            // Not every engine keeps the count up to date: it may say zero at first.
            0 => {
                let any = self.statements.keys_start();
                let is_empty = session.rows(&any, &[&1_i64]).await?.is_empty();
                Ok(is_empty.then_some(0))
            }
            kept => Ok(Some(kept)),
        }
    }
}

/// How many rows have a key whose parts contain the separator: they cannot be sent. None when another session has locked a
/// row, and for a key of one column.
pub(crate) async fn ambiguous_keys(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &TableSchema,
) -> QueryResult<Option<u64>> {
    let Ok(products) = Products::new(options, Arc::new(table.clone())) else {
        return Ok(None);
    };
    let Some(text) = products.statements.ambiguous_keys() else {
        return Ok(None);
    };
    match session.rows(&text, &[]).await {
        Err(fault) if fault.is_lock_timeout() => Ok(None),
        counted => Ok(Some(whole_number(&counted?)?)),
    }
}

/// Counts the keys of a view; none when another session has locked a row, or a column does not fit, which other checks
/// say.
pub(crate) async fn keys_of_view(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &TableSchema,
) -> QueryResult<Option<ViewKeys>> {
    let Ok(products) = Products::new(options, Arc::new(table.clone())) else {
        return Ok(None);
    };
    let counted = match session.rows(&products.statements.view_keys(), &[]).await {
        Err(fault) if fault.is_lock_timeout() => return Ok(None),
        counted => counted?,
    };
    let Some(row) = counted.first() else {
        return Ok(None);
    };
    Ok(Some(ViewKeys {
        rows: changes::count(row, 0)?,
        not_null: changes::count(row, 1)?,
        distinct: changes::count(row, 2)?,
    }))
}

/// What the first prices show.
#[derive(Debug, Default)]
pub(crate) struct Prices {
    /// How the digits that the shop asked for change them.
    pub(crate) sample: Sample,
    /// How many prices were examined.
    pub(crate) read: u64,
    /// How many of them cannot be sent, NULL not counted.
    pub(crate) unreadable: u64,
    /// Why one of them cannot.
    pub(crate) example: Option<Problem>,
}

/// Examines the first prices, if the digits that the shop asked for may change them, or they are text.
pub(crate) async fn prices(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &TableSchema,
) -> QueryResult<Prices> {
    let mut prices = Prices::default();
    let products = Products::new(options, Arc::new(table.clone()))?;
    let is_text = matches!(products.price, PriceType::Text(..));
    if options.mapping.price_digits.is_none() && !is_text {
        return Ok(prices);
    }
    let is_float = matches!(products.price, PriceType::Float | PriceType::Real);
    let text = products.statements.scan_start();
    for found in session.rows(&text, &[&i64::from(SAMPLE)]).await? {
        prices.read += 1;
        match products.price(&found, 0, Digits::default())? {
            Ok(price) => prices.sample.add(price, is_float, products.digits),
            Err(problem) if problem != null_price() => {
                prices.unreadable += 1;
                prices.example.get_or_insert(problem);
            }
            Err(_) => {}
        }
    }
    Ok(prices)
}

/// How many rows the table has, and how many of them meet the conditions; none when that cannot be counted now, or
/// there are no conditions.
pub(crate) async fn kept(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &TableSchema,
) -> QueryResult<Option<(u64, u64)>> {
    let products = Products::new(options, Arc::new(table.clone()))?;
    let Some(text) = products.statements.kept() else {
        return Ok(None);
    };
    match session.rows(&text, &[]).await {
        Err(fault) if fault.is_lock_timeout() => Ok(None),
        counted => match counted?.first() {
            Some(row) => Ok(Some((changes::count(row, 0)?, changes::count(row, 1)?))),
            None => Ok(None),
        },
    }
}

/// About how many rows there are, by the server's own count, which costs nothing and waits for no lock. The
/// rows are counted only where the server maintains no count.
pub(crate) async fn count(pool: &Pool, session: &mut Session) -> QueryResult<u64> {
    let products = Products::new(&pool.options, pool.table(session).await?)?;
    if let Some(kept) = products.kept_count(session).await? {
        return Ok(kept);
    }
    match session.rows(&products.statements.count(), &[]).await {
        // Another session has locked a row. A number that is only displayed is not worth waiting for.
        Err(fault) if fault.is_lock_timeout() => Ok(0),
        counted => whole_number(&counted?),
    }
}

/// The first number of the first row; zero if there is none.
fn whole_number(rows: &[Found]) -> QueryResult<u64> {
    let number = rows.first().map(|row| row.try_get::<i64, _>(0));
    Ok(number.transpose()?.flatten().unwrap_or(0).unsigned_abs())
}

/// The table's key, which decides how rows are compared and sent.
pub(crate) fn key(options: &SqlServerOptions, table: &TableSchema) -> QueryResult<ProductKey> {
    let key = ProductKey::of(&options.mapping.columns.id, table);
    Ok(key.map_err(|reason| unfit_key(options, reason))?)
}

/// A page's length as the type that `TOP` expects.
pub(crate) fn top(limit: usize) -> i64 {
    i32::try_from(limit).unwrap_or(i32::MAX).into()
}

fn unfit_key(options: &SqlServerOptions, reason: String) -> CatalogError {
    CatalogError::UnfitKey {
        table: options.mapping.table.clone(),
        column: options.mapping.columns.id.to_string(),
        reason,
    }
}

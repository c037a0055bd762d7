//! Reading the product table.

use std::sync::Arc;

use shopmaster_catalog::{
    CatalogError, Lookup,
    decimal::{Digits, shortened},
    price_column::{SAMPLE, Sample},
};
use shopmaster_product::{Problem, ProductId, Row};
use tiberius::{Row as Found, ToSql};

use super::{
    batches, changes,
    price::{NameType, PriceType, null_price},
    seeking::{End, Seeking},
    statements::{Locked, Statements},
};
use crate::{
    SqlServerOptions,
    error::QueryResult,
    filter::Filter,
    key::{KeyParameter, KeyType},
    pool::Pool,
    row,
    schema::{Kind, TableSchema},
    session::Session,
};

/// The product table, and how to query it.
pub(crate) struct Products<'a> {
    options: &'a SqlServerOptions,
    table: Arc<TableSchema>,
    key: KeyType,
    name: NameType,
    price: PriceType,
    digits: Digits,
    /// Whether rows may not be sold.
    is_filtered: bool,
    statements: Statements,
}

/// The rows of some keys, and whether the answers are final.
struct Answers {
    lookups: Vec<Lookup>,
    /// Whether a key was not a valid value of the column as it was when the table's description was last read.
    is_doubtful: bool,
}

impl<'a> Products<'a> {
    /// # Errors
    ///
    /// When a mapped column's type does not fit, or a condition does not.
    pub(crate) fn new(options: &'a SqlServerOptions, table: Arc<TableSchema>) -> QueryResult<Self> {
        let key = key_type(options, &table)?;
        let price = PriceType::of(&table.price.data_type, options.mapping.price_text).map_err(
            |reason| CatalogError::UnfitPrice {
                table: options.mapping.table.clone(),
                column: options.mapping.columns.price.clone(),
                reason,
            },
        )?;
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

    fn unfit_key(&self, reason: String) -> CatalogError {
        unfit_key(self.options, reason)
    }

    /// Fails when the column cannot be the key, because a value may find two rows or none.
    fn check_key(&self) -> QueryResult<()> {
        match self.table.unfit() {
            Some(reason) => Err(self.unfit_key(reason).into()),
            None => Ok(()),
        }
    }

    async fn answers(&self, session: &mut Session, keys: &[ProductId]) -> QueryResult<Answers> {
        let mut answers = Answers {
            lookups: vec![Lookup::Gone; keys.len()],
            is_doubtful: false,
        };
        let mut asked = Vec::with_capacity(keys.len());
        for (index, key) in keys.iter().enumerate() {
            match self.key.parameter(key) {
                Some(parameter) => asked.push((index, key, parameter)),
                None => answers.is_doubtful = true,
            }
        }
        for chunk in asked.chunks(batches::MAX_KEYS) {
            let indexes = chunk.iter().map(|(index, ..)| *index);
            let found = self.chunk(session, chunk).await?;
            for (index, lookup) in indexes.zip(found) {
                match lookup {
                    Some(lookup) => answers.lookups[index] = lookup,
                    None => answers.is_doubtful = true,
                }
            }
        }
        Ok(answers)
    }

    /// The answers for the keys of one statement; none for a key that is not a valid value of the column.
    ///
    /// A locked row reveals nothing about itself. When waiting for one ends with error 1222, the other rows are
    /// read past it, and each key that is missing then is looked up alone: if error 1222 comes again, the row
    /// is locked, and only a clean miss means that it is gone. (Rows cannot be read past a lock of a page or of
    /// the whole table, and an index that does not allow row locks refuses to be read in this way: then every
    /// key is looked up alone.)
    async fn chunk(
        &self,
        session: &mut Session,
        keys: &[(usize, &ProductId, KeyParameter)],
    ) -> QueryResult<Vec<Option<Lookup>>> {
        match self.ask(session, keys, Locked::Wait).await {
            Err(fault) if fault.is_lock_timeout() => {}
            answer => return answer,
        }
        let mut answers = match self.ask(session, keys, Locked::Skip).await {
            Err(fault) if fault.is_lock_timeout() || fault.is_without_row_locks() => {
                vec![Some(Lookup::Gone); keys.len()]
            }
            answer => answer?,
        };
        // If the lock timeout is not reset automatically, no other call must find the changed one.
        session.retire();
        for (answer, key) in answers.iter_mut().zip(keys.chunks(1)) {
            if *answer != Some(Lookup::Gone) {
                continue;
            }
            *answer = match self.ask(session, key, Locked::Fail).await {
                Err(fault) if fault.is_lock_timeout() => Some(Lookup::Locked),
                alone => alone?.pop().flatten(),
            };
        }
        Ok(answers)
    }

    async fn ask(
        &self,
        session: &mut Session,
        keys: &[(usize, &ProductId, KeyParameter)],
        locked: Locked,
    ) -> QueryResult<Vec<Option<Lookup>>> {
        let text = self.statements.read(batches::size(keys.len()), locked);
        let parameters = batches::padded(keys)
            .map(|(.., parameter)| parameter as &dyn ToSql)
            .collect::<Vec<_>>();
        let mut answers = vec![Some(Lookup::Gone); keys.len()];
        for found in session.rows(&text, &parameters).await? {
            let n: Option<i32> = found.try_get(0)?;
            let index = n.and_then(|n| usize::try_from(n).ok()?.checked_sub(1));
            // After the keys come the repetitions that fill the statement.
            let Some((index, (_, asked, _))) =
                index.and_then(|index| Some((index, keys.get(index)?)))
            else {
                continue;
            };
            let survives = match self.key.is_lossy() {
                true => self
                    .key
                    .read(&found, 4)?
                    .is_some_and(|read_back| self.key.survives(asked, &read_back)),
                false => true,
            };
            answers[index] = match survives {
                true if self.is_left_out(&found)? => Some(Lookup::LeftOut(self.key(&found, 1)?)),
                true => Some(Lookup::Found(self.row(&found, 1)?)),
                false => None,
            };
        }
        Ok(answers)
    }

    /// Whether a row that was looked up does not meet the conditions.
    fn is_left_out(&self, found: &Found) -> QueryResult<bool> {
        Ok(self.is_filtered && !row::flag(found, 5)?)
    }

    fn key(&self, found: &Found, index: usize) -> QueryResult<ProductId> {
        let key = self.key.read(found, index)?;
        Ok(key.ok_or_else(|| self.unfit_key("it is NULL in a row".to_owned()))?)
    }

    /// Reads a row from three columns, starting at `first`.
    fn row(&self, found: &Found, first: usize) -> QueryResult<Row> {
        Ok(Row {
            id: self.key(found, first)?,
            name: self.name.read(found, first + 1)?,
            price: self.price.read(found, first + 2, self.digits)?,
        })
    }

    /// A page of rows; a lock timeout when another session has locked one of them.
    pub(crate) async fn page(
        &self,
        session: &mut Session,
        seeking: &Seeking,
        after: Option<&ProductId>,
        limit: i64,
    ) -> QueryResult<Vec<Row>> {
        self.check_key()?;
        let found = match after {
            None => {
                self.check_view(session).await?;
                let text = self.statements.scan_start();
                session.rows(&text, &[&limit]).await?
            }
            Some(after) => {
                let parameter = self.parameter(after)?;
                let texts = [true, false].map(|seeks| self.statements.scan_behind(seeks));
                seeking.rows(session, texts, &[&parameter, &limit]).await?
            }
        };
        let rows = found
            .iter()
            .map(|found| self.row(found, 0))
            .collect::<QueryResult<Vec<_>>>()?;
        // Half a character, which no Rust string can hold: a scan would run in circles.
        if let (Some(after), Some(last)) = (after, rows.last())
            && last.id == *after
        {
            return Err(self
                .unfit_key(format!("`{}` is not Unicode in the database", shown(after)))
                .into());
        }
        Ok(rows)
    }

    /// The keys of a page, read past all locks: some of their rows may turn out not to exist.
    pub(crate) async fn keys(
        &self,
        session: &mut Session,
        seeking: &Seeking,
        after: Option<&ProductId>,
        limit: i64,
    ) -> QueryResult<Vec<ProductId>> {
        let found = match after {
            None => {
                let text = self.statements.keys_start();
                session.rows(&text, &[&limit]).await?
            }
            Some(after) => {
                let parameter = self.parameter(after)?;
                let texts = [true, false].map(|seeks| self.statements.keys_behind(seeks));
                seeking.rows(session, texts, &[&parameter, &limit]).await?
            }
        };
        let keys = found.iter().map(|found| self.key(found, 0));
        keys.collect()
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

    /// Looks up keys that the table returned.
    pub(crate) async fn lookups(
        &self,
        session: &mut Session,
        keys: &[ProductId],
    ) -> QueryResult<Vec<Lookup>> {
        let answers = self.answers(session, keys).await?;
        match answers.is_doubtful {
            true => Err(self
                .unfit_key("a key that was read from it is not found again".to_owned())
                .into()),
            false => Ok(answers.lookups),
        }
    }

    /// Fails with a lock timeout when another session has locked a row after `from`, up to `end`.
    pub(crate) async fn check_gap(
        &self,
        session: &mut Session,
        from: Option<&ProductId>,
        end: End<'_>,
    ) -> QueryResult<()> {
        let end_key = match end {
            End::Before(key) | End::With(key) => Some(key),
            End::Table => None,
        };
        let keys = from.into_iter().chain(end_key);
        let parameters = keys
            .map(|key| self.parameter(key))
            .collect::<QueryResult<Vec<_>>>()?;
        let parameters: Vec<_> = parameters.iter().map(|one| one as &dyn ToSql).collect();
        let text = self.statements.gap(from.is_some(), end);
        let found = session.rows(&text, &parameters).await;
        // If the lock timeout is not reset automatically, no other call must find the changed one.
        session.retire();
        found.map(drop)
    }

    /// Checks that a view's keys are unique and not NULL by its rows, because no index guarantees it.
    async fn check_view(&self, session: &mut Session) -> QueryResult<()> {
        if self.table.kind != Kind::View {
            return Ok(());
        }
        let rows = session.rows(&self.statements.view_keys(), &[]).await?;
        let counted = |index| -> QueryResult<i64> {
            let count = rows.first().map(|row| row.try_get(index)).transpose()?;
            Ok(count.flatten().unwrap_or(0))
        };
        let (all, keys, different) = (counted(0)?, counted(1)?, counted(2)?);
        if keys < all {
            return Err(self.unfit_key("it is NULL in a row".to_owned()).into());
        }
        if different < keys {
            let reason = "several rows of the view have the same key".to_owned();
            return Err(self.unfit_key(reason).into());
        }
        Ok(())
    }

    fn parameter(&self, key: &ProductId) -> QueryResult<KeyParameter> {
        let parameter = self.key.parameter(key);
        Ok(parameter.ok_or_else(|| {
            self.unfit_key(format!("`{}` is not a valid value of its type", shown(key)))
        })?)
    }
}

/// The rows of `keys`, one answer per key.
///
/// Without keys, this checks whether they could be read at all.
pub(crate) async fn read(
    pool: &Pool,
    session: &mut Session,
    keys: &[ProductId],
) -> QueryResult<Vec<Lookup>> {
    if keys.is_empty() {
        Products::new(&pool.options, pool.look(session).await?)?;
        return Ok(Vec::new());
    }
    let products = Products::new(&pool.options, pool.table(session).await?)?;
    products.check_key()?;
    let answers = products.answers(session, keys).await?;
    if !answers.is_doubtful {
        return Ok(answers.lookups);
    }
    // The column may have been widened since: only a clean miss means that the row is gone.
    let table = pool.look(session).await?;
    if table == products.table {
        return Ok(answers.lookups);
    }
    let products = Products::new(&pool.options, table)?;
    Ok(products.answers(session, keys).await?.lookups)
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
        match products.price.read(&found, 2, Digits::default())? {
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

/// The type of the table's key, which decides how it is compared and sent.
pub(crate) fn key_type(options: &SqlServerOptions, table: &TableSchema) -> QueryResult<KeyType> {
    let key = KeyType::of(&table.id.data_type);
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

fn shown(key: &ProductId) -> String {
    shortened(&key.to_string())
}

//! Reads of the product table.

use std::sync::Arc;

use shopmaster_catalog::{
    CatalogError, Lookup,
    decimal::{Digits, shortened},
    price_column::{SAMPLE, Sample},
};
use shopmaster_product::{ProductId, Row};
use tiberius::{Row as Found, ToSql};

use super::{
    batches,
    price::{NameType, PriceType, read_name},
    seeking::{End, Seeking},
    statements::{Locked, Statements},
};
use crate::{
    SqlServerOptions,
    error::QueryResult,
    key::{KeyParameter, KeyType},
    pool::Pool,
    schema::{Kind, Table},
    session::Session,
};

/// The product table, and how it is asked.
pub(crate) struct Products<'a> {
    options: &'a SqlServerOptions,
    table: Arc<Table>,
    key: KeyType,
    price: PriceType,
    digits: Digits,
    statements: Statements,
}

/// The rows of some keys, and whether that is all that can be said of them.
struct Answers {
    lookups: Vec<Lookup>,
    /// A key was no value of the column as it was when it was last looked at.
    is_doubtful: bool,
}

impl<'a> Products<'a> {
    /// # Errors
    ///
    /// When a mapped column's type does not fit.
    pub(crate) fn new(options: &'a SqlServerOptions, table: Arc<Table>) -> QueryResult<Self> {
        let key = key_type(options, &table)?;
        let price =
            PriceType::of(&table.price.data_type).map_err(|reason| CatalogError::UnfitPrice {
                table: options.table.clone(),
                column: options.columns.price.clone(),
                reason,
            })?;
        let name =
            NameType::of(&table.names.data_type).map_err(|reason| CatalogError::UnfitTable {
                table: options.table.clone(),
                reason: format!("`{}` holds no names: {reason}", options.columns.name),
            })?;
        Ok(Self {
            statements: Statements::new(&table, &key, name, price),
            options,
            table,
            key,
            price,
            digits: Digits::new(options.price_digits, None),
        })
    }

    fn unfit_key(&self, reason: String) -> CatalogError {
        unfit_key(self.options, reason)
    }

    /// A key that finds two rows, or none, is none.
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
        for chunk in asked.chunks(batches::MOST) {
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

    /// The answers of one statement's keys; none for a key that is no value of the column.
    ///
    /// A row that is locked says nothing of itself. When the wait for one ends with error 1222 the others are
    /// read past it, and whoever is missing then is asked for alone: 1222 again is locked, and only a clean
    /// miss is gone. (Locks of pages or of the whole table let nothing be read past them, and an index that allows
    /// no locks of rows refuses to be read so: then every key is asked for alone.)
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
        // Where it is not undone by itself, nobody else is to find the other lock time-out.
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
            // Behind the keys are those that fill up the statement.
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
                true => Some(Lookup::Found(self.row(&found, 1)?)),
                false => None,
            };
        }
        Ok(answers)
    }

    fn key(&self, found: &Found, index: usize) -> QueryResult<ProductId> {
        let key = self.key.read(found, index)?;
        Ok(key.ok_or_else(|| self.unfit_key("it is NULL in a row".to_owned()))?)
    }

    /// The row in three columns from `first` on.
    fn row(&self, found: &Found, first: usize) -> QueryResult<Row> {
        Ok(Row {
            id: self.key(found, first)?,
            name: read_name(found, first + 1)?,
            price: self.price.read(found, first + 2, self.digits)?,
        })
    }

    /// A page of rows; a lock time-out where somebody holds one of them.
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
        // Half a character, which no text of ours can hold: a scan would go round in circles.
        if let (Some(after), Some(last)) = (after, rows.last())
            && last.id == *after
        {
            return Err(self
                .unfit_key(format!("`{}` is not Unicode in the database", shown(after)))
                .into());
        }
        Ok(rows)
    }

    /// The keys of a page, past all locks: they may be of rows that are not there in the end.
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

    /// How many rows the server says the table has; none for a view, and where it does not keep count.
    pub(crate) async fn kept_count(&self, session: &mut Session) -> QueryResult<Option<u64>> {
        if self.table.kind != Kind::Table {
            return Ok(None);
        }
        let text = include_str!("../sql/row_count.sql");
        let kept = session.rows(text, &[&self.table.object_id]).await?;
        match whole_number(&kept)? {
            // Not every engine keeps it up to date: it may begin with none.
            0 => {
                let any = self.statements.keys_start();
                let is_empty = session.rows(&any, &[&1_i64]).await?.is_empty();
                Ok(is_empty.then_some(0))
            }
            kept => Ok(Some(kept)),
        }
    }

    /// The rows of keys that the table gave.
    pub(crate) async fn lookups(
        &self,
        session: &mut Session,
        keys: &[ProductId],
    ) -> QueryResult<Vec<Lookup>> {
        let answers = self.answers(session, keys).await?;
        match answers.is_doubtful {
            true => Err(self
                .unfit_key("a key of it is not found again".to_owned())
                .into()),
            false => Ok(answers.lookups),
        }
    }

    /// A lock time-out where somebody holds a row behind `from`, up to `end`.
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
        // Where it is not undone by itself, nobody else is to find the other lock time-out.
        session.retire();
        found.map(drop)
    }

    /// No index says of a view that its keys are unique and not NULL, so its rows have to.
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
            let reason = "rows of the view share a key".to_owned();
            return Err(self.unfit_key(reason).into());
        }
        Ok(())
    }

    fn parameter(&self, key: &ProductId) -> QueryResult<KeyParameter> {
        let parameter = self.key.parameter(key);
        Ok(parameter
            .ok_or_else(|| self.unfit_key(format!("`{}` is no value of its type", shown(key))))?)
    }
}

/// The rows of `keys`, one answer for each.
///
/// Without keys it is asked whether they could be read at all.
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
    // The column may have been made longer since: only a clean miss is gone.
    let table = pool.look(session).await?;
    if table == products.table {
        return Ok(answers.lookups);
    }
    let products = Products::new(&pool.options, table)?;
    Ok(products.answers(session, keys).await?.lookups)
}

/// What the digits that the shop asked for change of the first prices.
pub(crate) async fn sample(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &Table,
) -> QueryResult<Sample> {
    let mut sample = Sample::default();
    if options.price_digits.is_none() {
        return Ok(sample);
    }
    let products = Products::new(options, Arc::new(table.clone()))?;
    let is_float = matches!(products.price, PriceType::Float | PriceType::Real);
    let text = products.statements.scan_start();
    for found in session.rows(&text, &[&i64::from(SAMPLE)]).await? {
        if let Ok(price) = products.price.read(&found, 2, Digits::default())? {
            sample.add(price, is_float, products.digits);
        }
    }
    Ok(sample)
}

/// About how many rows there are: as the server keeps count of them, which costs nothing and waits for nobody.
/// Only where it keeps no count are they counted.
pub(crate) async fn count(pool: &Pool, session: &mut Session) -> QueryResult<u64> {
    let products = Products::new(&pool.options, pool.table(session).await?)?;
    if let Some(kept) = products.kept_count(session).await? {
        return Ok(kept);
    }
    match session.rows(&products.statements.count(), &[]).await {
        // Somebody holds a row. Nobody has to wait for what is only shown.
        Err(fault) if fault.is_lock_timeout() => Ok(0),
        counted => whole_number(&counted?),
    }
}

/// The first number; zero for none.
fn whole_number(rows: &[Found]) -> QueryResult<u64> {
    let number = rows.first().map(|row| row.try_get::<i64, _>(0));
    Ok(number.transpose()?.flatten().unwrap_or(0).unsigned_abs())
}

/// How the table's key is compared and sent.
pub(crate) fn key_type(options: &SqlServerOptions, table: &Table) -> QueryResult<KeyType> {
    let key = KeyType::of(&table.id.data_type);
    Ok(key.map_err(|reason| unfit_key(options, reason))?)
}

/// What `TOP` takes.
pub(crate) fn top(limit: usize) -> i64 {
    i32::try_from(limit).unwrap_or(i32::MAX).into()
}

fn unfit_key(options: &SqlServerOptions, reason: String) -> CatalogError {
    CatalogError::UnfitKey {
        table: options.table.clone(),
        column: options.columns.id.clone(),
        reason,
    }
}

fn shown(key: &ProductId) -> String {
    shortened(&key.to_string())
}

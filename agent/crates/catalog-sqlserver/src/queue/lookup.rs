//! Rows by their keys.
//!
//! A row that another program has locked, and one that the database cannot compute (in a view, a division by zero or a
//! text that is no number), must hold up no other: what fails for many keys is asked for again for fewer of them, until
//! the row that fails is alone.

use shopmaster_catalog::Lookup;
use shopmaster_product::{Price, Problem, ProductId, Row};
use tiberius::{Row as Found, ToSql};

use super::{
    batches,
    products::Products,
    statements::{Content, Locked},
};
use crate::{
    error::{QueryError, QueryResult},
    pool::Pool,
    product_key::KeyValues,
    row,
    session::Session,
};

/// Why a product cannot be sent whose key several rows have.
const SEVERAL: &str = "several rows of the view have this key";

/// The answer for a key; none when the key is not a valid value of the columns.
type Answer = Option<Lookup>;

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
    let answers = products.by_ids(session, keys).await?;
    if answers.iter().all(Option::is_some) {
        return Ok(whole(answers));
    }
    // The column may have been widened since: only a clean miss means that the row is gone.
    let table = pool.look(session).await?;
    if table == products.table {
        return Ok(whole(answers));
    }
    let products = Products::new(&pool.options, table)?;
    Ok(whole(products.by_ids(session, keys).await?))
}

/// The price of a row as its column has it; none without digits that the shop asks for, without a row or a price.
pub(crate) async fn unrounded_price(
    pool: &Pool,
    session: &mut Session,
    key: &ProductId,
) -> QueryResult<Option<Price>> {
    if pool.options.mapping.price_digits.is_none() {
        return Ok(None);
    }
    let products = Products::new(&pool.options, pool.table(session).await?)?.unrounded();
    let answers = products.by_ids(session, std::slice::from_ref(key)).await?;
    Ok(answers
        .into_iter()
        .flatten()
        .find_map(|lookup| match lookup {
            Lookup::Found(row) => row.price.ok(),
            Lookup::Gone | Lookup::LeftOut(_) | Lookup::Locked => None,
        }))
}

/// A key that no value of the columns can equal has no row.
fn whole(answers: Vec<Answer>) -> Vec<Lookup> {
    let all = answers.into_iter();
    all.map(|answer| answer.unwrap_or(Lookup::Gone)).collect()
}

impl Products<'_> {
    /// The rows of ids. An id that is what is shown of a key that cannot be sent, such as `NULL`, is looked up as that
    /// key when no row has it as it is.
    async fn by_ids(&self, session: &mut Session, ids: &[ProductId]) -> QueryResult<Vec<Answer>> {
        let mut answers = vec![None; ids.len()];
        let asked: Vec<_> = ids
            .iter()
            .enumerate()
            .filter_map(|(place, id)| Some((place, self.key.plain(id)?)))
            .collect();
        let (places, keys): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        for (place, answer) in places.into_iter().zip(self.by_keys(session, &keys).await?) {
            answers[place] = answer;
        }
        for (answer, id) in answers.iter_mut().zip(ids) {
            if matches!(answer, None | Some(Lookup::Gone))
                && let Some(key) = self.key.odd(id)
            {
                *answer = self.alone(session, &key).await?;
            }
        }
        Ok(answers)
    }

    /// The rows of keys.
    async fn by_keys(&self, session: &mut Session, keys: &[KeyValues]) -> QueryResult<Vec<Answer>> {
        let mut answers = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(batches::most(self.key.width())) {
            answers.extend(self.chunk(session, chunk).await?);
        }
        Ok(answers)
    }

    /// Whether a row has this key, locked or not.
    pub(super) async fn has(&self, session: &mut Session, key: &KeyValues) -> QueryResult<bool> {
        let answers = self.by_keys(session, std::slice::from_ref(key)).await?;
        let is_there = |answer: &Answer| !matches!(answer, None | Some(Lookup::Gone));
        Ok(answers.iter().any(is_there))
    }

    /// Looks up keys that the table returned.
    pub(super) async fn lookups(
        &self,
        session: &mut Session,
        keys: &[KeyValues],
    ) -> QueryResult<Vec<Lookup>> {
        let mut answers = vec![None; keys.len()];
        let (mut places, mut usual) = (Vec::new(), Vec::new());
        for (place, key) in keys.iter().enumerate() {
            match key.has_null() {
                true => answers[place] = self.alone(session, key).await?,
                false => {
                    places.push(place);
                    usual.push(key.clone());
                }
            }
        }
        for (place, answer) in places.into_iter().zip(self.by_keys(session, &usual).await?) {
            answers[place] = answer;
        }
        let answers: Option<Vec<_>> = answers.into_iter().collect();
        let reason = || "a key that was read from it is not found again".to_owned();
        Ok(answers.ok_or_else(|| self.unfit_key(reason()))?)
    }

    /// The answers for the keys of one statement.
    ///
    /// A locked row reveals nothing about itself. When waiting for one ends with error 1222, the other rows are
    /// read past it, and each key that is missing then is looked up alone: if error 1222 comes again, the row
    /// is locked, and only a clean miss means that it is gone. (Rows cannot be read past a lock of a page or of
    /// the whole table, and an index that does not allow row locks refuses to be read in this way: then every
    /// key is looked up alone.)
    async fn chunk(&self, session: &mut Session, keys: &[KeyValues]) -> QueryResult<Vec<Answer>> {
        match self.halved(session, keys, Locked::Wait).await {
            Err(fault) if fault.is_lock_timeout() => {}
            answer => return answer,
        }
        let mut answers = match self.halved(session, keys, Locked::Skip).await {
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
            *answer = match self.halved(session, key, Locked::Fail).await {
                Err(fault) if fault.is_lock_timeout() => Some(Lookup::Locked),
                alone => alone?.pop().flatten(),
            };
        }
        Ok(answers)
    }

    /// The answers for keys, in halves as long as a row of them cannot be computed.
    async fn halved(
        &self,
        session: &mut Session,
        keys: &[KeyValues],
        locked: Locked,
    ) -> QueryResult<Vec<Answer>> {
        // What comes first in the keys is last here.
        let mut left = vec![keys];
        let mut answers = Vec::with_capacity(keys.len());
        while let Some(some) = left.pop() {
            match self.ask(session, some, locked, None).await {
                Err(fault) if fault.is_of_a_row() => match some {
                    [key] => answers.push(self.uncomputed(session, key, locked, &fault).await?),
                    _ => {
                        let (before, behind) = some.split_at(some.len() / 2);
                        left.extend([behind, before]);
                    }
                },
                answer => answers.extend(answer?),
            }
        }
        Ok(answers)
    }

    /// The answer for a key whose row cannot be computed, because of `fault`.
    async fn uncomputed(
        &self,
        session: &mut Session,
        key: &KeyValues,
        locked: Locked,
        fault: &QueryError,
    ) -> QueryResult<Answer> {
        self.check_without_rows(session).await?;
        let problem = not_computed(fault);
        let key = std::slice::from_ref(key);
        // If not even the key can be read, it is not the row that fails.
        let mut answers = self.ask(session, key, locked, Some(&problem)).await?;
        Ok(answers.pop().flatten())
    }

    /// Fails for what fails without any row: then no row is to blame.
    async fn check_without_rows(&self, session: &mut Session) -> QueryResult<()> {
        let text = self.statements.read_nothing();
        session.rows(&text, &[]).await.map(drop)
    }

    /// The answers for the keys of one statement, which have no NULL. `failed`: name and price cannot be computed, and
    /// this is why.
    async fn ask(
        &self,
        session: &mut Session,
        keys: &[KeyValues],
        locked: Locked,
        failed: Option<&Problem>,
    ) -> QueryResult<Vec<Answer>> {
        let size = batches::size(keys.len());
        let text = self.statements.read(size, locked, content(failed));
        let parameters: Vec<&dyn ToSql> = batches::padded(keys)
            .flat_map(KeyValues::parameters)
            .collect();
        let mut rows: Vec<Vec<Found>> = keys.iter().map(|_| Vec::new()).collect();
        for found in session.rows(&text, &parameters).await? {
            let n: Option<i32> = found.try_get(0)?;
            let place = n.and_then(|n| usize::try_from(n).ok()?.checked_sub(1));
            // After the keys come the repetitions that fill the statement.
            if let Some(rows) = place.and_then(|place| rows.get_mut(place)) {
                rows.push(found);
            }
        }
        let pairs = keys.iter().zip(&rows);
        pairs
            .map(|(key, rows)| self.answer(key, rows, failed))
            .collect()
    }

    /// The answer for a key that is looked up alone, because it cannot be sent: it may have NULL in it.
    async fn alone(&self, session: &mut Session, key: &KeyValues) -> QueryResult<Answer> {
        let parameters: Vec<&dyn ToSql> = key.parameters().collect();
        let text = self.statements.read_odd(key, Content::Product);
        match session.rows(&text, &parameters).await {
            Err(fault) if fault.is_lock_timeout() => Ok(Some(Lookup::Locked)),
            Err(fault) if fault.is_of_a_row() => {
                self.check_without_rows(session).await?;
                let problem = not_computed(&fault);
                let text = self.statements.read_odd(key, Content::Key);
                let rows = session.rows(&text, &parameters).await?;
                self.answer(key, &rows, Some(&problem))
            }
            rows => self.answer(key, &rows?, None),
        }
    }

    /// The answer for a key that these rows have.
    fn answer(
        &self,
        key: &KeyValues,
        rows: &[Found],
        failed: Option<&Problem>,
    ) -> QueryResult<Answer> {
        let Some(first) = rows.first() else {
            return Ok(Some(Lookup::Gone));
        };
        let behind = 1 + self.key.width() + 2;
        let (_, odd) = self.key.shown(key);
        if odd.is_none() && !self.key.survives(key, first, behind)? {
            return Ok(None);
        }
        let mut sold = Vec::with_capacity(rows.len());
        for row in rows {
            if !self.is_filtered || row::flag(row, behind + self.key.width())? {
                sold.push(row);
            }
        }
        let id = |row: &Found| self.id(row, 1);
        Ok(Some(match (sold.as_slice(), failed) {
            ([], _) => Lookup::LeftOut(id(first)?),
            ([row], None) => Lookup::Found(self.row(row, 1)?),
            ([row], Some(failed)) => {
                let problem = odd.unwrap_or_else(|| failed.clone());
                Lookup::Found(without_values(id(row)?, problem))
            }
            (rows, _) => {
                let ids = rows.iter().map(|row| id(row));
                let ids = ids.collect::<QueryResult<Vec<_>>>()?;
                Lookup::Found(repeated(ids, odd))
            }
        }))
    }
}

/// What stands for several rows of a view with one key: of several spellings always the same. `odd`: why the key cannot
/// be sent, if so.
pub(super) fn repeated(ids: Vec<ProductId>, odd: Option<Problem>) -> Row {
    let id = ids.into_iter().min();
    let id = id.unwrap_or_else(|| ProductId::Text(String::new()));
    without_values(id, odd.unwrap_or_else(|| Problem(SEVERAL.to_owned())))
}

/// A row of which nothing but the key is known.
fn without_values(id: ProductId, problem: Problem) -> Row {
    Row {
        id,
        name: Err(problem.clone()),
        price: Err(problem),
    }
}

fn not_computed(fault: &QueryError) -> Problem {
    Problem(format!(
        "the database cannot compute this row: {}",
        fault.words()
    ))
}

fn content(failed: Option<&Problem>) -> Content {
    match failed {
        None => Content::Product,
        Some(_) => Content::Key,
    }
}

//! A page of the product table, in the order of the keys.

use shopmaster_catalog::decimal::shortened;
use shopmaster_product::{ProductId, Row};
use tiberius::{Row as Found, ToSql};

use super::{
    lookup::repeated,
    products::Products,
    seeking::{End, Seeking},
};
use crate::{error::QueryResult, product_key::KeyValues, schema::Kind, session::Session};

/// How the keys of a page are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Past all locks: some of their rows may turn out not to exist.
    Dirty,
    /// As other sessions have committed them; a lock timeout when another session has locked one of the rows.
    Committed,
}

impl Products<'_> {
    /// The key that an id of a row stands for, where a page ended.
    pub(crate) async fn position(
        &self,
        session: &mut Session,
        id: &ProductId,
    ) -> QueryResult<KeyValues> {
        match (self.key.plain(id), self.key.odd(id)) {
            (Some(key), None) | (None, Some(key)) => Ok(key),
            (None, None) => {
                let id = shortened(&id.to_string());
                let reason = format!("`{id}` is not a valid value of its type");
                Err(self.unfit_key(reason).into())
            }
            // Only a row shows whether `NULL` is a text.
            (Some(plain), Some(odd)) => Ok(match self.has(session, &plain).await? {
                true => plain,
                false => odd,
            }),
        }
    }

    /// A page of rows, each key once; a lock timeout when another session has locked one of them.
    pub(crate) async fn page(
        &self,
        session: &mut Session,
        seeking: &Seeking,
        after: Option<&KeyValues>,
        limit: i64,
    ) -> QueryResult<Vec<Row>> {
        self.check_key()?;
        match self.table.kind {
            Kind::Table => self.page_of_table(session, seeking, after, limit).await,
            Kind::View => self.page_of_view(session, seeking, after, limit).await,
        }
    }

    async fn page_of_table(
        &self,
        session: &mut Session,
        seeking: &Seeking,
        after: Option<&KeyValues>,
        limit: i64,
    ) -> QueryResult<Vec<Row>> {
        let found = self.scanned(session, seeking, after, limit).await?;
        if let Some(last) = found.last() {
            self.check_progress(after, &self.key.read(last, 0)?)?;
        }
        found.iter().map(|found| self.row(found, 0)).collect()
    }

    /// As many rows as a page has may have the same key. One row more than a page has is read, which shows whether the
    /// last key has more rows; if all rows have one key, it is refused whatever else is behind them.
    async fn page_of_view(
        &self,
        session: &mut Session,
        seeking: &Seeking,
        after: Option<&KeyValues>,
        limit: i64,
    ) -> QueryResult<Vec<Row>> {
        let mut page: Vec<Row> = Vec::new();
        let mut after = after.cloned();
        loop {
            let done = i64::try_from(page.len()).unwrap_or(i64::MAX);
            let asked = limit.saturating_sub(done);
            let found = self
                .scanned(session, seeking, after.as_ref(), asked.saturating_add(1))
                .await?;
            let is_end = i64::try_from(found.len()).unwrap_or(i64::MAX) <= asked;
            let mut groups = self.groups(&found)?;
            if !is_end && groups.len() > 1 {
                groups.pop();
            }
            for group in groups {
                let Some(first) = group.first() else {
                    continue;
                };
                let key = self.key.read(first, 0)?;
                self.check_progress(after.as_ref(), &key)?;
                page.push(self.row_of(group, &key)?);
                after = Some(key);
            }
            if is_end || page.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
                return Ok(page);
            }
        }
    }

    /// The row that stands for all rows of a view with one key.
    fn row_of(&self, group: &[Found], key: &KeyValues) -> QueryResult<Row> {
        if let [row] = group {
            return self.row(row, 0);
        }
        let ids = group.iter().map(|row| self.id(row, 0));
        let ids = ids.collect::<QueryResult<Vec<_>>>()?;
        Ok(repeated(ids, self.key.shown(key).1))
    }

    /// Rows with the same rank, which comes behind key, name and price.
    fn groups<'a>(&self, found: &'a [Found]) -> QueryResult<Vec<&'a [Found]>> {
        let rank = |row: &Found| row.try_get::<i64, _>(self.key.width() + 2);
        let mut groups = Vec::new();
        let mut begin = 0;
        for (end, row) in found.iter().enumerate() {
            if rank(row)? != rank(&found[begin])? {
                groups.push(&found[begin..end]);
                begin = end;
            }
        }
        groups.push(&found[begin..]);
        Ok(groups)
    }

    async fn scanned(
        &self,
        session: &mut Session,
        seeking: &Seeking,
        after: Option<&KeyValues>,
        limit: i64,
    ) -> QueryResult<Vec<Found>> {
        let Some(after) = after else {
            let text = self.statements.scan_start();
            return session.rows(&text, &[&limit]).await;
        };
        let mut parameters: Vec<&dyn ToSql> = after.parameters().collect();
        parameters.push(&limit);
        let texts = [true, false].map(|seeks| self.statements.scan_behind(after, seeks));
        seeking.rows(session, texts, &parameters).await
    }

    /// Fails for half a character, which no Rust string can hold: a scan would run in circles.
    fn check_progress(&self, after: Option<&KeyValues>, last: &KeyValues) -> QueryResult<()> {
        if after != Some(last) {
            return Ok(());
        }
        let id = shortened(&self.key.shown(last).0.to_string());
        let reason = format!("`{id}` is not Unicode in the database");
        Err(self.unfit_key(reason).into())
    }

    /// The keys of a page.
    pub(crate) async fn keys(
        &self,
        session: &mut Session,
        seeking: &Seeking,
        reading: Reading,
        after: Option<&KeyValues>,
        limit: i64,
    ) -> QueryResult<Vec<KeyValues>> {
        let mut parameters: Vec<&dyn ToSql> = Vec::new();
        parameters.extend(after.into_iter().flat_map(KeyValues::parameters));
        parameters.push(&limit);
        let found = match (reading, after) {
            (Reading::Committed, after) => {
                let text = self.statements.scan_keys(after);
                session.rows(&text, &parameters).await?
            }
            (Reading::Dirty, None) => {
                let text = self.statements.keys_start();
                session.rows(&text, &parameters).await?
            }
            (Reading::Dirty, Some(after)) => {
                let texts = [true, false].map(|seeks| self.statements.keys_behind(after, seeks));
                seeking.rows(session, texts, &parameters).await?
            }
        };
        let keys = found.iter().map(|found| self.key.read(found, 0));
        keys.collect()
    }

    /// Fails with a lock timeout when another session has locked a row after `from`, up to `end`.
    pub(crate) async fn check_gap(
        &self,
        session: &mut Session,
        from: Option<&KeyValues>,
        end: End<'_>,
    ) -> QueryResult<()> {
        let Some(text) = self.statements.gap(from, end) else {
            return Ok(());
        };
        let end = match end {
            End::Before(key) | End::With(key) => Some(key),
            End::Table => None,
        };
        let keys = from.into_iter().chain(end);
        let parameters: Vec<&dyn ToSql> = keys.flat_map(KeyValues::parameters).collect();
        let found = session.rows(&text, &parameters).await;
        // If the lock timeout is not reset automatically, no other call must find the changed one.
        session.retire();
        found.map(drop)
    }
}

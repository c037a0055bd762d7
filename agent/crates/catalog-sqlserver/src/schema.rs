//! What the database says about the product table.

use shopmaster_catalog::CatalogError;
use tiberius::Row;

use super::{
    SqlServerOptions,
    column::{self, Column},
    error::{QueryError, QueryResult},
    key::KeyType,
    names::{TableName, parts},
    object::qualified,
    quote::identifier,
    row::{flag, number, text},
    session::Session,
};

/// The product table as the catalog views describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableSchema {
    pub(crate) object_id: i32,
    /// The schema's real name.
    pub(crate) schema: String,
    /// The table's real name.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The principal that owns the table, or else its schema.
    pub(crate) owner_id: Option<i32>,
    /// The owner's name; none when this login may not see it.
    pub(crate) owner: Option<String>,
    /// The key column; of several, the first.
    pub(crate) id: Column,
    /// The other columns of the key.
    pub(crate) more_ids: Vec<Column>,
    /// The column with the products' names.
    pub(crate) names: Column,
    /// The price column.
    pub(crate) price: Column,
    /// The columns of the mapping's conditions, in their order; none for a column that does not exist, or that this
    /// login may not see.
    pub(crate) only: Vec<Option<Column>>,
    /// The columns of an index that has the key column and others; empty when the key column is unique on its
    /// own, or is in no unique index.
    pub(crate) key_parts: Vec<String>,
}

/// The type code of a synonym.
const SYNONYM: &str = "SN";

/// The kind of object that has the product table's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Table,
    View,
}

/// The product table, for people.
pub(crate) fn label(table: &TableSchema) -> String {
    format!("{}.{}", table.schema, table.name)
}

impl TableSchema {
    /// Reads the table's description from the database.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NoVisibleTable`] or [`CatalogError::NoColumn`] for what is missing or cannot be seen,
    /// [`CatalogError::UnfitTable`] for what is neither a table nor a view, [`CatalogError::Secondary`] for a
    /// database that another server maintains.
    pub(crate) async fn facts(
        session: &mut Session,
        options: &SqlServerOptions,
    ) -> QueryResult<Self> {
        let configured = TableName::parse(&options.mapping.table)?;
        let schema = configured.schema.clone().unwrap_or_default();
        let found = session
            .rows(include_str!("sql/table.sql"), &[&schema, &configured.name])
            .await?;
        let Some(found) = found.first() else {
            return Err(missing(session, options, &configured).await);
        };
        if flag(found, 6)? {
            return Err(CatalogError::Secondary(options.database.clone()).into());
        }
        let object_id = number(found, 0)?;
        let kind = match text(found, 3)?.trim() {
            SYNONYM => return Err(synonym(session, object_id, options).await?),
            code => kind(code, options)?,
        };
        let wanted = &options.mapping.columns;
        let columns = session
            .rows(
                &column::mapped_text(),
                &[&object_id, &wanted.id.first(), &wanted.name, &wanted.price],
            )
            .await?;
        let column = |mark, name: &str| column(&columns, mark, name, options);
        let conditions = options.mapping.only.iter();
        let conditions: Vec<_> = conditions.map(|it| it.column.as_str()).collect();
        let id = column(0, wanted.id.first())?;
        let key_parts = match id.is_unique || kind == Kind::View {
            true => Vec::new(),
            false => key_parts(session, object_id, &id).await?,
        };
        Ok(Self {
            object_id,
            schema: text(found, 1)?,
            name: text(found, 2)?,
            kind,
            owner_id: found.try_get(4)?,
            owner: found.try_get::<&str, _>(5)?.map(str::to_owned),
            names: column(1, &wanted.name)?,
            price: column(2, &wanted.price)?,
            more_ids: Vec::new(),
            only: column::named(session, object_id, &conditions).await?,
            id,
            key_parts,
        })
    }

    /// The table's name, quoted for T-SQL.
    pub(crate) fn quoted(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }

    /// Every column that is read: those of the product, and those that decide what is sold.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Column> {
        let product = self.ids().chain([&self.names, &self.price]);
        product.chain(self.only.iter().flatten())
    }

    /// The columns of the key.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &Column> {
        std::iter::once(&self.id).chain(&self.more_ids)
    }

    /// Why the key column cannot be the key, for people. For a view, only the type can be checked.
    pub(crate) fn unfit(&self) -> Option<String> {
        if let Err(reason) = KeyType::of(&self.id.data_type) {
            return Some(reason);
        }
        match self.kind {
            Kind::Table => self.ambiguous(),
            Kind::View => None,
        }
    }

    /// Why a value of the key column may not identify exactly one row, for people.
    pub(crate) fn ambiguous(&self) -> Option<String> {
        if !self.id.is_unique {
            return Some(match self.key_parts.as_slice() {
                [] => "it has no primary key or unique index of its own".to_owned(),
                parts => format!(
                    "it is one of several columns ({}) of a key, and has no unique index of its own",
                    parts.join(", ")
                ),
            });
        }
        self.id.is_nullable.then(|| "it may be NULL".to_owned())
    }
}

/// The error for a table that the catalog views do not show. It may still exist: they show a login only what it
/// may use.
async fn missing(
    session: &mut Session,
    options: &SqlServerOptions,
    configured: &TableName,
) -> QueryError {
    let look = format!(
        "/* shopmaster look */\nSELECT TOP (0) 1 FROM {}",
        configured.quoted()
    );
    match session.batch(&look).await {
        Err(fault) if fault.is_denied() || !fault.is_server() => fault,
        _ => CatalogError::NoVisibleTable(options.mapping.table.clone()).into(),
    }
}

fn kind(code: &str, options: &SqlServerOptions) -> QueryResult<Kind> {
    let reason = match code {
        "U" => return Ok(Kind::Table),
        "V" => return Ok(Kind::View),
        "S" | "IT" => "it is one of the server's own tables",
        _ => "it is neither a table nor a view",
    };
    let unfit = CatalogError::UnfitTable {
        table: options.mapping.table.clone(),
        reason: reason.to_owned(),
    };
    Err(unfit.into())
}

/// The error for a synonym, which has no rows and no triggers of its own. It says what to set instead.
async fn synonym(
    session: &mut Session,
    object_id: i32,
    options: &SqlServerOptions,
) -> QueryResult<QueryError> {
    let rows = session
        .rows(include_str!("sql/synonym.sql"), &[&object_id])
        .await?;
    let base = rows.first().map_or(Ok(String::new()), |row| text(row, 0))?;
    let parts = parts(&base).unwrap_or_default();
    let reason = match parts.as_slice() {
        [] => "it is a synonym; set the table that it stands for".to_owned(),
        [.., database, schema, name]
            if parts.len() == 3 && database.eq_ignore_ascii_case(&options.database) =>
        {
            stands_for(&qualified(schema, name))
        }
        [_] | [_, _] => stands_for(&base),
        _ => format!(
            "it is a synonym of `{base}`, which is in another database; set that database and table, or create a view of it in this database"
        ),
    };
    let unfit = CatalogError::UnfitTable {
        table: options.mapping.table.clone(),
        reason,
    };
    Ok(unfit.into())
}

fn stands_for(name: &str) -> String {
    format!("it is a synonym; set the table that it stands for, `{name}`")
}

/// The columns of a unique index in which the column is one of several.
async fn key_parts(
    session: &mut Session,
    object_id: i32,
    column: &Column,
) -> QueryResult<Vec<String>> {
    let rows = session
        .rows(
            include_str!("sql/key_parts.sql"),
            &[&object_id, &column.column_id],
        )
        .await?;
    rows.iter().map(|row| text(row, 0)).collect()
}

/// The mapped column with this name, as the database compares names.
fn column(
    rows: &[Row],
    mark: usize,
    name: &str,
    options: &SqlServerOptions,
) -> QueryResult<Column> {
    for row in rows {
        if flag(row, mark)? {
            return Column::read(row, 3);
        }
    }
    let missing = CatalogError::NoColumn {
        table: options.mapping.table.clone(),
        column: name.to_owned(),
    };
    Err(missing.into())
}

//! What the database says about the product table.

use shopmaster_catalog::{CatalogError, template::fill};
use tiberius::Row;

use super::{
    SqlServerOptions,
    column::{self, Column},
    error::{QueryError, QueryResult},
    key::KeyType,
    names::TableName,
    object::qualified,
    quote::identifier,
    row::{flag, number, text},
    session::Session,
    watches::FoundWatch,
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
    /// Whether a unique index over all rows makes several columns unique together.
    pub(crate) is_unique_together: bool,
    /// The column with the products' names.
    pub(crate) names: Column,
    /// The price column.
    pub(crate) price: Column,
    /// The columns of the mapping's conditions, in their order; none for a column that does not exist, or that this
    /// login may not see.
    pub(crate) only: Vec<Option<Column>>,
    /// What there is of the mapping's watches, in their order; empty when the product table is not a view.
    pub(crate) watches: Vec<FoundWatch>,
    /// The columns of an index that has the key column and others; empty when the key column is unique on its
    /// own, or is in no unique index.
    pub(crate) key_parts: Vec<String>,
}

/// The type code of a synonym.
pub(crate) const SYNONYM: &str = "SN";

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
        let more_ids = more_ids(session, object_id, options).await?;
        let is_alone = more_ids.is_empty();
        let key_parts = match id.is_unique || kind == Kind::View || !is_alone {
            true => Vec::new(),
            false => key_parts(session, object_id, &id).await?,
        };
        let is_unique_together = match kind == Kind::Table && !is_alone {
            true => are_unique(session, object_id, &id, &more_ids).await?,
            false => false,
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
            more_ids,
            is_unique_together,
            only: column::named(session, object_id, &conditions).await?,
            watches: match kind {
                Kind::Table => Vec::new(),
                Kind::View => FoundWatch::read(session, options, object_id).await?,
            },
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

    /// The names of the key's columns, for people.
    pub(crate) fn key_label(&self) -> String {
        let names: Vec<_> = self.ids().map(|column| column.name.as_str()).collect();
        names.join(", ")
    }

    /// The columns of the key.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &Column> {
        std::iter::once(&self.id).chain(&self.more_ids)
    }

    /// Why the columns cannot be the key, for people. For a view, only the types can be checked.
    pub(crate) fn unfit(&self) -> Option<String> {
        for column in self.ids() {
            if let Err(reason) = KeyType::of(&column.data_type) {
                return Some(self.of_one(column, &reason));
            }
        }
        match self.kind {
            Kind::Table => self.ambiguous(),
            Kind::View => None,
        }
    }

    /// Why a value of the key may not identify exactly one row, for people.
    pub(crate) fn ambiguous(&self) -> Option<String> {
        let is_unique = match self.more_ids.is_empty() {
            true => self.id.is_unique,
            false => self.is_unique_together,
        };
        if !is_unique {
            return Some(match self.key_parts.as_slice() {
                [] if !self.more_ids.is_empty() => {
                    "they have no primary key or unique index of their own".to_owned()
                }
                [] => "it has no primary key or unique index of its own".to_owned(),
                parts => format!(
                    "it is one of several columns ({}) of a key, and has no unique index of its own; `--column-id '{}'` sets all of them",
                    parts.join(", "),
                    parts.join(",")
                ),
            });
        }
        let nullable = self.ids().find(|column| column.is_nullable)?;
        Some(self.of_one(nullable, "it may be NULL"))
    }

    /// What is said of one column of the key: of several, with its name.
    pub(crate) fn of_one(&self, column: &Column, reason: &str) -> String {
        match self.more_ids.is_empty() {
            true => reason.to_owned(),
            false => format!("`{}`: {reason}", column.name),
        }
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
    let parts = shopmaster_view::names::parts(&base).unwrap_or_default();
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

/// The other columns of a key that has several.
async fn more_ids(
    session: &mut Session,
    object_id: i32,
    options: &SqlServerOptions,
) -> QueryResult<Vec<Column>> {
    let names: Vec<_> = options.mapping.columns.id.names().skip(1).collect();
    let found = column::named(session, object_id, &names).await?;
    let each = names.iter().zip(found).map(|(name, column)| {
        column.ok_or_else(|| {
            let missing = CatalogError::NoColumn {
                table: options.mapping.table.clone(),
                column: (*name).to_owned(),
            };
            missing.into()
        })
    });
    each.collect()
}

/// Whether these columns are unique together.
async fn are_unique(
    session: &mut Session,
    object_id: i32,
    id: &Column,
    more: &[Column],
) -> QueryResult<bool> {
    let ids = std::iter::once(id)
        .chain(more)
        .map(|column| column.column_id);
    let rows = session
        .rows(&key_is_unique_text(&ids.collect::<Vec<_>>()), &[&object_id])
        .await?;
    rows.first().map_or(Ok(false), |row| flag(row, 0))
}

/// Whether these columns, given by their numbers, are unique together; parameter: the object's id.
pub(crate) fn key_is_unique_text(columns: &[i32]) -> String {
    let columns: Vec<_> = columns.iter().map(ToString::to_string).collect();
    fill(
        include_str!("sql/key_is_unique.sql").trim_end(),
        &[("columns", &columns.join(", "))],
    )
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

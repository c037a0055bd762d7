//! The tables that a view reads and that are watched: a change of one of their rows concerns the rows of the view that
//! have its key's value in a column.

use shopmaster_catalog::{CatalogError, Mapping, Watch};

use super::{
    SqlServerOptions,
    captured::Captured,
    column::{self, Column},
    error::QueryResult,
    key::KeyType,
    names::TableName,
    row::{number, text},
    schema::{Kind, SYNONYM, TableSchema},
    session::Session,
};

/// How many characters a watched key may have: as many as the ChangeLog keeps.
pub(crate) const LONGEST_KEY: usize = 450;

/// What the database says about a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundWatch {
    /// The object with the table's name, or why there can be none, for people.
    object: Result<Object, String>,
    /// The table's key column.
    key: Option<Column>,
    /// The view's column.
    column: Option<Column>,
}

/// An object that is named as a watched table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Object {
    object_id: i32,
    schema: String,
    name: String,
    /// Its type's code.
    code: String,
    /// What it stands for, if it is a synonym.
    base: String,
    owner_id: Option<i32>,
    owner: Option<String>,
}

/// The watched tables, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Watches(Vec<WatchedTable>);

/// A watched table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WatchedTable {
    /// The table's name as it is configured first.
    pub(crate) configured: String,
    pub(crate) table: Captured,
    /// The type of its key.
    pub(crate) key: KeyType,
    /// Whether no two of its rows have the same key.
    pub(crate) is_unique: bool,
    /// The view's columns that have the key's value.
    pub(crate) columns: Vec<ViewColumn>,
}

/// A column of the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ViewColumn {
    pub(crate) name: String,
    pub(crate) key: KeyType,
    /// Whether it is the view's own key, and that is one column.
    pub(crate) is_own: bool,
}

impl FoundWatch {
    /// Reads what the database says about the configured watches, in their order.
    pub(crate) async fn read(
        session: &mut Session,
        options: &SqlServerOptions,
        view_id: i32,
    ) -> QueryResult<Vec<Self>> {
        let watches = &options.mapping.watches;
        let columns: Vec<_> = watches.iter().map(|watch| watch.column.as_str()).collect();
        let columns = column::named(session, view_id, &columns).await?;
        let mut found = Vec::with_capacity(watches.len());
        for (watch, column) in watches.iter().zip(columns) {
            let object = match name(watch, options) {
                Ok(name) => Object::read(session, &name).await?,
                Err(reason) => Err(reason),
            };
            let key = match &object {
                Ok(object) => {
                    let keys = [watch.key.as_str()];
                    let found = column::named(session, object.object_id, &keys).await?;
                    found.into_iter().next().flatten()
                }
                Err(_) => None,
            };
            found.push(Self {
                object,
                key,
                column,
            });
        }
        Ok(found)
    }
}

impl FoundWatch {
    /// A table with this key, which the view has in a column of the same name and type.
    pub(crate) fn of(object_id: i32, schema: &str, name: &str, key: &Column) -> Self {
        Self {
            object: Ok(Object {
                object_id,
                schema: schema.to_owned(),
                name: name.to_owned(),
                code: "U".to_owned(),
                base: String::new(),
                owner_id: Some(1),
                owner: Some("dbo".to_owned()),
            }),
            key: Some(key.clone()),
            column: Some(key.clone()),
        }
    }
}

impl Object {
    async fn read(session: &mut Session, name: &TableName) -> QueryResult<Result<Self, String>> {
        let schema = name.schema.clone().unwrap_or_default();
        let rows = session
            .rows(include_str!("sql/table.sql"), &[&schema, &name.name])
            .await?;
        let Some(row) = rows.first() else {
            let reason = "the database has no such table that this login can see; `GRANT VIEW DEFINITION` on it shows it";
            return Ok(Err(reason.to_owned()));
        };
        let object_id = number(row, 0)?;
        let code = text(row, 3)?.trim().to_owned();
        let base = match code == SYNONYM {
            true => {
                let sql = include_str!("sql/synonym.sql");
                let rows = session.rows(sql, &[&object_id]).await?;
                rows.first().map_or(Ok(String::new()), |row| text(row, 0))?
            }
            false => String::new(),
        };
        Ok(Ok(Self {
            object_id,
            schema: text(row, 1)?,
            name: text(row, 2)?,
            code,
            base,
            owner_id: row.try_get(4)?,
            owner: row.try_get::<&str, _>(5)?.map(str::to_owned),
        }))
    }

    /// Why it is no table that can have a trigger, for people.
    fn unfit(&self) -> Option<String> {
        let reason = match self.code.as_str() {
            "U" => return None,
            "V" => "it is a view; watch the tables that it reads".to_owned(),
            SYNONYM => format!(
                "it is a synonym; watch the table that it stands for, `{}`",
                self.base
            ),
            _ => "it is not a table".to_owned(),
        };
        Some(reason)
    }

    fn captured(&self, key: &Column) -> Captured {
        Captured {
            object_id: self.object_id,
            schema: self.schema.clone(),
            name: self.name.clone(),
            owner_id: self.owner_id,
            owner: self.owner.clone(),
            key: vec![key.clone()],
            is_watched: true,
        }
    }
}

impl Watches {
    /// # Errors
    ///
    /// [`CatalogError::UnfitWatch`] when a table cannot be watched as configured.
    pub(crate) fn of(mapping: &Mapping, table: &TableSchema) -> Result<Self, CatalogError> {
        let mut watches = Self::default();
        for (place, watch) in mapping.watches.iter().enumerate() {
            watches
                .add(watch, table.watches.get(place), table)
                .map_err(|reason| CatalogError::UnfitWatch {
                    watched: watch.table.clone(),
                    reason,
                })?;
        }
        Ok(watches)
    }

    fn add(
        &mut self,
        watch: &Watch,
        found: Option<&FoundWatch>,
        view: &TableSchema,
    ) -> Result<(), String> {
        if view.kind != Kind::View {
            return Err(
                "the product table is not a view, and a trigger on it captures every change of it"
                    .to_owned(),
            );
        }
        let found = found.ok_or_else(|| "it was not looked up".to_owned())?;
        let object = found.object.as_ref().map_err(Clone::clone)?;
        if let Some(reason) = object.unfit() {
            return Err(reason);
        }
        let key_column = found.key.as_ref().ok_or_else(|| {
            format!(
                "it has no column `{}`, or this login may not see it",
                watch.key
            )
        })?;
        let unfit = |reason| {
            format!(
                "its column `{}` cannot be its key: {reason}",
                key_column.name
            )
        };
        let key = KeyType::of(&key_column.data_type).map_err(unfit)?;
        if key.length() > LONGEST_KEY {
            return Err(unfit(format!(
                "it may be longer than {LONGEST_KEY} characters"
            )));
        }
        let column = found.column.as_ref().ok_or_else(|| {
            format!(
                "the view has no column `{}` to find its rows by",
                watch.column
            )
        })?;
        let column = ViewColumn {
            key: KeyType::of(&column.data_type).map_err(|reason| {
                format!(
                    "rows of the view cannot be found by `{}`: {reason}",
                    column.name
                )
            })?,
            name: column.name.clone(),
            is_own: view.more_ids.is_empty() && column.column_id == view.id.column_id,
        };
        if !column.key.may_equal(&key) {
            return Err(format!(
                "its key `{}` is {}, and the view's column `{}` is {}: no value of the one is a value of the other",
                key_column.name,
                key.declared(),
                column.name,
                column.key.declared()
            ));
        }
        self.check_owner(object)?;
        let before = self
            .0
            .iter_mut()
            .find(|it| it.table.object_id == object.object_id);
        let Some(before) = before else {
            self.0.push(WatchedTable {
                configured: watch.table.clone(),
                table: object.captured(key_column),
                key,
                is_unique: key_column.is_unique,
                columns: vec![column],
            });
            return Ok(());
        };
        let other = before
            .table
            .key
            .iter()
            .find(|it| it.column_id != key_column.column_id);
        if let Some(other) = other {
            return Err(format!(
                "it is watched by two keys, `{}` and `{}`: its trigger writes down one",
                other.name, key_column.name
            ));
        }
        if !before.columns.contains(&column) {
            before.columns.push(column);
        }
        Ok(())
    }

    /// The ChangeLog has one owner, through which every till may write it.
    fn check_owner(&self, object: &Object) -> Result<(), String> {
        let other = self
            .0
            .iter()
            .find(|it| it.table.owner_id != object.owner_id);
        match other {
            None => Ok(()),
            Some(other) => Err(format!(
                "it belongs to `{}`, and `{}` to `{}`: shopMaster's ChangeLog can have one owner, and a till's login that has no right on it may write only through that owner's tables",
                object.owner.as_deref().unwrap_or("another owner"),
                other.table.label(),
                other.table.owner.as_deref().unwrap_or("another owner"),
            )),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &WatchedTable> {
        self.0.iter()
    }

    /// The watched table with this object id.
    pub(crate) fn get(&self, object_id: i32) -> Option<&WatchedTable> {
        self.0
            .iter()
            .find(|watched| watched.table.object_id == object_id)
    }
}

impl WatchedTable {
    /// Whether its key is the view's own, whatever row of the view is asked for.
    pub(crate) fn is_own(&self) -> bool {
        self.columns.iter().all(|column| column.is_own)
    }
}

/// The table's name, or why it is none, for people.
fn name(watch: &Watch, options: &SqlServerOptions) -> Result<TableName, String> {
    let all = shopmaster_view::names::parts(&watch.table).unwrap_or_default();
    if let [database, schema, name] = all.as_slice()
        && database.eq_ignore_ascii_case(&options.database)
    {
        return Ok(TableName {
            schema: Some(schema.clone()).filter(|schema| !schema.is_empty()),
            name: name.clone(),
        });
    }
    if all.len() > 2 {
        return Err("it is in another database, whose triggers cannot write into this one: scan the view at each interval instead".to_owned());
    }
    TableName::parse(&watch.table).map_err(|error| match error {
        CatalogError::UnfitTable { reason, .. } => reason,
        error => error.to_string(),
    })
}

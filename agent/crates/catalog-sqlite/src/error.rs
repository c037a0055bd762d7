//! Converts SQLite's errors into the catalog's.

use rusqlite::{ErrorCode, ffi};
use shopmaster_catalog::CatalogError;

use super::SqliteOptions;

/// Why work on a connection failed.
#[derive(Debug)]
pub(super) enum QueryError {
    /// A named error of the catalog.
    Known(CatalogError),
    /// An error that SQLite reported.
    Sql(rusqlite::Error),
}

/// The result of work on a connection.
pub(super) type QueryResult<T> = Result<T, QueryError>;

impl QueryError {
    /// The catalog's error for this fault.
    pub(super) fn into_error(
        self,
        operation: &'static str,
        options: &SqliteOptions,
    ) -> CatalogError {
        match self {
            Self::Known(error) => error,
            Self::Sql(error) => named(error, operation, options),
        }
    }

    /// What the database said, for people.
    pub(super) fn said(&self) -> String {
        match self {
            Self::Known(error) => error.to_string(),
            Self::Sql(error) => error.to_string(),
        }
    }
}

impl From<CatalogError> for QueryError {
    fn from(error: CatalogError) -> Self {
        Self::Known(error)
    }
}

impl From<rusqlite::Error> for QueryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Whether the file, or a file that SQLite must create beside it, could not be opened.
pub(super) fn is_unopenable(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    error.sqlite_error_code() == Some(ErrorCode::CannotOpen)
        || code == Some(ffi::SQLITE_READONLY_DIRECTORY)
        || code == Some(ffi::SQLITE_READONLY_CANTINIT)
}

/// Whether a statement may have failed because a row cannot be computed.
pub(super) fn is_of_a_row(fault: &QueryError) -> bool {
    let QueryError::Sql(rusqlite::Error::SqliteFailure(error, said)) = fault else {
        return false;
    };
    let is_of_the_schema = said
        .as_ref()
        .is_some_and(|said| said.starts_with("no such "));
    matches!(error.code, ErrorCode::Unknown | ErrorCode::TooBig) && !is_of_the_schema
}

/// Whether the till, or another program, has locked the file.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

/// Whether the connection cannot be used any more after this error.
pub(super) fn spoils(error: &CatalogError) -> bool {
    matches!(
        error,
        CatalogError::Unreachable { .. }
            | CatalogError::NoFile(_)
            | CatalogError::NoRights { .. }
            | CatalogError::Damaged { .. }
            | CatalogError::Statement { .. }
    )
}

fn named(error: rusqlite::Error, operation: &'static str, options: &SqliteOptions) -> CatalogError {
    if is_busy(&error) {
        return CatalogError::Busy(operation);
    }
    if let Some(missing) = missing(&error, options) {
        return missing;
    }
    let database = || options.path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => CatalogError::Unreachable {
            database: database(),
            source: Box::new(error),
        },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => CatalogError::Damaged {
            database: database(),
            source: Box::new(error),
        },
        Some(ErrorCode::ReadOnly) => CatalogError::NoRights {
            database: database(),
            source: Box::new(error),
        },
        _ => CatalogError::Statement {
            operation,
            source: Box::new(error),
        },
    }
}

/// Recognizes a missing table or column by SQLite's text, because SQLite has no code for it.
fn missing(error: &rusqlite::Error, options: &SqliteOptions) -> Option<CatalogError> {
    let (rusqlite::Error::SqlInputError { msg: text, .. }
    | rusqlite::Error::SqliteFailure(_, Some(text))) = error
    else {
        return None;
    };
    if let Some(table) = text.strip_prefix("no such table: ") {
        if table == options.mapping.table {
            return Some(CatalogError::NoTable(options.mapping.table.clone()));
        }
        if table.starts_with("shopmaster_") {
            return Some(CatalogError::NotInstalled);
        }
        let read = table.strip_prefix("main.").unwrap_or(table);
        return Some(CatalogError::UnfitTable {
            table: options.mapping.table.clone(),
            reason: format!("it reads `{read}`, which is not in the database"),
        });
    }
    let column = text.strip_prefix("no such column: ")?;
    // Statements over the ChangeLog name it `c`, statements over the products name them `p`.
    if column.starts_with("c.") {
        return Some(CatalogError::NotInstalled);
    }
    let columns = &options.mapping.columns;
    let mapped = columns.id.names();
    mapped
        .chain([columns.name.as_str(), &columns.price])
        .find(|mapped| column.strip_prefix("p.") == Some(*mapped))
        .map(|mapped| CatalogError::NoColumn {
            table: options.mapping.table.clone(),
            column: mapped.to_owned(),
        })
}

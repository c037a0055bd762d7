//! From what the driver says to what the catalog says.

use crate::catalog::CatalogError;

/// Why a piece of work on a session failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// Known by name already.
    Known(CatalogError),
    /// The server or the driver said so.
    Sql(tiberius::error::Error),
    /// The deadline passed.
    TimedOut,
}

/// What a piece of work on a session gives.
pub(super) type Work<T> = Result<T, Fault>;

impl From<CatalogError> for Fault {
    fn from(error: CatalogError) -> Self {
        Self::Known(error)
    }
}

impl From<tiberius::error::Error> for Fault {
    fn from(error: tiberius::error::Error) -> Self {
        Self::Sql(error)
    }
}

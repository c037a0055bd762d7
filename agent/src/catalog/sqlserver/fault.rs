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

impl Fault {
    /// Whether it is the server's own word, after which the connection goes on.
    pub(super) fn is_server(&self) -> bool {
        matches!(self, Self::Sql(tiberius::error::Error::Server(_)))
    }

    /// The server's error number.
    pub(super) fn number(&self) -> Option<u32> {
        match self {
            Self::Sql(error) => error.code(),
            Self::Known(_) | Self::TimedOut => None,
        }
    }

    /// Whether the server says that this login may not.
    pub(super) fn is_denied(&self) -> bool {
        // A statement, a column, an object, a database, a server, a principal that cannot be found.
        matches!(
            self.number(),
            Some(229 | 230 | 262 | 297 | 300 | 916 | 15151 | 15247)
        )
    }
}

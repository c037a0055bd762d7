//! Converts the errors of the server and the driver into the catalog's.
//!
//! Sources: <https://learn.microsoft.com/en-us/sql/relational-databases/errors-events/database-engine-events-and-errors>.

use shopmaster_catalog::CatalogError;
use tds_connect::ConnectError;
use tiberius::error::Error;

/// Why work on a session failed.
#[derive(Debug)]
pub(crate) enum QueryError {
    /// A named error of the catalog.
    Known(CatalogError),
    /// An error that the server or the driver reported.
    Sql(Error),
    /// The work took too long.
    TimedOut,
}

/// "Cannot continue the execution because the session is in the kill state".
const KILLED: u32 = 596;

/// What the server says of an expression that has no value for a row: a conversion, an overflow, a division by zero, a
/// subquery of several rows, a text that is cut.
///
/// Sources: `sys.messages` of SQL Server 2022;
/// <https://learn.microsoft.com/en-us/sql/relational-databases/errors-events/database-engine-events-and-errors>.
pub(crate) const OF_A_ROW: [u32; 42] = [
    220,
    232,
    234,
    235,
    236,
    237,
    238,
    241,
    242,
    244,
    245,
    246,
    248,
    293,
    294,
    295,
    296,
    298,
    305,
    512,
    517,
    518,
    535,
    536,
    537,
    542,
    2628,
    3606,
    3607,
    3623,
    6522,
    8114,
    8115,
    8134,
    8152,
    8169,
    8170,
    9402,
    9420,
    9803,
    13_609,
    OF_ANOTHER_ENGINE,
];
/// The number that an engine of another vendor gives to every error without a number of SQL Server's.
pub(crate) const OF_ANOTHER_ENGINE: u32 = 33_557_097;

/// The result of work on a session.
pub(crate) type QueryResult<T> = Result<T, QueryError>;

/// What work on a session is about: the object to name when one is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The product table.
    Products,
    /// The ChangeLog and its view.
    ChangeLog,
    /// The owner's table.
    Owner,
    /// None of these.
    Nothing,
}

impl QueryError {
    /// Whether the server itself reported the error, so that the connection can still be used.
    pub(crate) fn is_server(&self) -> bool {
        self.number().is_some()
    }

    /// Why connecting failed, if that is the fault.
    pub(crate) fn connect_error(&self) -> Option<&ConnectError> {
        match self {
            Self::Known(CatalogError::Connect { cause, .. }) => cause.error.downcast_ref(),
            _ => None,
        }
    }

    /// The server's error number.
    pub(crate) fn number(&self) -> Option<u32> {
        match self {
            Self::Sql(error) => error.code(),
            Self::Known(_) | Self::TimedOut => None,
        }
    }

    /// Whether the server says that this login has no right: on an object, a column, in a database, on the
    /// server, or because the server cannot find a named object.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(
            self.number(),
            Some(
                229 | 230
                    | 262
                    | 297
                    | 300
                    | 916
                    | 1088
                    | 2760
                    | 3701
                    | 4902
                    | 8197
                    | 15151
                    | 15247
                    | 15517
            )
        )
    }

    /// Whether another session held a lock for longer than the lock timeout.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        self.number() == Some(1222)
    }

    /// Whether the session was ended while its statement ran: by an error, or because the connection was
    /// closed.
    pub(crate) fn is_end_of_session(&self) -> bool {
        match self {
            Self::Sql(Error::Server(token)) => token.code() == KILLED,
            Self::Sql(Error::Io { .. }) => true,
            Self::Sql(_) | Self::Known(_) | Self::TimedOut => false,
        }
    }

    /// Whether the server itself says that the session was killed.
    pub(crate) fn is_killed(&self) -> bool {
        self.number() == Some(KILLED)
    }

    /// Whether a row may be to blame, of which something cannot be computed.
    pub(crate) fn is_of_a_row(&self) -> bool {
        self.number()
            .is_some_and(|number| OF_A_ROW.contains(&number))
    }

    /// What the server said, word for word.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Sql(Error::Server(token)) => token.message().to_owned(),
            Self::Sql(error) => error.to_string(),
            Self::Known(error) => error.to_string(),
            Self::TimedOut => "it took too long".to_owned(),
        }
    }

    /// Whether an index does not allow row locks, which the statement asked for.
    pub(crate) fn is_without_row_locks(&self) -> bool {
        self.number() == Some(651)
    }

    /// Whether another session got in the way: a deadlock, a lock, or a snapshot that is no longer the newest.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self.number(), Some(1204 | 1205 | 1222 | 3960))
    }
}

/// The catalog's error, determined by the number alone.
pub(crate) fn named(fault: QueryError, operation: &'static str) -> CatalogError {
    let is_denied = fault.is_denied();
    let error = match fault {
        QueryError::Known(error) => return error,
        QueryError::TimedOut => return CatalogError::TimedOut(operation),
        QueryError::Sql(error) => error,
    };
    match (&error, error.code()) {
        (_, Some(1205)) => CatalogError::Deadlock(operation),
        (_, Some(1204 | 1222 | 3960)) => CatalogError::Busy(operation),
        _ if is_denied => CatalogError::Denied {
            operation,
            source: Box::new(error),
        },
        _ if lost(&error) => CatalogError::ConnectionLost {
            operation,
            source: Box::new(error),
        },
        _ => CatalogError::Statement {
            operation,
            source: Box::new(error),
        },
    }
}

/// Whether the connection was lost: the server or the network ended it, or the protocol was violated.
fn lost(error: &Error) -> bool {
    match error {
        Error::Server(token) => token.class() >= 20,
        Error::Conversion(_) | Error::Utf8 | Error::Utf16 | Error::ParseInt(_) => false,
        _ => true,
    }
}

impl From<CatalogError> for QueryError {
    fn from(error: CatalogError) -> Self {
        Self::Known(error)
    }
}

impl From<Error> for QueryError {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_is_no_word_of_the_server_is_a_lost_connection() {
        let cut = Error::from(io::Error::from(io::ErrorKind::UnexpectedEof));
        for error in [cut, Error::Protocol("garbage".into())] {
            let error = named(QueryError::Sql(error), "read products");
            assert!(
                matches!(
                    error,
                    CatalogError::ConnectionLost {
                        operation: "read products",
                        ..
                    }
                ),
                "{error}"
            );
        }
    }

    #[test]
    fn a_value_that_cannot_be_understood_is_no_lost_connection() {
        let error = named(
            QueryError::Sql(Error::Conversion("odd".into())),
            "read products",
        );
        assert!(matches!(error, CatalogError::Statement { .. }), "{error}");
        let error = named(QueryError::TimedOut, "read products");
        assert!(
            matches!(error, CatalogError::TimedOut("read products")),
            "{error}"
        );
    }
}

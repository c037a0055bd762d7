//! The SQL Server catalog, tried as a whole.

//! The SQLite catalog, tried as a whole.

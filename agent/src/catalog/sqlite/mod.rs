//! The SQLite catalog.

//! The secrets.

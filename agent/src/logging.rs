//! The logging.

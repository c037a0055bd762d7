//! The control.
pub mod listener;

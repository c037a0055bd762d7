//! The control.

//! How answers are printed: for people, for programs, and as a progress bar.

pub mod csv;
pub mod human;
pub mod json;
pub mod printable;
pub mod progress;

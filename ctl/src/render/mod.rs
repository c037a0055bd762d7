//! How answers look: for people, for programs, and while they are under way.

pub mod human;
pub mod json;
pub mod progress;

//! The settings that `configure` changes. One table, [`FIELDS`], gives the flags, the keys on standard input, the
//! prompts and the output.

mod changes;
mod env_file;
mod fields;
mod flags;
mod lines;
mod lists;

pub use changes::Changes;
pub use env_file::{OldProgram, read as read_env_file};
pub use fields::{FIELDS, Field, to_json, to_lines};
pub use flags::{SettingFlags, flags};
pub use lines::read as read_lines;

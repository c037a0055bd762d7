//! Which products a command is for.

use clap::Args;

/// Some products by their ids, or all of them; never silently none.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Selection {
    /// Ids of the products; after `--` when they start with a dash
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// All of them
    #[arg(long)]
    pub all: bool,
}

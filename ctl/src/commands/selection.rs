//! Which products a command is for.

use clap::Args;

/// Some products by their ids, or all of them. One of both is required.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Selection {
    /// Ids of the products; put `--` before ids that start with a dash
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// All products in the list
    #[arg(long)]
    pub all: bool,
}

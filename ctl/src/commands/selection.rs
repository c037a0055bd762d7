//! Which products a command is for.

use clap::{Args, ValueEnum};
use shopmaster_proto::v1::ProductIdType;

/// Some products by their ids, or all of them. One of both is required.
#[derive(Debug, Args)]
pub struct Selection {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    named: IdTypeFlag,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Ids of the products; put `--` before ids that start with a dash
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// All products in the list
    #[arg(long)]
    all: bool,
}

/// Says which product an id means, where a number and a text read the same.
#[derive(Debug, Args)]
pub struct IdTypeFlag {
    /// Whether an id is a number or text, where both exist
    #[arg(long, value_name = "TYPE")]
    id_type: Option<IdType>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum IdType {
    /// From an integer column
    Number,
    /// From any other column
    Text,
}

impl Selection {
    /// The ids, whether all products are meant, and what the ids are.
    pub fn into_parts(self) -> (Vec<String>, bool, ProductIdType) {
        (self.which.ids, self.which.all, self.named.id_type())
    }
}

impl IdTypeFlag {
    /// What the ids are; unspecified unless it is given.
    pub fn id_type(&self) -> ProductIdType {
        match self.id_type {
            None => ProductIdType::Unspecified,
            Some(IdType::Number) => ProductIdType::Number,
            Some(IdType::Text) => ProductIdType::Text,
        }
    }
}

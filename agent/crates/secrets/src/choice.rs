//! Which store is used.

use serde::{Deserialize, Serialize};

/// Where secrets are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreChoice {
    /// The operating system's credential store, or a file where there is none.
    #[default]
    Auto,
    /// The operating system's credential store, never a file.
    Os,
    /// A file.
    File,
}

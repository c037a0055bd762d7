//! How a run treats the products that it reads.

use std::collections::HashSet;

use shopmaster_product::ProductId;

use super::{inspection::Inspection, seen_set::SeenSet};

/// Which of the products that a walk reads are sent, and what is noted about the others.
#[derive(Debug)]
pub(super) enum Mode {
    /// Products that differ from what Digible acknowledged are sent.
    Changed,
    /// The same for every row of the table, noting which products the table has.
    Compared(SeenSet),
    /// Nothing is sent; products that differ are noted.
    Inspected(Inspection),
    /// All products are sent: an upload.
    Everything {
        /// As the journal counts uploads.
        number: i64,
        /// Products that an unfinished step of it has already dealt with.
        processed: HashSet<ProductId>,
    },
}

impl Mode {
    pub(super) fn sends_all(&self) -> bool {
        matches!(self, Self::Everything { .. })
    }

    /// The number of the upload; none in another mode.
    pub(super) fn upload(&self) -> Option<i64> {
        match self {
            Self::Everything { number, .. } => Some(*number),
            Self::Changed | Self::Compared(_) | Self::Inspected(_) => None,
        }
    }

    /// What was found without sending; empty in another mode.
    pub(super) fn into_inspection(self) -> Inspection {
        match self {
            Self::Inspected(inspection) => inspection,
            Self::Changed | Self::Compared(_) | Self::Everything { .. } => Inspection::default(),
        }
    }

    /// Whether anything may be sent in this mode.
    pub(super) fn sends(&self) -> bool {
        !matches!(self, Self::Inspected(_))
    }
}

//! How a run treats the products that it reads.

use std::collections::HashSet;

use shopmaster_product::ProductId;

use super::{inspection::Inspection, seen_set::SeenSet};

/// How a run treats products.
#[derive(Debug)]
pub(super) enum Mode {
    /// What Digible already has is not sent.
    Changed,
    /// The same for each row of the table, and notes which ones there are.
    Compared(SeenSet),
    /// Nothing is sent: what differs is noted.
    Inspected(Inspection),
    /// All are sent: an upload.
    Everything {
        /// The upload's number.
        number: i64,
        /// What an unfinished step of it already sent.
        processed: HashSet<ProductId>,
    },
}

impl Mode {
    pub(super) fn sends_all(&self) -> bool {
        matches!(self, Self::Everything { .. })
    }

    pub(super) fn upload(&self) -> Option<i64> {
        match self {
            Self::Everything { number, .. } => Some(*number),
            Self::Changed | Self::Compared(_) | Self::Inspected(_) => None,
        }
    }

    /// What was found without sending; nothing in another mode.
    pub(super) fn into_inspection(self) -> Inspection {
        match self {
            Self::Inspected(inspection) => inspection,
            Self::Changed | Self::Compared(_) | Self::Everything { .. } => Inspection::default(),
        }
    }

    /// Whether it needs Digible.
    pub(super) fn sends(&self) -> bool {
        !matches!(self, Self::Inspected(_))
    }
}

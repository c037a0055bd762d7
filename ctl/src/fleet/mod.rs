//! Many shops at once: the list of them, what each answers, and what that says about all of them.
//!
//! [`list`] reads `fleet.toml`, [`task`] is what is asked of each shop, [`ask`] asks them all through the [`connector`],
//! [`report`] and [`tally`] judge the answers, and [`watch`] follows the status of all.

pub mod ask;
pub mod connector;
pub mod list;
pub mod report;
pub mod tally;
pub mod task;
pub mod watch;

pub use connector::Connector;
pub use list::{FleetError, Shop};
pub use report::{Report, Standing};
pub use tally::Tally;

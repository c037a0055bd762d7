//! The time of a log record.

use std::fmt;

use jiff::Zoned;
use tracing_subscriber::fmt::{format::Writer, time::FormatTime};

/// Local time with its offset (RFC 3339), to the millisecond: the time that the shop's clock shows.
pub(super) struct LocalTime;

impl FormatTime for LocalTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(
            writer,
            "{}",
            Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")
        )
    }
}

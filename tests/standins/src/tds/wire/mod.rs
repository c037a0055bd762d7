//! The wire: bytes to requests, answers to bytes. Source: [MS-TDS], TDS 7.3 as tiberius speaks it.
//!
//! [MS-TDS]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-tds/

mod bytes;
pub(super) mod login;
pub(super) mod packet;
pub(super) mod prelogin;
pub(super) mod request;
pub(super) mod token;
pub(super) mod value;

use std::io;

/// What came does not follow the protocol.
pub(super) fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not TDS: {what}"))
}

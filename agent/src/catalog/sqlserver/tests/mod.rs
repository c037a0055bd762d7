//! What the tests of this catalog share.

pub(crate) mod server;

//! End to end: the real binaries against a made-up shop and a stand-in for Digible.

mod answers;
mod changes;
mod help;
mod parking;
mod pauses;
mod session;
mod uploads;

//! The contract of the control plane: the messages and services of `shopmaster.v1`, the address where an agent listens,
//! and a client.
//!
//! Agent and clients take the address from here, so they cannot disagree about it.

mod client;
mod endpoint;
mod failure;
mod folders;
pub mod remote;
#[cfg(windows)]
mod windows;

pub use client::{
    Address, Attempt, AttemptFailure, Client, ConnectError, Connection, LocalStream, NetworkAgent,
    open_local,
};
pub use endpoint::{Endpoint, EndpointError};
pub use failure::{DOMAIN, Failure};
pub use folders::{ClientFolders, Folders, FoldersError, InstanceName, InstanceNameError};
#[cfg(windows)]
pub use windows::user_sid;

/// Generated from `proto/shopmaster/v1/*.proto`.
#[allow(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::restriction,
    clippy::pedantic
)]
pub mod v1 {
    tonic::include_proto!("shopmaster.v1");
}

/// The encoded descriptors of `shopmaster.v1`, for server reflection.
pub const DESCRIPTORS: &[u8] = tonic::include_file_descriptor_set!("shopmaster_descriptor");

/// The protocol's name, as `GetInfo` returns it.
pub const PROTOCOL: &str = "shopmaster.v1";

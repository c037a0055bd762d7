//! The local listener: a Unix socket or a Windows named pipe, for this user only.
//!
//! The connections of [`listen`], wrapped in `AnyAuthority`, go to tonic's `serve_with_incoming_shutdown`. The lock
//! file, not the socket or pipe, decides which process is the one agent of an instance.

use std::{io, path::PathBuf};

use shopmaster_proto::Endpoint;

mod authority;
mod lock;
#[cfg(windows)]
mod pipe;
#[cfg(windows)]
mod pipe_security;
#[cfg(unix)]
mod unix;

pub(super) use authority::AnyAuthority;
pub use lock::{InstanceLock, LockError};
#[cfg(windows)]
pub use pipe::{Connection, Incoming, listen};
#[cfg(unix)]
pub use unix::{Incoming, listen};

/// Why the agent cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The endpoint is for another operating system.
    #[error("`{0}` does not exist on this operating system")]
    OtherSystem(Endpoint),
    /// The socket's path is taken by a file that is not a socket, which the agent must not remove.
    #[error("`{0}` exists and is not a socket; move it away")]
    Occupied(PathBuf),
    /// The operating system refused it.
    #[error("cannot listen at `{endpoint}`")]
    Refused {
        /// The address.
        endpoint: Endpoint,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
}

//! The local listener: a Unix socket or a Windows named pipe, for this user alone.
//!
//! What [`listen`] gives goes into tonic's `serve_with_incoming_shutdown`, in `AnyAuthority`. The lock file, not
//! the socket or pipe, decides who is the one agent of an instance.

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
    /// Something that is not ours to remove lies where the socket should be.
    #[error("`{0}` is there and is not a socket; move it away")]
    Occupied(PathBuf),
    /// The operating system refused it.
    #[error("cannot listen at `{endpoint}`")]
    Refused {
        /// Where.
        endpoint: Endpoint,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

//! The Unix socket.

use std::{
    convert::Infallible,
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use shopmaster_proto::Endpoint;
use tokio::{
    net::{UnixListener, UnixStream},
    time::{Sleep, sleep},
};
use tokio_stream::Stream;

use super::{InstanceLock, ListenError};
use crate::paths::create_private;

/// How long to wait after the operating system refused a connection, for example because no file handle is left.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(200);
const ROOT: u32 = 0;

/// Connections of this user and of root. The stream never ends and never fails; dropping it removes the socket.
#[derive(Debug)]
pub struct Incoming {
    listener: UnixListener,
    /// The user that runs the agent.
    user: u32,
    /// The wait while the operating system refuses connections.
    pause: Option<Pin<Box<Sleep>>>,
    /// Whether the last accept failed: a lasting problem is logged once.
    failing: bool,
    _socket: SocketFile,
    /// Last, so that the lock outlives the socket.
    _lock: InstanceLock,
}

/// Listens at `endpoint`, in a folder of mode 0700. An existing socket was left over by a crash: the lock proves that
/// no other agent serves it.
///
/// # Errors
///
/// When the socket cannot be created, or a file of another kind has its path.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub fn listen(endpoint: &Endpoint, lock: &InstanceLock) -> Result<Incoming, ListenError> {
    let Endpoint::Unix(path) = endpoint else {
        return Err(ListenError::OtherSystem(endpoint.clone()));
    };
    let refused = |source| ListenError::Refused {
        endpoint: endpoint.clone(),
        source,
    };
    if let Some(folder) = path.parent() {
        create_private(folder).map_err(refused)?;
    }
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(ListenError::Occupied(path.clone()));
        }
        Ok(_) => fs::remove_file(path).map_err(refused)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refused(error)),
    }
    let listener = UnixListener::bind(path).map_err(refused)?;
    let socket = SocketFile(path.clone());
    Ok(Incoming {
        user: own(path).map_err(refused)?,
        listener,
        pause: None,
        failing: false,
        _socket: socket,
        _lock: lock.clone(),
    })
}

/// Restricts the socket to its owner, and returns the owner's user id: the user that runs this process.
fn own(path: &Path) -> io::Result<u32> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(fs::metadata(path)?.uid())
}

/// Removes the socket when it is dropped.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Incoming {
    /// Checks the client's user. The folder's mode already keeps others out, unless it was changed.
    fn admits(&self, stream: &UnixStream) -> bool {
        match stream.peer_cred() {
            Ok(peer) if may_enter(peer.uid(), self.user) => true,
            Ok(peer) => {
                let (uid, pid) = (peer.uid(), peer.pid());
                tracing::warn!(uid, ?pid, "rejected a connection of another user");
                false
            }
            Err(error) => {
                tracing::warn!(%error, "rejected a connection of an unknown user");
                false
            }
        }
    }
}

fn may_enter(peer: u32, user: u32) -> bool {
    peer == user || peer == ROOT
}

impl Stream for Incoming {
    type Item = Result<UnixStream, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(pause) = &mut this.pause {
                ready!(pause.as_mut().poll(context));
                this.pause = None;
            }
            match ready!(this.listener.poll_accept(context)) {
                Ok((stream, _)) => {
                    this.failing = false;
                    if this.admits(&stream) {
                        return Poll::Ready(Some(Ok(stream)));
                    }
                }
                Err(error) => {
                    if !this.failing {
                        tracing::warn!(%error, "cannot accept connections");
                    }
                    this.failing = true;
                    this.pause = Some(Box::pin(sleep(ACCEPT_RETRY_INTERVAL)));
                }
            }
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::debug!(path = %self.0.display(), %error, "cannot remove the socket");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener as StdListener;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_stream::StreamExt as _;

    use super::*;

    struct Fixture {
        _folder: tempfile::TempDir,
        path: PathBuf,
        lock: InstanceLock,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let lock = InstanceLock::acquire(&folder.path().join("agent.lock")).unwrap();
            Self {
                path: folder.path().join("run/agent.sock"),
                lock,
                _folder: folder,
            }
        }

        fn listen(&self) -> Result<Incoming, ListenError> {
            listen(&Endpoint::Unix(self.path.clone()), &self.lock)
        }
    }

    #[tokio::test]
    async fn this_user_is_served_in_a_private_folder() {
        let fixture = Fixture::new();
        let mut incoming = fixture.listen().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(fixture.path.parent().unwrap()), 0o700);
        assert_eq!(mode(&fixture.path), 0o600);
        let mut client = UnixStream::connect(&fixture.path).await.unwrap();
        let Ok(mut server) = incoming.next().await.unwrap();
        server.write_all(b"x").await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), b'x');
        drop(incoming);
        assert!(!fixture.path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_no_obstacle() {
        let fixture = Fixture::new();
        fs::create_dir(fixture.path.parent().unwrap()).unwrap();
        // The standard library leaves the file behind, as a crash does.
        drop(StdListener::bind(&fixture.path).unwrap());
        assert!(fixture.path.exists());
        let mut incoming = fixture.listen().unwrap();
        let _client = UnixStream::connect(&fixture.path).await.unwrap();
        assert!(incoming.next().await.is_some());
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let fixture = Fixture::new();
        fs::create_dir(fixture.path.parent().unwrap()).unwrap();
        fs::write(&fixture.path, "mine").unwrap();
        assert!(matches!(fixture.listen(), Err(ListenError::Occupied(_))));
        assert_eq!(fs::read_to_string(&fixture.path).unwrap(), "mine");
    }

    #[tokio::test]
    async fn the_lock_is_held_for_as_long_as_the_socket_is_there() {
        let fixture = Fixture::new();
        let incoming = fixture.listen().unwrap();
        let Fixture { _folder, lock, .. } = fixture;
        drop(lock);
        let again = || InstanceLock::acquire(&_folder.path().join("agent.lock"));
        assert!(again().is_err());
        drop(incoming);
        assert!(again().is_ok());
    }

    #[test]
    fn other_users_may_not_enter() {
        assert!(may_enter(1000, 1000));
        assert!(may_enter(ROOT, 1000));
        assert!(!may_enter(1001, 1000));
        assert!(!may_enter(1000, ROOT));
    }
}

//! Checks which user's program listens at an agent's address: clients send passwords, so it must be the right one.
//!
//! A socket is in a folder that only its owner can open, but another user may have created that folder, and any program
//! can create a pipe with this name first. So the client asks the operating system for the listening program's user
//! before it sends anything.

#[cfg(unix)]
use std::path::Path;
use std::{fmt, io};

/// An untrusted program listens at the agent's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stranger(
    /// Its user, for people.
    pub(crate) String,
);

/// Why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The operating system refused the connection.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The connection was opened, and closed because the listening program is not trusted.
    #[error("{0}")]
    Stranger(Stranger),
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The program that listens at a Unix socket.
#[cfg(unix)]
#[derive(Debug, Clone, Copy)]
struct Listener {
    /// The user id of its process.
    user: u32,
    /// The owner and the mode of the socket's folder.
    folder: Option<(u32, u32)>,
}

#[cfg(unix)]
const ROOT: u32 = 0;

#[cfg(unix)]
impl Listener {
    /// Whether a client of the user `us` may trust it: the program is of the same user or of root. Root also trusts
    /// another user's agent, if the socket is in that user's folder, and no other user may write there.
    fn may_serve(self, us: u32) -> bool {
        if self.user == us || self.user == ROOT {
            return true;
        }
        us == ROOT
            && self
                .folder
                .is_some_and(|(owner, mode)| owner == self.user && mode & 0o022 == 0)
    }
}

/// Fails unless a program of this user or of root listens at the other end.
#[cfg(unix)]
pub(crate) fn check(stream: &tokio::net::UnixStream, socket: &Path) -> Result<(), OpenError> {
    use std::{fs, os::unix::fs::MetadataExt as _};

    let folder = socket.parent().map(fs::metadata).transpose()?;
    let listener = Listener {
        user: stream.peer_cred()?.uid(),
        folder: folder.map(|folder| (folder.uid(), folder.mode())),
    };
    if listener.may_serve(own_user()?) {
        return Ok(());
    }
    Err(OpenError::Stranger(Stranger(format!(
        "user {}",
        listener.user
    ))))
}

/// The user that runs this process: the peer of its own sockets.
#[cfg(unix)]
fn own_user() -> io::Result<u32> {
    let (one, _other) = tokio::net::UnixStream::pair()?;
    Ok(one.peer_cred()?.uid())
}

/// `BUILTIN\Administrators`: this may be the owner of what an elevated administrator creates.
#[cfg(any(windows, test))]
const ADMINISTRATORS: &str = "S-1-5-32-544";
/// `NT AUTHORITY\SYSTEM`.
#[cfg(any(windows, test))]
const SYSTEM: &str = "S-1-5-18";
/// `NT SERVICE\…`: accounts of services, which only administrators can install.
#[cfg(any(windows, test))]
const SERVICE: &str = "S-1-5-80-";

/// The owner of a pipe. A user cannot make another user the owner of a pipe.
#[cfg(any(windows, test))]
#[derive(Debug, Clone, Copy)]
struct PipeOwner<'a> {
    /// The owner's security identifier.
    sid: &'a str,
    /// The account's name without the domain; none when it has no name.
    name: Option<&'a str>,
}

#[cfg(any(windows, test))]
impl PipeOwner<'_> {
    /// Whether a client of `user`, a security identifier, may trust it: the owner is that user, an administrator, the
    /// system, or the account of the agent's own `service`.
    fn may_serve(self, user: &str, service: Option<&str>) -> bool {
        if [user, ADMINISTRATORS, SYSTEM].contains(&self.sid) {
            return true;
        }
        let (Some(name), Some(service)) = (self.name, service) else {
            return false;
        };
        self.sid.starts_with(SERVICE) && name.eq_ignore_ascii_case(service)
    }
}

/// Fails unless the pipe belongs to this user, an administrator, the system, or the account of the agent's own
/// `service`.
#[cfg(windows)]
pub(crate) fn check(
    pipe: &tokio::net::windows::named_pipe::NamedPipeClient,
    service: Option<&str>,
) -> Result<(), OpenError> {
    use crate::windows;

    let sid = windows::owner_sid(pipe)?;
    let account = windows::account(&sid);
    let owner = PipeOwner {
        sid: &sid,
        name: account.as_ref().map(|account| account.name.as_str()),
    };
    if owner.may_serve(&windows::user_sid()?, service) {
        return Ok(());
    }
    let who = account.map_or_else(|| sid.clone(), |account| account.to_string());
    let process =
        windows::server_process(pipe).map_or_else(String::new, |id| format!(" (process {id})"));
    Err(OpenError::Stranger(Stranger(format!("{who}{process}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_this_user_and_root_may_listen() {
        let listener = |user, folder| Listener { user, folder };
        let bobs = Some((1001, 0o40700));
        assert!(listener(1000, None).may_serve(1000));
        assert!(listener(ROOT, bobs).may_serve(1000));
        // Bob created the folder first, or the socket in this user's folder.
        assert!(!listener(1001, bobs).may_serve(1000));
        assert!(!listener(1001, Some((1000, 0o40777))).may_serve(1000));
    }

    #[cfg(unix)]
    #[test]
    fn root_trusts_another_user_in_a_folder_of_his_own_alone() {
        let listener = |folder| Listener { user: 1001, folder };
        assert!(listener(Some((1001, 0o40700))).may_serve(ROOT));
        assert!(listener(Some((1001, 0o40755))).may_serve(ROOT));
        assert!(!listener(Some((1001, 0o40770))).may_serve(ROOT));
        assert!(!listener(Some((1001, 0o41777))).may_serve(ROOT));
        assert!(!listener(Some((ROOT, 0o40700))).may_serve(ROOT));
        assert!(!listener(Some((1000, 0o40700))).may_serve(ROOT));
        assert!(!listener(None).may_serve(ROOT));
    }

    #[test]
    fn a_pipe_of_this_user_of_administrators_and_of_our_service_is_trusted() {
        let user = "S-1-5-21-1-2-3-1001";
        let ours = Some("shopmaster-till-2");
        let trusted = |sid, name| PipeOwner { sid, name }.may_serve(user, ours);
        assert!(trusted(user, Some("Bob")));
        assert!(trusted(ADMINISTRATORS, None));
        assert!(trusted(SYSTEM, None));
        assert!(trusted("S-1-5-80-1-2-3-4-5", Some("ShopMaster-Till-2")));
        // Another user, another service, and a user with the name of the service.
        assert!(!trusted("S-1-5-21-1-2-3-1002", Some("Eve")));
        assert!(!trusted("S-1-5-21-1-2-3-10010", None));
        assert!(!trusted("S-1-5-80-1-2-3-4-6", Some("MSSQLSERVER")));
        assert!(!trusted("S-1-5-80-1-2-3-4-6", None));
        assert!(!trusted("S-1-5-21-1-2-3-1003", Some("shopmaster-till-2")));
        // Everybody, and the other accounts that services share.
        for shared in ["S-1-1-0", "S-1-5-19", "S-1-5-20", "S-1-5-7", ""] {
            assert!(!trusted(shared, None), "{shared}");
        }
        let service = PipeOwner {
            sid: "S-1-5-80-1-2-3-4-5",
            name: Some("shopmaster-till-2"),
        };
        assert!(!service.may_serve(user, None));
    }
}

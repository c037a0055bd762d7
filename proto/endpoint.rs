//! The address where an agent listens.

use std::{fmt, path::PathBuf, str::FromStr};

use crate::{Folders, InstanceName};

/// The longest socket path that every Unix accepts, in bytes.
const LONGEST_SOCKET_PATH: usize = 103;
/// The folder of this computer's pipes.
const PIPES: &str = r"\\.\pipe\";
/// The beginning of the name of shopMaster's pipes. After it comes the digest of the user's folder, as [`DIGITS`]
/// hexadecimal digits.
const AGENT_PIPES: &str = r"\\.\pipe\shopmaster-";
const DIGITS: usize = 16;

/// The address where an agent listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// A Windows named pipe, by its full name (`\\.\pipe\shopmaster-…`).
    Pipe(String),
}

/// Why a string is not an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// It does not start with a known scheme.
    #[error("`{0}` is not an agent's address: use `unix:PATH` or `pipe:NAME`")]
    Scheme(String),
    /// It is an address on the network, which alone does not say how to recognize the agent.
    #[error(
        "`{0}` does not say which key the agent has; run `shopmasterctl remote add NAME` with an invitation, and use `--agent NAME`"
    )]
    Remote(String),
    /// The pipe is, or may be, on another computer, where the listening program cannot be checked.
    #[error("`{0}` is not the name of a pipe on this computer")]
    OtherComputer(String),
    /// The path is longer than a Unix socket's may be.
    #[error(
        "the socket path `{path}` has {length} bytes, but at most {LONGEST_SOCKET_PATH} are possible; set `SHOPMASTER_HOME` to a shorter folder"
    )]
    TooLong {
        /// The path.
        path: String,
        /// Its length in bytes.
        length: usize,
    },
    /// The address is for another operating system.
    #[error("`{0}` does not exist on this operating system")]
    OtherSystem(String),
}

impl Endpoint {
    /// Where the agent of `instance` listens for its own user.
    ///
    /// # Errors
    ///
    /// When the socket's path would be too long.
    pub fn local(instance: &InstanceName, folders: &Folders) -> Result<Self, EndpointError> {
        if cfg!(windows) {
            // Each user has a run folder of their own, so its digest distinguishes the pipes of two users.
            let user = fnv1a(folders.run.to_string_lossy().as_bytes());
            let name = format!("{AGENT_PIPES}{user:0DIGITS$x}-{instance}");
            return Ok(Self::Pipe(name));
        }
        Self::unix(folders.run.join("agent.sock"))
    }

    /// The name of the service whose agent listens there; none where the endpoint does not contain it.
    #[cfg(any(windows, test))]
    pub(crate) fn service(&self) -> Option<String> {
        let Self::Pipe(name) = self else {
            return None;
        };
        let (user, instance) = name.strip_prefix(AGENT_PIPES)?.split_at_checked(DIGITS)?;
        let is_digest = user.bytes().all(|digit| digit.is_ascii_hexdigit());
        let instance: InstanceName = instance.strip_prefix('-')?.parse().ok()?;
        is_digest.then(|| instance.service())
    }

    fn pipe(name: &str) -> Result<Self, EndpointError> {
        let own = name.strip_prefix(PIPES).unwrap_or(name);
        // `..` would lead out of the folder of pipes, to other computers.
        if own.is_empty() || own.contains(['\\', '/']) {
            return Err(EndpointError::OtherComputer(name.to_owned()));
        }
        Ok(Self::Pipe(format!("{PIPES}{own}")))
    }

    fn unix(path: PathBuf) -> Result<Self, EndpointError> {
        let length = path.as_os_str().len();
        if length > LONGEST_SOCKET_PATH {
            return Err(EndpointError::TooLong {
                path: path.display().to_string(),
                length,
            });
        }
        Ok(Self::Unix(path))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Pipe(name) => write!(f, "pipe:{name}"),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("https://") {
            return Err(EndpointError::Remote(text.to_owned()));
        }
        match text.split_once(':') {
            Some(("unix", path)) if !path.is_empty() && cfg!(unix) => Self::unix(path.into()),
            Some(("pipe", name)) if !name.is_empty() && cfg!(windows) => Self::pipe(name),
            Some(("unix" | "pipe", rest)) if !rest.is_empty() => {
                Err(EndpointError::OtherSystem(text.to_owned()))
            }
            _ => Err(EndpointError::Scheme(text.to_owned())),
        }
    }
}

/// FNV-1a, 64 bit: the same in every build, which the standard hasher does not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_one_of_this_computer() {
        let full = r"\\.\pipe\shopmaster-x";
        for name in ["shopmaster-x", full] {
            let pipe = Endpoint::pipe(name).unwrap();
            assert_eq!(pipe, Endpoint::Pipe(full.to_owned()));
        }
        for other in [
            r"\\server\pipe\shopmaster-x",
            r"\\.\pipe\..\UNC\server\pipe\x",
            r"..\UNC\server\pipe\x",
            "//server/pipe/x",
            r"\\?\pipe\x",
            r"\\.\pipe\",
        ] {
            assert!(
                matches!(Endpoint::pipe(other), Err(EndpointError::OtherComputer(_))),
                "{other}"
            );
        }
    }

    #[test]
    fn a_pipe_of_ours_tells_its_service() {
        let service = |name: &str| Endpoint::Pipe(name.to_owned()).service();
        assert_eq!(
            service(r"\\.\pipe\shopmaster-0123456789abcdef-till-2").as_deref(),
            Some("shopmaster-till-2")
        );
        for other in [
            r"\\.\pipe\shopmaster-0123456789abcdef",
            r"\\.\pipe\shopmaster-0123456789abcdeg-till-2",
            r"\\.\pipe\shopmaster-0123456789abcdef-Till",
            r"\\.\pipe\other-0123456789abcdef-till-2",
            r"\\.\pipe\shopmaster-short",
        ] {
            assert_eq!(service(other), None, "{other}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn addresses_are_read_as_they_are_shown() {
        let endpoint: Endpoint = "unix:/tmp/a b.sock".parse().unwrap();
        assert_eq!(endpoint, Endpoint::Unix("/tmp/a b.sock".into()));
        assert_eq!(endpoint.to_string(), "unix:/tmp/a b.sock");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_address_is_said_so() {
        for bad in [
            "",
            "unix:",
            "/tmp/x",
            "http://x",
            "pipe:x",
            "https://shop:7443",
        ] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
        let long = format!("unix:/{}", "x".repeat(120));
        assert!(matches!(
            long.parse::<Endpoint>(),
            Err(EndpointError::TooLong { length: 121, .. })
        ));
    }
}

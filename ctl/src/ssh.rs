//! Agents that are reached through the user's own `ssh`: at the other end, `shopmasterctl proxy` joins the connection to
//! the agent's socket.

use std::{
    env,
    ffi::OsString,
    fmt, io,
    pin::Pin,
    process::Stdio,
    str::FromStr,
    task::{Context, Poll},
    time::Duration,
};

use shopmaster_proto::{InstanceName, remote::host_and_port};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, BufReader, ReadBuf},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

/// The program to run instead of `ssh`.
const PROGRAM_VARIABLE: &str = "SHOPMASTER_SSH";
const SCHEME: &str = "ssh://";
/// How long to wait for the end of an `ssh` whose connection was lost.
const STDERR_TIMEOUT: Duration = Duration::from_secs(1);

/// `ssh://[user@]host[:port][/instance]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshAddress {
    user: Option<String>,
    /// Without brackets.
    host: String,
    port: Option<u16>,
    instance: InstanceName,
}

/// A text is not such an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address: use `ssh://[USER@]HOST[:PORT][/INSTANCE]`")]
pub struct SshAddressError(String);

/// Whether `ssh` may ask a person for a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// A person is there to answer.
    MayAsk,
    /// Many connections are opened at once.
    Unattended,
}

/// The standard streams of a running `ssh`. It ends when this is dropped.
#[derive(Debug)]
pub struct SshStream {
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// Killed when it is dropped.
    _child: Child,
}

/// The standard error of `ssh`, where the user does not see it.
#[derive(Debug)]
pub struct SshStderr(Option<JoinHandle<String>>);

impl SshStderr {
    /// Its last line, once `ssh` has ended; empty when there is none.
    pub async fn last_line(self) -> String {
        let Some(line) = self.0 else {
            return String::new();
        };
        let line = timeout(STDERR_TIMEOUT, line).await;
        line.map(Result::unwrap_or_default).unwrap_or_default()
    }
}

async fn last_line(stderr: ChildStderr) -> String {
    let mut lines = BufReader::new(stderr).lines();
    let mut last = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if !line.trim().is_empty() {
            line.trim().clone_into(&mut last);
        }
    }
    last
}

/// The program to run: the user's own `ssh`.
pub fn program() -> OsString {
    let named = env::var_os(PROGRAM_VARIABLE).filter(|program| !program.is_empty());
    named.unwrap_or_else(|| "ssh".into())
}

/// Starts `ssh`. What it writes to standard error, the user sees; of many at once, only the last line is kept.
pub fn open(address: &SshAddress, login: Login) -> io::Result<(SshStream, SshStderr)> {
    let stderr = match login {
        Login::MayAsk => Stdio::inherit(),
        Login::Unattended => Stdio::piped(),
    };
    let mut child = Command::new(program())
        .args(address.arguments(login))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .kill_on_drop(true)
        .spawn()?;
    match (child.stdin.take(), child.stdout.take()) {
        (Some(stdin), Some(stdout)) => {
            let stderr = SshStderr(
                child
                    .stderr
                    .take()
                    .map(|stderr| tokio::spawn(last_line(stderr))),
            );
            let stream = SshStream {
                stdin,
                stdout,
                _child: child,
            };
            Ok((stream, stderr))
        }
        _ => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

impl SshAddress {
    /// The arguments of `ssh`. None of them is made of more than letters, digits and a few marks, so the shell at the
    /// other end has nothing to interpret, and `--` ends the options.
    fn arguments(&self, login: Login) -> Vec<String> {
        let mut arguments = vec!["-T".to_owned()];
        if login == Login::Unattended {
            arguments.extend(["-o".to_owned(), "BatchMode=yes".to_owned()]);
        }
        if let Some(port) = self.port {
            arguments.extend(["-p".to_owned(), port.to_string()]);
        }
        if let Some(user) = &self.user {
            arguments.extend(["-l".to_owned(), user.clone()]);
        }
        arguments.extend(["--".to_owned(), self.host.clone()]);
        let command = [
            "shopmasterctl",
            "--instance",
            self.instance.as_str(),
            "proxy",
        ];
        arguments.extend(command.map(str::to_owned));
        arguments
    }
}

impl fmt::Display for SshAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        match self.instance == InstanceName::default() {
            true => Ok(()),
            false => write!(f, "/{}", self.instance),
        }
    }
}

impl FromStr for SshAddress {
    type Err = SshAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| SshAddressError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<SshAddress> {
    let rest = text.strip_prefix(SCHEME)?;
    let (authority, instance) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, place) = match authority.split_once('@') {
        Some((user, place)) => (Some(user_name(user)?), place),
        None => (None, authority),
    };
    let (host, port) = host_and_port(place)?;
    let host = host.to_owned();
    let instance = match instance {
        "" => InstanceName::default(),
        name => name.parse().ok()?,
    };
    Some(SshAddress {
        user,
        host,
        port,
        instance,
    })
}

/// A name that is no option, and that no shell and no configuration of `ssh` interprets. The same holds for a host.
fn user_name(name: &str) -> Option<String> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (starts_well && name.chars().all(is_allowed)).then(|| name.to_owned())
}

impl AsyncRead for SshStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdout).poll_read(context, buffer)
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stdin).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str, login: Login) -> String {
        let address: SshAddress = text.parse().unwrap();
        address.arguments(login).join(" ")
    }

    #[test]
    fn the_arguments_name_the_program_at_the_other_end() {
        assert_eq!(
            arguments("ssh://shop-7", Login::MayAsk),
            "-T -- shop-7 shopmasterctl --instance default proxy"
        );
        assert_eq!(
            arguments(
                "ssh://ben@shop-7.example.org:2222/till-2",
                Login::Unattended
            ),
            "-T -o BatchMode=yes -p 2222 -l ben -- shop-7.example.org shopmasterctl --instance till-2 proxy"
        );
        assert_eq!(
            arguments("ssh://[2001:db8::7]:22", Login::MayAsk),
            "-T -p 22 -- 2001:db8::7 shopmasterctl --instance default proxy"
        );
    }

    #[test]
    fn addresses_are_read_as_they_are_shown() {
        for text in [
            "ssh://shop",
            "ssh://ben_2@shop:22/till-2",
            "ssh://[::1]:22",
            "ssh://a.b@[::1]/x",
        ] {
            let address: SshAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn nothing_becomes_an_option_or_a_command() {
        for text in [
            "ssh://",
            "ssh://-oProxyCommand=x",
            "ssh://-l@shop",
            "ssh://@shop",
            "ssh://ben@-shop",
            "ssh://ben@",
            "ssh://shop/-x",
            "ssh://shop/a;b",
            "ssh://shop/a/b",
            "ssh://shop:0",
            "ssh://shop:22x",
            "ssh://shop:",
            "ssh://$(x)",
            "ssh://a b",
            "ssh://a%h@shop",
            "ssh://a@b@c",
            "ssh://[shop]",
            "ssh://a\nb",
            "shop",
        ] {
            assert!(text.parse::<SshAddress>().is_err(), "{text:?}");
        }
    }
}

//! The stream that the driver uses. The driver believes that there is no encryption; what there is was
//! negotiated before.

use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{handshake::Encrypted, packet::Follower, prelogin, wire::Wire};

/// A connection whose first exchange with the server has already taken place.
pub struct Stream {
    way: Way,
    talk: Talk,
    /// Whether TLS ends with the first packet of the login message.
    only_login: bool,
}

enum Way {
    Plain(Wire),
    Encrypted(Box<Encrypted>),
    /// A placeholder while one state replaces another; never visible outside.
    Closed,
}

/// How far the driver has got.
enum Talk {
    /// The driver sends its PRELOGIN, which is discarded.
    Greeting(Follower),
    /// The driver receives a prepared answer.
    Greeted { answer: Vec<u8>, given: usize },
    /// The driver sends the first packet of its login message.
    LoggingIn(Follower),
    /// That packet has been sent, but part of it may still be buffered in TLS.
    LoggedIn,
    /// Everything passes through.
    Open,
}

impl Stream {
    /// Nothing is encrypted.
    pub(super) fn plain(wire: Wire) -> Self {
        Self::new(Way::Plain(wire), false)
    }

    /// Everything is encrypted, or only the first packet of the login message, which contains the password: the
    /// rest of a longer message, such as that of a Windows login, continues in clear text (MS-TDS 3.2.5.2).
    pub(super) fn encrypted(stream: Encrypted, only_login: bool) -> Self {
        Self::new(Way::Encrypted(Box::new(stream)), only_login)
    }

    fn new(way: Way, only_login: bool) -> Self {
        Self {
            way,
            talk: Talk::Greeting(Follower::default()),
            only_login,
        }
    }

    /// Continues without TLS, once that packet has been sent.
    fn poll_leave_tls(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.way.poll_flush(cx))?;
        self.way = match mem::replace(&mut self.way, Way::Closed) {
            Way::Encrypted(stream) => Way::Plain(stream.into_inner().0.into_inner()),
            other => other,
        };
        self.talk = Talk::Open;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Talk::LoggedIn = this.talk {
            ready!(this.poll_leave_tls(cx))?;
        }
        if let Talk::Greeted { answer, given } = &mut this.talk {
            let part = &answer[*given..];
            let part = &part[..part.len().min(buf.remaining())];
            buf.put_slice(part);
            *given += part.len();
            if *given == answer.len() {
                this.talk = match this.only_login {
                    true => Talk::LoggingIn(Follower::default()),
                    false => Talk::Open,
                };
            }
            return Poll::Ready(Ok(()));
        }
        this.way.poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Talk::LoggedIn = this.talk {
            ready!(this.poll_leave_tls(cx))?;
        }
        match &mut this.talk {
            Talk::Greeting(follower) => {
                let (taken, ended) = follower.follow(bytes)?;
                if ended {
                    this.talk = Talk::Greeted {
                        answer: prelogin::answer_for_driver(),
                        given: 0,
                    };
                }
                Poll::Ready(Ok(taken))
            }
            Talk::LoggingIn(follower) => {
                // Once the server no longer expects TLS, nothing may be sent through it.
                let (encrypted, _) = follower.clone().follow_packet(bytes)?;
                let taken = ready!(this.way.poll_write(cx, &bytes[..encrypted]))?;
                let (_, ended) = follower.follow_packet(&bytes[..taken])?;
                if ended {
                    this.talk = Talk::LoggedIn;
                }
                Poll::Ready(Ok(taken))
            }
            _ => this.way.poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.talk {
            Talk::LoggedIn => this.poll_leave_tls(cx),
            _ => this.way.poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().way.poll_shutdown(cx)
    }
}

impl Way {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(wire) => Pin::new(wire).poll_read(cx, buf),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(wire) => Pin::new(wire).poll_write(cx, bytes),
            Self::Encrypted(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(wire) => Pin::new(wire).poll_flush(cx),
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(cx),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(wire) => Pin::new(wire).poll_shutdown(cx),
            Self::Encrypted(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }
}

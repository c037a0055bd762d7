//! Serves clients whose `:authority` the HTTP/2 server refuses.
//!
//! grpcio and the libraries on the same core send the socket's path, percent-encoded, as the authority of each
//! call; others send the path itself. `h2` parses it as a host and refuses the call with PROTOCOL_ERROR. The services
//! do not use the authority, so it is replaced here, before HTTP/2 sees it.
//!
//! Header compression (RFC 7541) keeps a table on both sides of a connection, and a client names an authority
//! that it sent before by its number in that table. The replacement therefore has as many characters, and as many bytes
//! on the wire, as the original: both tables stay the same size, no frame changes its length, and the table need not
//! be kept here. To follow the client's bytes, it is enough to know where each value begins:
//!
//! 1. [`frames`] finds the pieces of header blocks in the frames;
//! 2. [`block`] finds the values that are authorities in these pieces;
//! 3. [`value`] makes one acceptable, with [`huffman`] where it is compressed.
//!
//! Malformed data is left to HTTP/2, and everything after it passes unchanged. So does an authority that is cut off at
//! a frame's end, is longer than any socket's path, or takes its name from the client's own table; HTTP/2 then refuses
//! that call. No known client does any of this.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

mod block;
mod frames;
mod huffman;
#[cfg(test)]
mod tests;
mod value;

use block::Authority;
use frames::Frames;

/// A connection whose client may send any authority.
#[derive(Debug)]
pub struct AnyAuthority<T> {
    connection: T,
    client: Frames,
    /// An authority of which only the beginning has arrived.
    held: Option<Held>,
}

/// A value that is held until all of it has arrived, and then until all of it was passed on.
#[derive(Debug)]
struct Held {
    bytes: Vec<u8>,
    is_huffman: bool,
    /// How many of the bytes have arrived.
    come: usize,
    /// How many of them were passed on.
    given: usize,
}

impl<T> AnyAuthority<T> {
    /// Follows `connection` from its first byte on.
    pub fn new(connection: T) -> Self {
        Self {
            connection,
            client: Frames::default(),
            held: None,
        }
    }

    /// Replaces the authorities in the client's next bytes, and returns how many of the bytes may be passed on; the
    /// rest is held.
    fn follow(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while let Some(found) = self.client.next_authority(&bytes[at..]) {
            let start = at + found.start;
            at = start + found.length;
            let Some(whole) = bytes.get_mut(start..at) else {
                self.held = Some(Held::new(&bytes[start..], found));
                return start;
            };
            value::make_acceptable(whole, found.is_huffman);
        }
        bytes.len()
    }
}

impl Held {
    fn new(beginning: &[u8], of: Authority) -> Self {
        let mut bytes = beginning.to_vec();
        bytes.resize(of.length, 0);
        Self {
            bytes,
            is_huffman: of.is_huffman,
            come: beginning.len(),
            given: 0,
        }
    }

    /// Reads the rest of the value.
    fn poll_complete<T: AsyncRead + Unpin>(
        &mut self,
        connection: &mut T,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.come < self.bytes.len() {
            let mut rest = ReadBuf::new(&mut self.bytes[self.come..]);
            ready!(Pin::new(&mut *connection).poll_read(context, &mut rest))?;
            let read = rest.filled().len();
            self.come += read;
            if read == 0 {
                // The client disconnected in the middle of the value.
                self.bytes.truncate(self.come);
                return Poll::Ready(Ok(()));
            }
            if self.come == self.bytes.len() {
                value::make_acceptable(&mut self.bytes, self.is_huffman);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Passes on as much as fits into `buffer`. Returns whether the value is complete.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let rest = &self.bytes[self.given..];
        let given = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..given]);
        self.given += given;
        self.given == self.bytes.len()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for AnyAuthority<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if let Some(held) = &mut this.held {
                ready!(held.poll_complete(&mut this.connection, context))?;
                if held.give(buffer) {
                    this.held = None;
                }
                return Poll::Ready(Ok(()));
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.connection).poll_read(context, buffer))?;
            let passed = this.follow(&mut buffer.filled_mut()[before..]);
            buffer.set_filled(before + passed);
            // A reader takes zero bytes for the end of the stream, which is true only if nothing is held.
            if passed > 0 || this.held.is_none() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for AnyAuthority<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}

impl<T: Connected> Connected for AnyAuthority<T> {
    type ConnectInfo = T::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.connection.connect_info()
    }
}

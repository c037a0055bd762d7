//! How an answer is sent to the client: completely, in pieces, in part or not at all.

use std::io;

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    task::yield_now,
};

use super::{
    fault::{At, FaultKind},
    shared::Shared,
    wire::{
        packet::{self, Kind},
        token::{self, Done, status},
    },
};

/// The fault during the sending of an answer, if any.
#[derive(Debug)]
pub(super) struct Delivery(Option<FaultKind>);

impl Delivery {
    pub(super) const fn of(fault: Option<FaultKind>) -> Self {
        Self(fault)
    }

    /// What happens before the request takes effect. An error ends the connection.
    pub(super) async fn before(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        shared: &Shared,
    ) -> io::Result<()> {
        match &self.0 {
            Some(FaultKind::Garbage(bytes)) => {
                stream.write_all(bytes).await?;
                stream.flush().await?;
                Err(cut())
            }
            _ => self.reach(At::Before, stream, shared).await,
        }
    }

    /// Sends an answer's packets.
    pub(super) async fn deliver(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        shared: &Shared,
        packets: &[u8],
    ) -> io::Result<()> {
        self.reach(At::AfterEffect, stream, shared).await?;
        let piece = match &self.0 {
            Some(FaultKind::Slow(piece)) => (*piece).max(1),
            _ => packets.len().max(1),
        };
        let (first, second) = packets.split_at(packets.len() / 2);
        if let Some(
            FaultKind::Cut(At::InAnswer)
            | FaultKind::Kill(At::InAnswer)
            | FaultKind::Stall(At::InAnswer),
        ) = &self.0
        {
            stream.write_all(first).await?;
            stream.flush().await?;
            self.reach(At::InAnswer, stream, shared).await?;
            stream.write_all(second).await?;
        } else {
            for piece in packets.chunks(piece) {
                stream.write_all(piece).await?;
                stream.flush().await?;
                yield_now().await;
            }
        }
        stream.flush().await?;
        self.reach(At::AfterAnswer, stream, shared).await
    }

    /// A point at which the connection may be closed or may stall.
    async fn reach(
        &self,
        point: At,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        shared: &Shared,
    ) -> io::Result<()> {
        match &self.0 {
            Some(FaultKind::Cut(at)) if *at == point => {
                shared.cut_all();
                Err(cut())
            }
            Some(FaultKind::Kill(at)) if *at == point => Err(cut()),
            Some(FaultKind::Stall(at)) if *at == point => stall(stream, shared).await,
            _ => Ok(()),
        }
    }
}

/// A stalled connection, as long as it stalls.
struct Stalled<'a>(&'a Shared);

impl<'a> Stalled<'a> {
    fn count(shared: &'a Shared) -> Self {
        shared.change(|memory| memory.stalled += 1);
        Self(shared)
    }
}

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        self.0.change(|memory| memory.stalled -= 1);
    }
}

/// Sends nothing until it is released. A client that disconnects, or cancels with an attention (2.2.1.7), ends the
/// connection; the attention is acknowledged.
async fn stall(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    shared: &Shared,
) -> io::Result<()> {
    let mut releases = shared.releases();
    let _counted = Stalled::count(shared);
    tokio::select! {
        released = releases.changed() => released.map_err(|_| cut()),
        heard = packet::read(stream) => {
            if heard?.is_some_and(|message| message.kind == Kind::Attention) {
                acknowledge_attention(stream).await?;
            }
            Err(cut())
        }
    }
}

/// DONE with the attention bit (2.2.7.6).
pub(super) async fn acknowledge_attention(
    stream: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let mut body = Vec::new();
    token::put_done(&mut body, Done::Statement, status::ATTENTION, 0);
    packet::write(stream, Kind::TabularResult, &body).await
}

fn cut() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

//! Packets (2.2.3): a message travels in packets of at most the negotiated size.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::malformed;

/// The packet size that the stand-in keeps to: the protocol's default (2.2.6.4).
pub(in crate::tds) const SIZE: usize = 4_096;
/// The length of a packet's header (2.2.3.1).
pub(in crate::tds) const HEADER: usize = 8;
/// Status: the last packet of a message (2.2.3.1.2).
const END_OF_MESSAGE: u8 = 0x01;
/// Longer messages are not of this protocol.
const MOST: usize = 64 << 20;

/// What a message is (2.2.3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tds) enum Kind {
    SqlBatch,
    Rpc,
    TabularResult,
    Attention,
    TransactionManager,
    Login7,
    PreLogin,
}

/// A message, put together from its packets.
#[derive(Debug)]
pub(in crate::tds) struct Message {
    pub(in crate::tds) kind: Kind,
    pub(in crate::tds) body: Vec<u8>,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::SqlBatch => 0x01,
            Self::Rpc => 0x03,
            Self::TabularResult => 0x04,
            Self::Attention => 0x06,
            Self::TransactionManager => 0x0E,
            Self::Login7 => 0x10,
            Self::PreLogin => 0x12,
        }
    }

    const fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            0x01 => Self::SqlBatch,
            0x03 => Self::Rpc,
            0x04 => Self::TabularResult,
            0x06 => Self::Attention,
            0x0E => Self::TransactionManager,
            0x10 => Self::Login7,
            0x12 => Self::PreLogin,
            _ => return None,
        })
    }
}

/// Reads a whole message; none when the client hung up before it.
pub(in crate::tds) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<Message>> {
    let mut body = Vec::new();
    let mut first = None;
    loop {
        let Some((kind, status)) = read_packet(stream, &mut body).await? else {
            return if first.is_none() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        };
        if *first.get_or_insert(kind) != kind {
            return Err(malformed("a message of two kinds"));
        }
        if status & END_OF_MESSAGE != 0 {
            return Ok(Some(Message { kind, body }));
        }
        if body.len() > MOST {
            return Err(malformed("a message without end"));
        }
    }
}

/// Reads one packet behind `body`; gives its kind and status, or none at the end of the stream.
async fn read_packet(
    stream: &mut (impl AsyncRead + Unpin),
    body: &mut Vec<u8>,
) -> io::Result<Option<(Kind, u8)>> {
    let mut header = [0; HEADER];
    if stream.read(&mut header[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut header[1..]).await?;
    let [kind, status, high, low, ..] = header;
    let kind = Kind::of(kind).ok_or_else(|| malformed("a packet of no known kind"))?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let length = length
        .checked_sub(HEADER)
        .ok_or_else(|| malformed("a packet shorter than its header"))?;
    let start = body.len();
    body.resize(start + length, 0);
    stream.read_exact(&mut body[start..]).await?;
    Ok(Some((kind, status)))
}

/// A message's bytes, cut into packets.
pub(in crate::tds) fn packets(kind: Kind, body: &[u8]) -> Vec<u8> {
    let most = SIZE - HEADER;
    let count = body.len().div_ceil(most).max(1);
    let mut out = Vec::with_capacity(body.len() + count * HEADER);
    for number in 0..count {
        let piece = &body[number * most..body.len().min((number + 1) * most)];
        let status = if number + 1 == count {
            END_OF_MESSAGE
        } else {
            0
        };
        out.extend([kind.byte(), status]);
        let length = u16::try_from(piece.len() + HEADER).unwrap_or(u16::MAX);
        out.extend(length.to_be_bytes());
        // SPID, then the packet's number modulo 256, then the window, which nobody uses.
        out.extend([0, 0, (number % 256) as u8, 0]);
        out.extend(piece);
    }
    out
}

/// Writes a whole message.
pub(in crate::tds) async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    kind: Kind,
    body: &[u8],
) -> io::Result<()> {
    stream.write_all(&packets(kind, body)).await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_comes_back_from_its_packets() {
        for length in [0, 1, SIZE - HEADER, SIZE - HEADER + 1, 100_000] {
            let body: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let bytes = packets(Kind::SqlBatch, &body);
            let mut stream = bytes.as_slice();
            let message = read(&mut stream).await.unwrap().unwrap();
            assert_eq!((message.kind, message.body), (Kind::SqlBatch, body));
            assert!(read(&mut stream).await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn garbage_is_refused() {
        let unknown = [0x47, 1, 0, 8, 0, 0, 0, 0];
        let short = [1, 1, 0, 7, 0, 0, 0, 0];
        let cut = [1, 1, 0, 9, 0, 0, 0, 0];
        for bytes in [unknown, short, cut] {
            assert!(read(&mut bytes.as_slice()).await.is_err(), "{bytes:?}");
        }
    }
}

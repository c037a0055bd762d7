//! The bytes of a client, frame by frame (RFC 9113, section 4).

use super::block::{Authority, Block, Malformed};

/// The first bytes that each client sends.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEADER: usize = 9;

const HEADERS: u8 = 0x1;
const PUSH_PROMISE: u8 = 0x5;
const CONTINUATION: u8 = 0x9;

const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// Bytes of the priority before a header block.
const PRIORITY_LENGTH: u32 = 5;

/// The position in the bytes of a client.
#[derive(Debug, Default)]
pub(super) struct Frames {
    position: Position,
    block: Block,
    /// A header block has begun, and its next piece must follow.
    is_in_block: bool,
}

#[derive(Debug, Clone, Copy)]
enum Position {
    /// In the preface, after this many bytes.
    Preface(usize),
    /// In a frame's header, after this many bytes.
    Header([u8; FRAME_HEADER], usize),
    /// In bytes to skip, with this many still to come: payloads, priorities and padding.
    Skip(u32, Behind),
    /// At the length of the padding.
    Padding(Head),
    /// In a piece of a header block.
    Piece(Piece),
    /// After malformed data, where nothing is known any more.
    Lost,
}

/// The start of a frame.
const FRAME: Position = Position::Header([0; FRAME_HEADER], 0);

/// What follows skipped bytes.
#[derive(Debug, Clone, Copy)]
enum Behind {
    Frame,
    Piece(Piece),
}

/// A frame with a piece of a header block, with this much of its payload still to come.
#[derive(Debug, Clone, Copy)]
struct Head {
    left: u32,
    has_priority: bool,
    /// Whether the header block ends with it.
    is_last: bool,
}

/// A piece of a header block, with this much still to come.
#[derive(Debug, Clone, Copy)]
struct Piece {
    left: u32,
    padding: u32,
    /// Whether the header block ends with it.
    is_last: bool,
}

impl Default for Position {
    fn default() -> Self {
        Self::Preface(0)
    }
}

impl Frames {
    /// Reads the client's next bytes up to an authority, or all of them when there is none. The next call begins after
    /// that authority, of which a part may not have arrived yet.
    pub(super) fn next_authority(&mut self, bytes: &[u8]) -> Option<Authority> {
        let mut at = 0;
        while at < bytes.len() {
            match self.step(&bytes[at..]) {
                Ok((passed, None)) => at += passed,
                Ok((_, Some(found))) => {
                    let start = at + found.start;
                    return Some(Authority { start, ..found });
                }
                Err(Malformed) => self.position = Position::Lost,
            }
        }
        None
    }

    /// Reads at least one byte, and returns how many.
    fn step(&mut self, bytes: &[u8]) -> Result<(usize, Option<Authority>), Malformed> {
        let mut found = None;
        let (passed, position) = match self.position {
            Position::Preface(come) => preface(come, bytes)?,
            Position::Header(header, come) => self.header(header, come, bytes)?,
            Position::Skip(left, behind) => {
                let passed = within(left, bytes).len();
                (passed, Position::Skip(left - wire(passed), behind))
            }
            Position::Padding(head) => (1, head.padded(bytes[0])?),
            Position::Piece(piece) => {
                found = self
                    .block
                    .next_authority(within(piece.left, bytes), piece.left)?;
                let passed = match found {
                    Some(found) => found.start + found.length,
                    None => within(piece.left, bytes).len(),
                };
                let left = piece.left - wire(passed);
                (passed, Position::Piece(Piece { left, ..piece }))
            }
            Position::Lost => (bytes.len(), Position::Lost),
        };
        self.enter(position)?;
        Ok((passed, found))
    }

    /// Moves to `position`, and on past whatever has no bytes.
    fn enter(&mut self, position: Position) -> Result<(), Malformed> {
        self.position = match position {
            Position::Skip(0, Behind::Frame) => FRAME,
            Position::Skip(0, Behind::Piece(piece)) => return self.enter(Position::Piece(piece)),
            Position::Piece(piece) if piece.left == 0 => {
                if piece.is_last {
                    self.block.end()?;
                    self.is_in_block = false;
                }
                return self.enter(Position::Skip(piece.padding, Behind::Frame));
            }
            position => position,
        };
        Ok(())
    }

    fn header(
        &mut self,
        mut header: [u8; FRAME_HEADER],
        come: usize,
        bytes: &[u8],
    ) -> Result<(usize, Position), Malformed> {
        let missing = &mut header[come..];
        let passed = missing.len().min(bytes.len());
        missing[..passed].copy_from_slice(&bytes[..passed]);
        let position = match come + passed {
            FRAME_HEADER => self.payload(header)?,
            come => Position::Header(header, come),
        };
        Ok((passed, position))
    }

    /// What follows a frame's header.
    fn payload(&mut self, header: [u8; FRAME_HEADER]) -> Result<Position, Malformed> {
        let [high, middle, low, kind, flags, ..] = header;
        let left = u32::from_be_bytes([0, high, middle, low]);
        // Other frames must not interrupt a header block, and only a block that has begun can continue.
        if self.is_in_block != (kind == CONTINUATION) || kind == PUSH_PROMISE {
            return Err(Malformed);
        }
        let is_headers = kind == HEADERS;
        if !is_headers && !self.is_in_block {
            return Ok(Position::Skip(left, Behind::Frame));
        }
        self.is_in_block = true;
        let head = Head {
            left,
            has_priority: is_headers && flags & PRIORITY != 0,
            is_last: flags & END_HEADERS != 0,
        };
        match is_headers && flags & PADDED != 0 {
            true if left == 0 => Err(Malformed),
            true => Ok(Position::Padding(head)),
            false => head.piece(0),
        }
    }
}

impl Head {
    /// The piece after the byte that contains the length of the padding.
    fn padded(self, padding: u8) -> Result<Position, Malformed> {
        let left = self.left - 1;
        Self { left, ..self }.piece(padding.into())
    }

    fn piece(self, padding: u32) -> Result<Position, Malformed> {
        let priority = if self.has_priority {
            PRIORITY_LENGTH
        } else {
            0
        };
        let left = self.left.checked_sub(priority + padding);
        let piece = Piece {
            left: left.ok_or(Malformed)?,
            padding,
            is_last: self.is_last,
        };
        Ok(Position::Skip(priority, Behind::Piece(piece)))
    }
}

fn preface(come: usize, bytes: &[u8]) -> Result<(usize, Position), Malformed> {
    let expected = &PREFACE[come..];
    let passed = expected.len().min(bytes.len());
    if bytes[..passed] != expected[..passed] {
        return Err(Malformed);
    }
    let position = match come + passed {
        come if come == PREFACE.len() => FRAME,
        come => Position::Preface(come),
    };
    Ok((passed, position))
}

/// The first of these bytes, at most `left`.
fn within(left: u32, bytes: &[u8]) -> &[u8] {
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    &bytes[..left.min(bytes.len())]
}

/// A number of bytes in the type that frames use.
fn wire(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

//! What a client sends, frame by frame (RFC 9113, section 4).

use super::block::{Authority, Block, Malformed};

/// What each client begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEADER: usize = 9;

const HEADERS: u8 = 0x1;
const PUSH_PROMISE: u8 = 0x5;
const CONTINUATION: u8 = 0x9;

const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// Bytes of the priority in front of a header block.
const PRIORITY_LENGTH: u32 = 5;

/// Where a client is in what it sends.
#[derive(Debug, Default)]
pub(super) struct Frames {
    place: Place,
    block: Block,
    /// A header block has begun, and its next piece must follow.
    is_in_block: bool,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// In the preface, of which so much has come.
    Preface(usize),
    /// In a frame's header, of which so much has come.
    Header([u8; FRAME_HEADER], usize),
    /// In so many bytes that are of no interest: payloads, priorities and padding.
    Skip(u32, Behind),
    /// At the length of the padding.
    Padding(Head),
    /// In a piece of a header block.
    Piece(Piece),
    /// Behind something malformed, where nothing is known.
    Lost,
}

/// The start of a frame.
const FRAME: Place = Place::Header([0; FRAME_HEADER], 0);

/// What follows bytes of no interest.
#[derive(Debug, Clone, Copy)]
enum Behind {
    Frame,
    Piece(Piece),
}

/// A frame with a piece of a header block, of whose payload so much is still to come.
#[derive(Debug, Clone, Copy)]
struct Head {
    left: u32,
    has_priority: bool,
    /// Whether the header block ends with it.
    is_last: bool,
}

/// A piece of a header block, of which so much is still to come.
#[derive(Debug, Clone, Copy)]
struct Piece {
    left: u32,
    padding: u32,
    /// Whether the header block ends with it.
    is_last: bool,
}

impl Default for Place {
    fn default() -> Self {
        Self::Preface(0)
    }
}

impl Frames {
    /// Goes through the client's next bytes up to an authority, or through all of them when there is none.
    /// The next call begins behind that authority, all of which may not have come yet.
    pub(super) fn next_authority(&mut self, bytes: &[u8]) -> Option<Authority> {
        let mut at = 0;
        while at < bytes.len() {
            match self.step(&bytes[at..]) {
                Ok((passed, None)) => at += passed,
                Ok((_, Some(found))) => {
                    let start = at + found.start;
                    return Some(Authority { start, ..found });
                }
                Err(Malformed) => self.place = Place::Lost,
            }
        }
        None
    }

    /// Goes through at least one byte, and tells how many it were.
    fn step(&mut self, bytes: &[u8]) -> Result<(usize, Option<Authority>), Malformed> {
        let mut found = None;
        let (passed, place) = match self.place {
            Place::Preface(come) => preface(come, bytes)?,
            Place::Header(header, come) => self.header(header, come, bytes)?,
            Place::Skip(left, behind) => {
                let passed = within(left, bytes).len();
                (passed, Place::Skip(left - wire(passed), behind))
            }
            Place::Padding(head) => (1, head.padded(bytes[0])?),
            Place::Piece(piece) => {
                found = self
                    .block
                    .next_authority(within(piece.left, bytes), piece.left)?;
                let passed = match found {
                    Some(found) => found.start + found.length,
                    None => within(piece.left, bytes).len(),
                };
                let left = piece.left - wire(passed);
                (passed, Place::Piece(Piece { left, ..piece }))
            }
            Place::Lost => (bytes.len(), Place::Lost),
        };
        self.enter(place)?;
        Ok((passed, found))
    }

    /// Goes to `place`, and past what has no bytes.
    fn enter(&mut self, place: Place) -> Result<(), Malformed> {
        self.place = match place {
            Place::Skip(0, Behind::Frame) => FRAME,
            Place::Skip(0, Behind::Piece(piece)) => return self.enter(Place::Piece(piece)),
            Place::Piece(piece) if piece.left == 0 => {
                if piece.is_last {
                    self.block.end()?;
                    self.is_in_block = false;
                }
                return self.enter(Place::Skip(piece.padding, Behind::Frame));
            }
            place => place,
        };
        Ok(())
    }

    fn header(
        &mut self,
        mut header: [u8; FRAME_HEADER],
        come: usize,
        bytes: &[u8],
    ) -> Result<(usize, Place), Malformed> {
        let missing = &mut header[come..];
        let passed = missing.len().min(bytes.len());
        missing[..passed].copy_from_slice(&bytes[..passed]);
        let place = match come + passed {
            FRAME_HEADER => self.payload(header)?,
            come => Place::Header(header, come),
        };
        Ok((passed, place))
    }

    /// What is behind a frame's header.
    fn payload(&mut self, header: [u8; FRAME_HEADER]) -> Result<Place, Malformed> {
        let [high, middle, low, kind, flags, ..] = header;
        let left = u32::from_be_bytes([0, high, middle, low]);
        // A header block is not interrupted, and goes on only when it has begun.
        if self.is_in_block != (kind == CONTINUATION) || kind == PUSH_PROMISE {
            return Err(Malformed);
        }
        let is_headers = kind == HEADERS;
        if !is_headers && !self.is_in_block {
            return Ok(Place::Skip(left, Behind::Frame));
        }
        self.is_in_block = true;
        let head = Head {
            left,
            has_priority: is_headers && flags & PRIORITY != 0,
            is_last: flags & END_HEADERS != 0,
        };
        match is_headers && flags & PADDED != 0 {
            true if left == 0 => Err(Malformed),
            true => Ok(Place::Padding(head)),
            false => head.piece(0),
        }
    }
}

impl Head {
    /// The piece behind the byte that says how much padding there is.
    fn padded(self, padding: u8) -> Result<Place, Malformed> {
        let left = self.left - 1;
        Self { left, ..self }.piece(padding.into())
    }

    fn piece(self, padding: u32) -> Result<Place, Malformed> {
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
        Ok(Place::Skip(priority, Behind::Piece(piece)))
    }
}

fn preface(come: usize, bytes: &[u8]) -> Result<(usize, Place), Malformed> {
    let expected = &PREFACE[come..];
    let passed = expected.len().min(bytes.len());
    if bytes[..passed] != expected[..passed] {
        return Err(Malformed);
    }
    let place = match come + passed {
        come if come == PREFACE.len() => FRAME,
        come => Place::Preface(come),
    };
    Ok((passed, place))
}

/// The first of these bytes, at most so many.
fn within(left: u32, bytes: &[u8]) -> &[u8] {
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    &bytes[..left.min(bytes.len())]
}

/// A count of bytes of a frame, as frames count them.
fn wire(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

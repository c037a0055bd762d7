//! Header blocks (RFC 7541, section 6), parsed as far as is needed to find the authorities in them.

/// Index of `:authority` in the static table.
const INDEX: u32 = 1;
const NAME: &[u8] = b":authority";
/// The same name, compressed.
const NAME_HUFFMAN: &[u8] = &[0xb8, 0x3b, 0x53, 0x39, 0xec, 0x32, 0x7d, 0x7f];
/// The longest authority that is replaced, in bytes: a socket's path is much shorter in any encoding.
const LONGEST: u32 = 1_024;
/// The shift of the last byte of a number: this HTTP/2 server accepts no longer ones.
const LAST_SHIFT: u32 = 21;

/// The position in a client's header block.
#[derive(Debug, Default)]
pub(super) struct Block {
    position: Position,
}

/// An authority among the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Authority {
    /// Number of bytes before it.
    pub(super) start: usize,
    /// Its length in bytes.
    pub(super) length: usize,
    /// Whether it is compressed.
    pub(super) is_huffman: bool,
}

/// The data violates HTTP/2. The HTTP/2 server reports it.
#[derive(Debug)]
pub(super) struct Malformed;

#[derive(Debug, Clone, Copy, Default)]
enum Position {
    /// At the start of a field.
    #[default]
    Field,
    /// After the first byte of a number.
    Number(Number, u32, u32),
    /// At the length of a string.
    Text(Text),
    /// In a name, with this many bytes still to come.
    Name(u32, Name),
    /// In a value, with this many bytes still to come.
    Value(u32),
    /// At an authority.
    Authority(u32, bool),
}

/// The meaning of a number.
#[derive(Debug, Clone, Copy)]
enum Number {
    /// The index of a whole field, or the new size of the client's table: nothing follows it.
    Alone,
    /// The index of a name; 0 when the name follows.
    Name,
    /// The length of a string, and whether it is compressed.
    Length(Text, bool),
}

#[derive(Debug, Clone, Copy)]
enum Text {
    Name,
    Value,
    Authority,
}

/// A name that is compared with `:authority` while it arrives.
#[derive(Debug, Clone, Copy)]
struct Name {
    is_huffman: bool,
    /// How many bytes were the same so far; none when one was not.
    alike: Option<usize>,
}

impl Block {
    /// Reads the next bytes of a piece, of which `left` are still to come, up to an authority, or all of them when
    /// there is none. The next call begins after that authority.
    pub(super) fn next_authority(
        &mut self,
        bytes: &[u8],
        left: u32,
    ) -> Result<Option<Authority>, Malformed> {
        let mut start = 0;
        while start < bytes.len() {
            start += self.step(&bytes[start..])?;
            let Position::Authority(length, is_huffman) = self.position else {
                continue;
            };
            let behind = left.saturating_sub(wire(start));
            if length > LONGEST || length > behind {
                self.position = value(length);
                continue;
            }
            self.position = Position::Field;
            return Ok(Some(Authority {
                start,
                length: native(length),
                is_huffman,
            }));
        }
        Ok(None)
    }

    /// Ends the header block.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        match self.position {
            Position::Field => Ok(()),
            _ => Err(Malformed),
        }
    }

    /// Reads at least one byte, and returns how many.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let first = bytes[0];
        let (passed, position) = match self.position {
            Position::Field => (1, field(first)),
            Position::Number(number, so_far, shift) => (1, more(number, so_far, shift, first)?),
            Position::Text(text) => {
                let is_huffman = first & 0x80 != 0;
                (1, number(Number::Length(text, is_huffman), first, 7))
            }
            Position::Name(left, name) => {
                let passed = native(left).min(bytes.len());
                let name = name.compare(&bytes[..passed]);
                (passed, name.position(left - wire(passed)))
            }
            Position::Value(left) | Position::Authority(left, _) => {
                let passed = native(left).min(bytes.len());
                (passed, value(left - wire(passed)))
            }
        };
        self.position = position;
        Ok(passed)
    }
}

/// What follows the first byte of a field.
fn field(first: u8) -> Position {
    match first.leading_zeros() {
        0 => number(Number::Alone, first, 7),
        1 => number(Number::Name, first, 6),
        2 => number(Number::Alone, first, 5),
        _ => number(Number::Name, first, 4),
    }
}

/// What follows the first byte of a number, of which the lowest `bits` belong to the number.
fn number(number: Number, first: u8, bits: u32) -> Position {
    let most = (1 << bits) - 1;
    match u32::from(first) & most {
        value if value < most => number.position(value),
        value => Position::Number(number, value, 0),
    }
}

/// What follows another byte of a number.
fn more(number: Number, so_far: u32, shift: u32, byte: u8) -> Result<Position, Malformed> {
    let value = so_far + (u32::from(byte & 0x7f) << shift);
    if byte & 0x80 == 0 {
        return Ok(number.position(value));
    }
    match shift {
        LAST_SHIFT => Err(Malformed),
        shift => Ok(Position::Number(number, value, shift + 7)),
    }
}

/// What follows the length of a value.
fn value(left: u32) -> Position {
    match left {
        0 => Position::Field,
        left => Position::Value(left),
    }
}

impl Number {
    /// What follows it.
    fn position(self, value: u32) -> Position {
        match (self, value) {
            (Self::Alone, _) => Position::Field,
            (Self::Name, 0) => Position::Text(Text::Name),
            (Self::Name, INDEX) => Position::Text(Text::Authority),
            (Self::Name, _) => Position::Text(Text::Value),
            (Self::Length(Text::Name, is_huffman), left) => Name::new(is_huffman).position(left),
            (Self::Length(Text::Value, _), left) => self::value(left),
            (Self::Length(Text::Authority, is_huffman), left) => {
                Position::Authority(left, is_huffman)
            }
        }
    }
}

impl Name {
    fn new(is_huffman: bool) -> Self {
        Self {
            is_huffman,
            alike: Some(0),
        }
    }

    fn ours(self) -> &'static [u8] {
        match self.is_huffman {
            true => NAME_HUFFMAN,
            false => NAME,
        }
    }

    fn compare(self, bytes: &[u8]) -> Self {
        let alike = self
            .alike
            .filter(|alike| self.ours()[*alike..].starts_with(bytes));
        Self {
            alike: alike.map(|alike| alike + bytes.len()),
            ..self
        }
    }

    /// What follows, when this much of it is still to come.
    fn position(self, left: u32) -> Position {
        match left {
            0 if self.alike == Some(self.ours().len()) => Position::Text(Text::Authority),
            0 => Position::Text(Text::Value),
            left => Position::Name(left, self),
        }
    }
}

fn native(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn wire(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

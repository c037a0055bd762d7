//! Header blocks (RFC 7541, section 6), as far as it takes to find the authorities in them.

/// `:authority` in the table that both sides know from the start.
const INDEX: u32 = 1;
const NAME: &[u8] = b":authority";
/// The same, compressed.
const NAME_HUFFMAN: &[u8] = &[0xb8, 0x3b, 0x53, 0x39, 0xec, 0x32, 0x7d, 0x7f];
/// The longest authority that is replaced, in bytes: a socket's path is far shorter, however it is encoded.
const LONGEST: u32 = 1_024;
/// The shift of the last byte that a number may have: HTTP/2 here takes no longer ones.
const LAST_SHIFT: u32 = 21;

/// Where a client is in its header block.
#[derive(Debug, Default)]
pub(super) struct Block {
    place: Place,
}

/// An authority among the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Authority {
    /// How many bytes are in front of it.
    pub(super) start: usize,
    /// How many it has.
    pub(super) length: usize,
    /// Whether it is compressed.
    pub(super) is_huffman: bool,
}

/// What HTTP/2 does not allow. It is left to HTTP/2 to say so.
#[derive(Debug)]
pub(super) struct Malformed;

#[derive(Debug, Clone, Copy, Default)]
enum Place {
    /// At the start of a field.
    #[default]
    Field,
    /// Behind the first byte of a number.
    Number(Number, u32, u32),
    /// At the length of a text.
    Text(Text),
    /// In a name, of which so many bytes are still to come.
    Name(u32, Name),
    /// In a value, of which so many bytes are still to come.
    Value(u32),
    /// At an authority.
    Authority(u32, bool),
}

/// What a number says.
#[derive(Debug, Clone, Copy)]
enum Number {
    /// Which whole field it is, or how large the client's table is from now on: nothing belongs to it.
    Alone,
    /// Which name it is; 0 when the name follows.
    Name,
    /// How long a text is, and whether it is compressed.
    Length(Text, bool),
}

#[derive(Debug, Clone, Copy)]
enum Text {
    Name,
    Value,
    Authority,
}

/// A name that is compared with ours while it comes.
#[derive(Debug, Clone, Copy)]
struct Name {
    is_huffman: bool,
    /// How many bytes were alike; none when one was not.
    alike: Option<usize>,
}

impl Block {
    /// Goes through the next bytes of a piece, of which `left` are still to come, up to an authority or
    /// through all of them when there is none. The next call begins behind that authority.
    pub(super) fn next_authority(
        &mut self,
        bytes: &[u8],
        left: u32,
    ) -> Result<Option<Authority>, Malformed> {
        let mut start = 0;
        while start < bytes.len() {
            start += self.step(&bytes[start..])?;
            let Place::Authority(length, is_huffman) = self.place else {
                continue;
            };
            let behind = left.saturating_sub(wire(start));
            if length > LONGEST || length > behind {
                self.place = value(length);
                continue;
            }
            self.place = Place::Field;
            return Ok(Some(Authority {
                start,
                length: native(length),
                is_huffman,
            }));
        }
        Ok(None)
    }

    /// Notes the end of the header block.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        match self.place {
            Place::Field => Ok(()),
            _ => Err(Malformed),
        }
    }

    /// Goes through at least one byte, and tells how many it were.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let first = bytes[0];
        let (passed, place) = match self.place {
            Place::Field => (1, field(first)),
            Place::Number(number, so_far, shift) => (1, more(number, so_far, shift, first)?),
            Place::Text(text) => {
                let is_huffman = first & 0x80 != 0;
                (1, number(Number::Length(text, is_huffman), first, 7))
            }
            Place::Name(left, name) => {
                let passed = native(left).min(bytes.len());
                let name = name.compare(&bytes[..passed]);
                (passed, name.place(left - wire(passed)))
            }
            Place::Value(left) | Place::Authority(left, _) => {
                let passed = native(left).min(bytes.len());
                (passed, value(left - wire(passed)))
            }
        };
        self.place = place;
        Ok(passed)
    }
}

/// What follows the first byte of a field.
fn field(first: u8) -> Place {
    match first.leading_zeros() {
        0 => number(Number::Alone, first, 7),
        1 => number(Number::Name, first, 6),
        2 => number(Number::Alone, first, 5),
        _ => number(Number::Name, first, 4),
    }
}

/// What follows the first byte of a number, whose lowest `bits` belong to it.
fn number(number: Number, first: u8, bits: u32) -> Place {
    let most = (1 << bits) - 1;
    match u32::from(first) & most {
        value if value < most => number.place(value),
        value => Place::Number(number, value, 0),
    }
}

/// What follows another byte of a number.
fn more(number: Number, so_far: u32, shift: u32, byte: u8) -> Result<Place, Malformed> {
    let value = so_far + (u32::from(byte & 0x7f) << shift);
    if byte & 0x80 == 0 {
        return Ok(number.place(value));
    }
    match shift {
        LAST_SHIFT => Err(Malformed),
        shift => Ok(Place::Number(number, value, shift + 7)),
    }
}

/// What follows the length of a value.
fn value(left: u32) -> Place {
    match left {
        0 => Place::Field,
        left => Place::Value(left),
    }
}

impl Number {
    /// What follows it.
    fn place(self, value: u32) -> Place {
        match (self, value) {
            (Self::Alone, _) => Place::Field,
            (Self::Name, 0) => Place::Text(Text::Name),
            (Self::Name, INDEX) => Place::Text(Text::Authority),
            (Self::Name, _) => Place::Text(Text::Value),
            (Self::Length(Text::Name, is_huffman), left) => Name::new(is_huffman).place(left),
            (Self::Length(Text::Value, _), left) => self::value(left),
            (Self::Length(Text::Authority, is_huffman), left) => Place::Authority(left, is_huffman),
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

    /// What follows it, when so much of it is still to come.
    fn place(self, left: u32) -> Place {
        match left {
            0 if self.alike == Some(self.ours().len()) => Place::Text(Text::Authority),
            0 => Place::Text(Text::Value),
            left => Place::Name(left, self),
        }
    }
}

fn native(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn wire(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

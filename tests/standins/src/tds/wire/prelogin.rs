//! PRELOGIN (2.2.6.5): versions and encryption are agreed on.

use std::io;

use super::{bytes::Reader, malformed};

/// Options (2.2.6.5): the version, the encryption, and the end of the list.
const VERSION: u8 = 0x00;
const ENCRYPTION: u8 = 0x01;
const TERMINATOR: u8 = 0xFF;
/// What the stand-in says that it is: 16.0.1000, in network byte order, and no sub-build.
pub(super) const SERVER_VERSION: [u8; 4] = [16, 0, 0x03, 0xE8];

/// What one side says about encryption (2.2.6.5, B_FENCRYPTION).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tds) enum Wish {
    /// Available, and off: of a session only the login is encrypted.
    Off,
    /// Available, and on.
    On,
    /// Not available.
    NotSupported,
    /// Nothing goes without.
    Required,
}

impl Wish {
    const fn byte(self) -> u8 {
        match self {
            Self::Off => 0,
            Self::On => 1,
            Self::NotSupported => 2,
            Self::Required => 3,
        }
    }

    const fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Off,
            1 => Self::On,
            2 => Self::NotSupported,
            3 => Self::Required,
            _ => return None,
        })
    }
}

/// What the client says about encryption.
pub(in crate::tds) fn client_wish(body: &[u8]) -> io::Result<Wish> {
    let mut options = Reader::new(body);
    loop {
        let option = options.u8()?;
        if option == TERMINATOR {
            return Err(malformed("a PRELOGIN without encryption"));
        }
        let [offset, length] = [options.array()?, options.array()?].map(u16::from_be_bytes);
        if option != ENCRYPTION {
            continue;
        }
        let mut value = Reader::new(body);
        value.take(usize::from(offset))?;
        let byte = value.take(usize::from(length))?.first().copied();
        return byte
            .and_then(Wish::of)
            .ok_or_else(|| malformed("an unknown encryption"));
    }
}

/// The stand-in's own PRELOGIN.
pub(in crate::tds) fn answer(wish: Wish) -> Vec<u8> {
    // Two options of five bytes each and the terminator, then their values.
    let mut out = vec![VERSION, 0, 11, 0, 6, ENCRYPTION, 0, 17, 0, 1, TERMINATOR];
    out.extend(SERVER_VERSION);
    out.extend([0, 0]);
    out.push(wish.byte());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_comes_back() {
        for wish in [Wish::Off, Wish::On, Wish::NotSupported, Wish::Required] {
            assert_eq!(client_wish(&answer(wish)).unwrap(), wish);
        }
    }

    #[test]
    fn half_a_prelogin_is_refused() {
        let whole = answer(Wish::On);
        for length in 0..whole.len() {
            assert!(client_wish(&whole[..length]).is_err(), "{length}");
        }
    }
}

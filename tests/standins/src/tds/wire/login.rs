//! LOGIN7 (2.2.6.4): who wants to come in, and to which database.

use std::io;

use super::bytes::{Reader, text};

/// Where the pairs of offset and length start (2.2.6.4): after the fixed header.
const TABLE: usize = 36;

/// What a client says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tds) struct Login {
    pub(in crate::tds) username: String,
    pub(in crate::tds) password: String,
    pub(in crate::tds) application: String,
    pub(in crate::tds) database: String,
}

impl Login {
    /// Reads a LOGIN7.
    pub(in crate::tds) fn parse(body: &[u8]) -> io::Result<Self> {
        let mut table = Reader::new(body);
        table.take(TABLE)?;
        let mut next = || -> io::Result<&[u8]> {
            let [offset, length] = [table.u16()?, table.u16()?].map(usize::from);
            let mut value = Reader::new(body);
            value.take(offset)?;
            value.take(length * 2)
        };
        let _host = next()?;
        let username = text(next()?)?;
        let password = text(&reveal(next()?))?;
        let application = text(next()?)?;
        let [_server, _extension, _library, _language] = [next()?, next()?, next()?, next()?];
        let database = text(next()?)?;
        Ok(Self {
            username,
            password,
            application,
            database,
        })
    }
}

/// Undoes what a client does to each byte of a password: halves swapped, then XOR with A5.
fn reveal(bytes: &[u8]) -> Vec<u8> {
    let plain = bytes.iter().map(|byte| (byte ^ 0xA5).rotate_left(4));
    plain.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_revealed() {
        // 2.2.6.4: `a` is 61 00; swapped 16 00; XOR with A5: B3 A5.
        assert_eq!(reveal(&[0xB3, 0xA5]), [0x61, 0x00]);
    }

    #[test]
    fn half_a_login_is_refused() {
        for length in 0..TABLE + 36 {
            let mut body = vec![0; length];
            if let Some(offset) = body.get_mut(TABLE) {
                *offset = 0xFF;
            }
            assert!(Login::parse(&body).is_err(), "{length}");
        }
    }
}

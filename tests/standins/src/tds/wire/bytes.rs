//! Reading and writing the protocol's little-endian fields.

use std::io;

use super::malformed;

/// What is left of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything that is left.
    pub(super) const fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(super) fn take(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| malformed("a message ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> io::Result<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> io::Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> io::Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// B_VARCHAR (2.2.5.1.3): a count of characters in one byte, then UTF-16.
    pub(super) fn b_varchar(&mut self) -> io::Result<String> {
        let count = usize::from(self.u8()?);
        text(self.take(count * 2)?)
    }
}

/// UTF-16, little-endian (2.2.5.1.1).
pub(super) fn text(bytes: &[u8]) -> io::Result<String> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(malformed("half a character"));
    }
    let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    String::from_utf16(&units).map_err(|_| malformed("a text is no UTF-16"))
}

/// A text as UTF-16, little-endian.
pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// B_VARCHAR; what is longer than it can hold is left out.
pub(super) fn put_b_varchar(out: &mut Vec<u8>, text: &str) {
    let mut units: Vec<u16> = text.encode_utf16().collect();
    units.truncate(usize::from(u8::MAX));
    out.push(u8::try_from(units.len()).unwrap_or(u8::MAX));
    out.extend(units.into_iter().flat_map(u16::to_le_bytes));
}

/// US_VARCHAR (2.2.5.1.3): a count of characters in two bytes, then UTF-16; what is longer than it can hold is left out.
pub(super) fn put_us_varchar(out: &mut Vec<u8>, text: &str) {
    let mut units: Vec<u16> = text.encode_utf16().collect();
    units.truncate(usize::from(u16::MAX / 4));
    put_length(out, units.len());
    out.extend(units.into_iter().flat_map(u16::to_le_bytes));
}

/// A length in two bytes. The callers keep within it.
pub(super) fn put_length(out: &mut Vec<u8>, length: usize) {
    out.extend(u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
}

//! The Huffman code that compresses strings in header blocks (RFC 7541, appendix B), for ASCII.
//!
//! The code is canonical: the codes of one length follow each other, and the first code of a length follows the last
//! code of the previous length. So the characters in the order of their codes are enough to know all codes. Characters
//! with longer codes cannot be part of an authority.

/// The characters by the length of their codes, in bits.
const CHARACTERS: [(u32, &[u8]); 10] = [
    (5, b"012aceiost"),
    (6, b" %-./3456789=A_bdfghlmnpru"),
    (7, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, b"&*,;XZ"),
    (10, b"!\"()?"),
    (11, b"'+|"),
    (12, b"#>"),
    (13, b"\0$@[]~"),
    (14, b"^}"),
    (15, b"<`{"),
];

/// The decoded string; none when it has other characters, or is not valid.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let (mut code, mut length) = (0_u32, 0_u32);
    for bit in bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
    {
        (code, length) = (code << 1 | u32::from(bit), length + 1);
        if let Some(character) = character(code, length)? {
            text.push(character);
            (code, length) = (0, 0);
        }
    }
    // The last byte is padded with ones.
    (length < 8 && code.count_ones() == length).then_some(text)
}

/// The compressed string; none when it has other characters.
pub(super) fn encode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0_u32);
    for character in text {
        let (code, length) = code(*character)?;
        (bits, count) = (bits << length | code, count + length);
        while count >= 8 {
            count -= 8;
            bytes.push((bits >> count).to_be_bytes()[3]);
        }
    }
    if count > 0 {
        let free = 8 - count;
        bytes.push((bits << free | ((1 << free) - 1)).to_be_bytes()[3]);
    }
    Some(bytes)
}

/// The length of a character's code, in bits.
pub(super) fn length(character: u8) -> Option<u32> {
    code(character).map(|(_, length)| length)
}

/// The character with this code. The inner value is none while more bits are to come; the outer one is none when no
/// character here has such a code.
fn character(code: u32, length: u32) -> Option<Option<u8>> {
    for (first, of_length, characters) in codes().skip_while(|(_, it, _)| *it < length) {
        if of_length > length {
            return Some(None);
        }
        let at = code
            .checked_sub(first)
            .and_then(|at| usize::try_from(at).ok());
        let found = at.and_then(|at| characters.get(at));
        if found.is_some() {
            return Some(found.copied());
        }
    }
    None
}

fn code(character: u8) -> Option<(u32, u32)> {
    codes().find_map(|(first, length, characters)| {
        let at = characters.iter().position(|other| *other == character)?;
        Some((first + u32::try_from(at).ok()?, length))
    })
}

/// For each length: its first code, the length in bits, and the characters.
fn codes() -> impl Iterator<Item = (u32, u32, &'static [u8])> {
    let mut next = (0_u32, 0_u32);
    CHARACTERS.into_iter().map(move |(length, characters)| {
        let (code, before) = next;
        let first = code << (length - before);
        let count = u32::try_from(characters.len()).unwrap_or_default();
        next = (first + count, length);
        (first, length, characters)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From RFC 7541, appendix C.
    #[test]
    fn the_examples_of_the_standard_are_read_and_written() {
        let examples: [(&[u8], &[u8]); 3] = [
            (b"www.example.com", b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"),
            (b"custom-value", b"\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf"),
            (
                b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
                b"\x94\xe7\x82\x1d\xd7\xf2\xe6\xc7\xb3\x35\xdf\xdf\xcd\x5b\x39\x60\xd5\xaf\x27\x08\x7f\x36\x72\xc1\xab\x27\x0f\xb5\x29\x1f\x95\x87\x31\x60\x65\xc0\x03\xed\x4e\xe5\xb1\x06\x3d\x50\x07",
            ),
        ];
        for (text, bytes) in examples {
            assert_eq!(decode(bytes).as_deref(), Some(text));
            assert_eq!(encode(text).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn what_is_no_text_is_told() {
        // Ones to the end, a whole byte of them, and zeros behind the last character.
        for bytes in [&[0xff, 0xff, 0xff, 0xff][..], &[0x07, 0xff], &[0x00]] {
            assert_eq!(decode(bytes), None, "{bytes:x?}");
        }
        assert_eq!(decode(&[]), Some(Vec::new()));
        assert_eq!(encode("ö".as_bytes()), None);
    }
}

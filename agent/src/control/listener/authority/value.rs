//! The replacement for an authority that HTTP/2 refuses.

use http::uri::Authority;

use super::huffman;

/// Makes `value` acceptable, with the same number of characters and bytes. Does not change a value that is acceptable
/// already, or cannot be made so.
pub(super) fn make_acceptable(value: &mut [u8], is_huffman: bool) {
    if !is_huffman {
        if !is_acceptable(value) {
            value
                .iter_mut()
                .filter(|it| !is_plain(**it))
                .for_each(|it| *it = b'-');
        }
        return;
    }
    let replaced = huffman::decode(value)
        .filter(|text| !is_acceptable(text))
        .and_then(|text| text.into_iter().map(stand_in).collect::<Option<Vec<_>>>())
        .and_then(|text| huffman::encode(&text));
    if let Some(replaced) = replaced.filter(|replaced| replaced.len() == value.len()) {
        value.copy_from_slice(&replaced);
    }
}

/// Whether the HTTP/2 server accepts it.
fn is_acceptable(value: &[u8]) -> bool {
    Authority::try_from(value).is_ok()
}

/// Whether a host may contain the character at any position.
fn is_plain(character: u8) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, b'-' | b'.' | b'_')
}

/// A character that a host may contain, with a code of the same length.
fn stand_in(character: u8) -> Option<u8> {
    if is_plain(character) {
        return Some(character);
    }
    match huffman::length(character)? {
        6 => Some(b'-'),
        7 => Some(b'x'),
        8 => Some(b'X'),
        10 => Some(b'!'),
        11 => Some(b'+'),
        13 => Some(b'$'),
        _ => None,
    }
}

//! TDS packets: everything before and around encryption is sent in them (MS-TDS 2.2.3).

use std::io;

/// The type of a PRELOGIN packet, and of the packets that wrap a TLS handshake.
pub(super) const PRELOGIN: u8 = 0x12;

/// The type of a server's answers.
pub(super) const RESULT: u8 = 0x04;

/// The length of a packet's header, in bytes.
pub(super) const HEADER: usize = 8;

/// How many bytes a packet may have, including its header (MS-TDS 2.2.3.1.3).
const LARGEST: usize = 32_767;

/// How many bytes a packet may have before another size is negotiated.
const FIRST_SIZE: usize = 4096;

/// The status of a message's last packet.
const LAST: u8 = 0x01;

/// The header of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The type of the packet.
    pub kind: u8,
    /// Whether the packet is the last one of its message.
    pub last: bool,
    /// The length of what follows the header, in bytes.
    pub length: usize,
}

impl Header {
    /// Parses a header.
    ///
    /// # Errors
    ///
    /// When no packet can have such a length.
    pub(super) fn parse(bytes: [u8; HEADER]) -> io::Result<Self> {
        let [kind, status, high, low, ..] = bytes;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !(HEADER..=LARGEST).contains(&length) {
            return Err(invalid("a packet has an impossible length"));
        }
        Ok(Self {
            kind,
            last: status & LAST != 0,
            length: length - HEADER,
        })
    }
}

/// A message, split into as many packets as it needs; an empty message needs one.
pub(super) fn whole(kind: u8, message: &[u8]) -> Vec<u8> {
    let mut packets = Vec::with_capacity(message.len() + HEADER);
    let mut rest = message;
    let mut number = 1u8;
    loop {
        let part;
        (part, rest) = rest.split_at(rest.len().min(FIRST_SIZE - HEADER));
        let status = if rest.is_empty() { LAST } else { 0 };
        let [.., high, low] = (part.len() + HEADER).to_be_bytes();
        packets.extend_from_slice(&[kind, status, high, low, 0, 0, number, 0]);
        packets.extend_from_slice(part);
        if rest.is_empty() {
            return packets;
        }
        number = number.wrapping_add(1);
    }
}

/// The error for a server that violates the protocol.
pub(super) fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Follows packets as their bytes pass, to know where a packet or a message ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Follower {
    head: [u8; HEADER],
    known: usize,
    left: usize,
    last: bool,
}

impl Follower {
    /// How many of the following bytes still belong to the message, and whether it ends with them.
    ///
    /// # Errors
    ///
    /// When the bytes are not packets.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> io::Result<(usize, bool)> {
        self.follow_to(bytes, |last| last)
    }

    /// As [`follow`](Self::follow), but up to the end of a packet, whether its message ends with it or not.
    ///
    /// # Errors
    ///
    /// When the bytes are not packets.
    pub(super) fn follow_packet(&mut self, bytes: &[u8]) -> io::Result<(usize, bool)> {
        self.follow_to(bytes, |_| true)
    }

    fn follow_to(
        &mut self,
        bytes: &[u8],
        ends: impl Fn(bool) -> bool,
    ) -> io::Result<(usize, bool)> {
        let mut taken = 0;
        while taken < bytes.len() {
            if self.known < HEADER {
                self.head[self.known] = bytes[taken];
                self.known += 1;
                taken += 1;
                if self.known < HEADER {
                    continue;
                }
                let header = Header::parse(self.head)?;
                (self.left, self.last) = (header.length, header.last);
            }
            let part = self.left.min(bytes.len() - taken);
            taken += part;
            self.left -= part;
            if self.left == 0 {
                self.known = 0;
                if ends(self.last) {
                    return Ok((taken, true));
                }
            }
        }
        Ok((taken, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_goes_in_packets_and_its_end_is_found() {
        for length in [0, 1, 100, 4088, 4089, 10_000] {
            let mut bytes = whole(PRELOGIN, &vec![7; length]);
            let message = bytes.len();
            assert_eq!(message, length + length.div_ceil(4088).max(1) * HEADER);
            bytes.extend_from_slice(&[0xaa; 20]);
            for step in [1, 7, 8, 9, 5000, 20_000] {
                let mut follower = Follower::default();
                let mut at = 0;
                loop {
                    let part = &bytes[at..bytes.len().min(at + step)];
                    let (taken, ended) = follower.follow(part).unwrap();
                    at += taken;
                    if ended {
                        break;
                    }
                }
                assert_eq!(at, message, "{length} {step}");
            }
        }
    }

    #[test]
    fn the_end_of_the_first_packet_is_found() {
        for length in [0, 1, 4088, 4089, 10_000] {
            let bytes = whole(PRELOGIN, &vec![7; length]);
            let first = length.min(4088) + HEADER;
            for step in [1, 7, 8, 9, 5000, 20_000] {
                let mut follower = Follower::default();
                let mut at = 0;
                loop {
                    let part = &bytes[at..bytes.len().min(at + step)];
                    let (taken, ended) = follower.follow_packet(part).unwrap();
                    at += taken;
                    if ended {
                        break;
                    }
                }
                assert_eq!(at, first, "{length} {step}");
            }
        }
    }

    #[test]
    fn impossible_lengths_are_refused() {
        for length in [0u16, 7, 32_768, 65_535] {
            let [high, low] = length.to_be_bytes();
            let head = [RESULT, LAST, high, low, 0, 0, 1, 0];
            assert!(Header::parse(head).is_err());
            assert!(Follower::default().follow(&head).is_err());
        }
    }
}

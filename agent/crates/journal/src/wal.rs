//! Damage in a WAL. SQLite reads a WAL up to the first frame whose checksum is wrong, and takes that for the
//! end, which is right after a power cut. But when a bit of an older frame has flipped, what was committed
//! after it is lost silently.
//!
//! A power cut can only damage what was not synced, and each commit is synced before the next one is written.
//! So a commit *after* the broken one shows that the broken one was complete once. (A flipped bit in the last
//! commit looks like a torn commit.)
//!
//! The layout is described in section 4 of SQLite's file format.

use std::{fs, io, path::Path};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

type Sums = (u32, u32);

struct Header {
    /// Whether checksums are computed over big-endian numbers.
    big_endian: bool,
    page: usize,
    /// The salts of the current round through the file: frames of older rounds may follow.
    salts: [u8; 8],
    sums: Sums,
}

/// Whether commits were lost from the WAL at `path`, which belongs to a database of `database` bytes.
pub(super) fn is_damaged(path: &Path, database: u64) -> io::Result<bool> {
    match fs::read(path) {
        Ok(wal) => Ok(has_lost(&wal, database)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn has_lost(wal: &[u8], database: u64) -> bool {
    let Some((header, frames)) = wal.split_first_chunk::<HEADER>() else {
        return false;
    };
    if let Some(header) = Header::of(header) {
        // The broken commit itself, and one after it.
        return header.unread_commits(frames, database, true) >= 2;
    }
    // The header is synced before the first frame, so this is damage: SQLite reads no frame because of it.
    Header::mended(header).is_some_and(|header| header.unread_commits(frames, database, false) >= 1)
}

impl Header {
    /// Parses the header; none when its checksum is wrong.
    fn of(bytes: &[u8; HEADER]) -> Option<Self> {
        let big_endian = match number(bytes, 0) {
            0x377f_0682 => false,
            0x377f_0683 => true,
            _ => return None,
        };
        let page = number(bytes, 8);
        let sums = sum(big_endian, (0, 0), &bytes[..24]);
        let sound = sums == (number(bytes, 24), number(bytes, 28))
            && page.is_power_of_two()
            && (512..=65536).contains(&page);
        Some(Self {
            big_endian,
            page: usize::try_from(page).ok()?,
            salts: *bytes[16..].first_chunk()?,
            sums,
        })
        .filter(|_| sound)
    }

    /// The header with the one wrong byte corrected; none when there is no such byte, for example when the
    /// header was being written.
    fn mended(bytes: &[u8; HEADER]) -> Option<Self> {
        (0..HEADER).find_map(|at| {
            (1..=u8::MAX).find_map(|flipped| {
                let mut bytes = *bytes;
                bytes[at] ^= flipped;
                Self::of(&bytes)
            })
        })
    }

    /// How many commits of this round SQLite does not read, counting from the first broken frame.
    fn unread_commits(&self, frames: &[u8], database: u64, mut is_read: bool) -> usize {
        let frames = frames.chunks_exact(FRAME_HEADER + self.page);
        // A torn frame may contain anything, but no commit makes a file longer than this.
        let longest = database / self.page as u64 + frames.len() as u64;
        let mut sums = self.sums;
        let mut commits = 0;
        for frame in frames {
            let (header, page) = frame.split_at(FRAME_HEADER);
            if is_read {
                sums = sum(self.big_endian, sums, &header[..8]);
                sums = sum(self.big_endian, sums, page);
                is_read = header[8..16] == self.salts
                    && number(header, 0) != 0
                    && sums == (number(header, 16), number(header, 20));
            }
            // Only a commit frame contains the length of the file.
            let is_commit = (1..=longest).contains(&number(header, 4).into());
            commits += usize::from(!is_read && is_commit && self.is_of_this_round(&header[8..16]));
        }
        commits
    }

    /// Whether the salts are of this round. One byte may be damaged; in another round, both salts differ.
    fn is_of_this_round(&self, salts: &[u8]) -> bool {
        let differ = salts.iter().zip(&self.salts).filter(|(a, b)| a != b);
        differ.count() <= 1
    }
}

fn sum(big_endian: bool, (mut first, mut second): Sums, bytes: &[u8]) -> Sums {
    let read = match big_endian {
        true => u32::from_be_bytes,
        false => u32::from_le_bytes,
    };
    for [a, b, c, d, e, f, g, h] in bytes.as_chunks().0 {
        first = first
            .wrapping_add(read([*a, *b, *c, *d]))
            .wrapping_add(second);
        second = second
            .wrapping_add(read([*e, *f, *g, *h]))
            .wrapping_add(first);
    }
    (first, second)
}

/// The big-endian number at `at`; 0 after the end.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

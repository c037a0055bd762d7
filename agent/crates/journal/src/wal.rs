//! Damage in a WAL. SQLite reads it up to the first frame whose checksum is wrong, and takes that for the end:
//! after a power cut it is. When a bit of an older frame has flipped, what was committed behind it is lost
//! without a word.
//!
//! A power cut can only tear what was not synced, and each commit is synced before the next one is written.
//! So a commit *behind* the one that is broken says that the broken one was whole once. (A flipped bit in the
//! last commit looks as a torn one does.)
//!
//! The layout is in section 4 of SQLite's file format.

use std::{fs, io, path::Path};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

type Sums = (u32, u32);

struct Header {
    /// Whether checksums are taken over big-endian numbers.
    big_endian: bool,
    page: usize,
    /// Those of this round through the file: behind its frames there may be older ones.
    salts: [u8; 8],
    sums: Sums,
}

/// Whether commits were lost from the WAL at `path`, of a database of so many bytes.
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
        // The broken commit itself, and one behind it.
        return header.unread_commits(frames, database, true) >= 2;
    }
    // The header is synced before the first frame: SQLite does not read any because of it.
    Header::mended(header).is_some_and(|header| header.unread_commits(frames, database, false) >= 1)
}

impl Header {
    /// None when its own checksum is wrong.
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

    /// With the one byte changed back that makes it right; none when there is no such byte, as when it was
    /// being written.
    fn mended(bytes: &[u8; HEADER]) -> Option<Self> {
        (0..HEADER).find_map(|at| {
            (1..=u8::MAX).find_map(|flipped| {
                let mut bytes = *bytes;
                bytes[at] ^= flipped;
                Self::of(&bytes)
            })
        })
    }

    /// Commits of this round from the first frame on that SQLite does not read.
    fn unread_commits(&self, frames: &[u8], database: u64, mut is_read: bool) -> usize {
        let frames = frames.chunks_exact(FRAME_HEADER + self.page);
        // What a torn frame holds may be anything, but no commit makes a file longer than this.
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
            // Only a commit says how long the file is.
            let is_commit = (1..=longest).contains(&number(header, 4).into());
            commits += usize::from(!is_read && is_commit && self.is_of_this_round(&header[8..16]));
        }
        commits
    }

    /// One byte may be the damage. Both salts of another round are different ones.
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

/// The big-endian number at `at`; 0 behind the end.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

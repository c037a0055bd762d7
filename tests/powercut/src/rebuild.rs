//! What a disk may hold after the power was cut.
//!
//! As SQLite's own crash tests (`test6.c`) have it, and no kinder than a disk may be:
//!
//! 1. A file's content is as it was at its last sync, and its names as they were when the folder was
//!    last synced. Syncing a file does not sync its name.
//! 2. Of each later write every 512-byte sector is there, or is not (the file may be longer for it all
//!    the same), or holds garbage where it was being written. In no order: a later sector may be there
//!    without an earlier one. SQLite relies on one thing, and so it is kept: bytes of a sector that
//!    were not written are as they were (`SQLITE_IOCAP_POWERSAFE_OVERWRITE`).
//! 3. Each later truncation happened or did not.
//! 4. Of the later creations and deletions of each name the first few happened.

use std::{collections::BTreeMap, fs, path::Path};

use fastrand::Rng;

use crate::log::{Event, Inode};

const SECTOR: usize = 512;

/// The files of a folder, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image(pub BTreeMap<String, Vec<u8>>);

/// Syncs that do nothing: for tests that must fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    Nothing,
    /// Those of the main file.
    Main,
    /// Those of the WAL.
    Wal,
    /// Those of the folder.
    Folder,
    /// All, as with `synchronous = OFF`.
    Everything,
}

/// What became of one write or truncation.
enum Fate {
    Done,
    Lost,
    Garbage,
}

/// How the later changes of one file fare.
enum Luck {
    AllDone,
    AllLost,
    /// Each sector for itself; of 256 so many are done.
    Mixed(u8),
}

struct File<'a> {
    /// The first name that it had.
    name: String,
    durable: Vec<u8>,
    later: Vec<&'a Event>,
}

#[derive(Default)]
struct Folder<'a> {
    durable: BTreeMap<String, Inode>,
    later: Vec<&'a Event>,
}

impl Image {
    pub fn write(&self, folder: &Path) {
        for (name, bytes) in &self.0 {
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

/// The files as a power cut after `events` may leave them, when `base` was durable before.
pub fn rebuild(base: &Image, events: &[Event], ignored: Ignored, random: &mut Rng) -> Image {
    let mut files: Vec<File<'_>> = base
        .0
        .iter()
        .map(|(name, bytes)| File::new(name, bytes))
        .collect();
    let mut folder = Folder {
        durable: base.0.keys().cloned().zip(0..).collect(),
        later: Vec::new(),
    };
    for event in events {
        match event {
            Event::Create { name, .. } => {
                files.push(File::new(name, &[]));
                folder.later.push(event);
            }
            Event::Delete { .. } => folder.later.push(event),
            Event::SyncFolder => {
                if !ignored.folder() {
                    folder.sync();
                }
            }
            Event::Write { inode, .. } | Event::Truncate { inode, .. } => {
                files[*inode].later.push(event);
            }
            Event::Sync { inode } => {
                let file = &mut files[*inode];
                if !ignored.file(&file.name) {
                    file.sync();
                }
            }
        }
    }
    let contents: Vec<_> = files
        .into_iter()
        .map(|file| file.after_a_cut(random))
        .collect();
    let names = folder.after_a_cut(random).into_iter();
    Image(
        names
            .map(|(name, inode)| (name, contents[inode].clone()))
            .collect(),
    )
}

impl Ignored {
    fn folder(self) -> bool {
        matches!(self, Self::Folder | Self::Everything)
    }

    fn file(self, name: &str) -> bool {
        match self {
            Self::Nothing | Self::Folder => false,
            Self::Main => name.ends_with(".sqlite"),
            Self::Wal => name.ends_with("-wal"),
            Self::Everything => true,
        }
    }
}

impl File<'_> {
    fn new(name: &str, durable: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            durable: durable.to_owned(),
            later: Vec::new(),
        }
    }

    fn sync(&mut self) {
        for event in self.later.drain(..) {
            apply(
                &mut self.durable,
                event,
                || Fate::Done,
                &mut Rng::with_seed(0),
            );
        }
    }

    fn after_a_cut(mut self, random: &mut Rng) -> Vec<u8> {
        let luck = match random.u8(..6) {
            0 => Luck::AllDone,
            1 => Luck::AllLost,
            _ => Luck::Mixed(random.u8(..)),
        };
        // Their own, because the bytes of garbage come from `random` in between.
        let mut fates = random.fork();
        for event in self.later {
            apply(&mut self.durable, event, || luck.fate(&mut fates), random);
        }
        self.durable
    }
}

impl Luck {
    fn fate(&self, random: &mut Rng) -> Fate {
        match self {
            Self::AllDone => Fate::Done,
            Self::AllLost => Fate::Lost,
            Self::Mixed(done) if random.u8(..) < *done => Fate::Done,
            Self::Mixed(_) if random.u8(..8) == 0 => Fate::Garbage,
            Self::Mixed(_) => Fate::Lost,
        }
    }
}

fn apply(bytes: &mut Vec<u8>, event: &Event, mut fate: impl FnMut() -> Fate, random: &mut Rng) {
    match event {
        Event::Truncate { length, .. } => {
            if matches!(fate(), Fate::Done) {
                set_length(bytes, *length);
            }
        }
        Event::Write {
            offset,
            bytes: written,
            ..
        } => {
            let end = offset + written.len();
            let mut length = bytes.len();
            // Once for the write, and cut to what is there of it below.
            set_length(bytes, length.max(end));
            let mut at = *offset;
            while at < end {
                let stop = end.min((at / SECTOR + 1) * SECTOR);
                let fate = fate();
                if !matches!(fate, Fate::Lost) || random.bool() {
                    length = length.max(stop);
                }
                match fate {
                    Fate::Done => {
                        bytes[at..stop].copy_from_slice(&written[at - offset..stop - offset]);
                    }
                    Fate::Garbage => random.fill(&mut bytes[at..stop]),
                    Fate::Lost => {}
                }
                at = stop;
            }
            bytes.truncate(length);
        }
        // They change no content.
        Event::Create { .. } | Event::Delete { .. } | Event::Sync { .. } | Event::SyncFolder => {}
    }
}

/// Cuts it, or fills it with zeros. `Vec::resize` goes byte by byte without optimisation.
fn set_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.truncate(length);
    bytes.extend_from_slice(&vec![0; length - bytes.len()]);
}

impl Folder<'_> {
    fn sync(&mut self) {
        for event in self.later.drain(..) {
            rename(&mut self.durable, event);
        }
    }

    fn after_a_cut(mut self, random: &mut Rng) -> BTreeMap<String, Inode> {
        let mut of_names: BTreeMap<&String, Vec<&Event>> = BTreeMap::new();
        for event in self.later {
            if let Event::Create { name, .. } | Event::Delete { name } = event {
                of_names.entry(name).or_default().push(event);
            }
        }
        for events in of_names.values() {
            for event in &events[..random.usize(..=events.len())] {
                rename(&mut self.durable, event);
            }
        }
        self.durable
    }
}

fn rename(names: &mut BTreeMap<String, Inode>, event: &Event) {
    match event {
        Event::Create { name, inode } => {
            names.insert(name.clone(), *inode);
        }
        Event::Delete { name } => {
            names.remove(name);
        }
        _ => {}
    }
}

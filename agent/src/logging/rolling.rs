//! A log file that is replaced by a new one when it is full; a few old files are kept.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::outlet::{Out, missing};

/// The size of one file, in bytes.
const FULL: u64 = 10 * 1024 * 1024;
/// How many old files are kept besides the current one: 50 MB in total.
const OLD_FILES: u32 = 4;

/// How often to check whether the file is still the one at its path: it may have been deleted or moved.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The file. Writing never fails: lines that cannot be written are counted, and the number is written when writing
/// works again.
pub(super) struct RollingFile {
    path: PathBuf,
    full: u64,
    /// The open file and its size; none at the start and after a failure.
    file: Option<(File, u64)>,
    /// How often to check whether the file is still at its path, and when that was last checked.
    check_interval: Duration,
    checked: Instant,
    /// Records that could not be written since the last one that could.
    lost: u64,
}

impl RollingFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            full: FULL,
            file: None,
            check_interval: CHECK_INTERVAL,
            checked: Instant::now(),
            lost: 0,
        }
    }

    /// Appends a record, which ends with a line feed.
    pub(super) fn write(&mut self, record: &[u8]) {
        match self.try_write(record) {
            Ok(()) => self.lost = 0,
            Err(_) => {
                self.file = None;
                self.lost += 1;
            }
        }
    }

    fn try_write(&mut self, record: &[u8]) -> io::Result<()> {
        let (mut file, mut size) = self.ready_for(record.len())?;
        if self.lost > 0 {
            // Part of the last line may have been written.
            let notice = format!("\n{}", missing(self.lost));
            file.write_all(notice.as_bytes())?;
            size += notice.len() as u64;
        }
        file.write_all(record)?;
        self.file = Some((file, size + record.len() as u64));
        Ok(())
    }

    /// The open file, with room for `length` more bytes.
    fn ready_for(&mut self, length: usize) -> io::Result<(File, u64)> {
        if self.checked.elapsed() >= self.check_interval {
            self.checked = Instant::now();
            self.file = self.file.take().filter(|(file, _)| is_at(file, &self.path));
        }
        let (file, size) = match self.file.take() {
            Some(open) => open,
            None => self.open()?,
        };
        if size == 0 || size + length as u64 <= self.full {
            return Ok((file, size));
        }
        // Windows does not rename an open file.
        drop(file);
        if self.roll().is_err() {
            // The limit is a promise: losing this file's lines is better than filling the shop's disk.
            File::create(&self.path)?;
        }
        self.open()
    }

    fn open(&self) -> io::Result<(File, u64)> {
        let file = File::options().create(true).append(true).open(&self.path)?;
        let size = file.metadata()?.len();
        Ok((file, size))
    }

    fn roll(&self) -> io::Result<()> {
        for age in (1..OLD_FILES).rev() {
            match fs::rename(self.old(age), self.old(age + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.old(1))
    }

    /// `agent.log.1` is the newest.
    fn old(&self, age: u32) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{age}"));
        name.into()
    }
}

impl Out for RollingFile {
    fn write(&mut self, record: &[u8], dropped: u64) {
        self.lost += dropped;
        RollingFile::write(self, record);
    }
}

/// Whether the open file is the one at `path`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => identity(open) == identity(there),
        _ => false,
    }
}

/// Whether the open file is the one at `path`. A deleted file keeps its name until it is closed here, but cannot be
/// opened any more; it cannot be moved.
#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    fs::metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        folder: tempfile::TempDir,
        log: RollingFile,
    }

    impl Fixture {
        /// A file that is full with four records of `record 01\n`.
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mut log = RollingFile::new(folder.path().join("agent.log"));
            log.full = 40;
            Self { folder, log }
        }

        fn write(&mut self, numbers: std::ops::Range<u32>) {
            for number in numbers {
                self.log.write(format!("record {number:02}\n").as_bytes());
            }
        }

        fn text(&self, name: &str) -> String {
            fs::read_to_string(self.folder.path().join(name)).unwrap()
        }

        fn files(&self) -> usize {
            fs::read_dir(self.folder.path()).unwrap().count()
        }
    }

    #[test]
    fn five_files_are_kept_and_no_more() {
        let mut fixture = Fixture::new();
        fixture.write(0..42);
        assert_eq!(fixture.files(), 5);
        assert_eq!(fixture.text("agent.log"), "record 40\nrecord 41\n");
        assert!(fixture.text("agent.log.1").starts_with("record 36\n"));
        assert!(fixture.text("agent.log.4").starts_with("record 24\n"));
    }

    #[test]
    fn a_file_that_was_deleted_or_moved_is_begun_again() {
        let mut fixture = Fixture::new();
        fixture.log.check_interval = Duration::ZERO;
        let path = fixture.log.path.clone();
        fixture.write(0..1);
        fs::remove_file(&path).unwrap();
        fixture.write(1..2);
        assert_eq!(fixture.text("agent.log"), "record 01\n");
        fs::rename(&path, path.with_extension("moved")).unwrap();
        fixture.write(2..3);
        assert_eq!(fixture.text("agent.log"), "record 02\n");
        assert_eq!(fixture.text("agent.moved"), "record 01\n");
    }

    #[test]
    fn a_restart_goes_on_in_the_same_file() {
        let mut fixture = Fixture::new();
        fixture.write(0..3);
        fixture.log.file = None;
        fixture.write(3..5);
        assert_eq!(fixture.text("agent.log"), "record 04\n");
        assert!(fixture.text("agent.log.1").ends_with("record 03\n"));
    }

    #[test]
    fn the_cap_holds_when_files_cannot_be_renamed() {
        let mut fixture = Fixture::new();
        let obstacle = fixture.folder.path().join("agent.log.1");
        fs::create_dir(&obstacle).unwrap();
        let older = fixture.folder.path().join("agent.log.2/full");
        fs::create_dir_all(older).unwrap();
        fixture.write(0..6);
        assert_eq!(fixture.text("agent.log"), "record 04\nrecord 05\n");
    }

    #[test]
    fn what_was_lost_is_counted() {
        let mut fixture = Fixture::new();
        let path = fixture.log.path.clone();
        fs::create_dir(&path).unwrap();
        fixture.write(0..3);
        fs::remove_dir(&path).unwrap();
        fixture.write(3..4);
        assert_eq!(
            fixture.text("agent.log"),
            "\n3 log records are missing here\nrecord 03\n"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_stops_nothing() {
        let mut fixture = Fixture::new();
        let path = fixture.log.path.clone();
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        fixture.write(0..3);
        fs::remove_file(&path).unwrap();
        fixture.write(3..4);
        assert!(fixture.text("agent.log").starts_with("\n3 log records"));
    }
}

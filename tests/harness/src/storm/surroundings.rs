//! The agent's disk and clock, which a case can manipulate where the machine allows it.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

/// The size of the agent's disk: the journal's write-ahead log alone may take 4 MiB.
const SIZE: &str = "size=16m";
/// Where Debian and other systems install libfaketime, which gives a process another time.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

/// What this machine allows cases to do.
#[derive(Debug, Clone, Default)]
pub struct Abilities {
    disk: bool,
    clock: Option<PathBuf>,
}

/// Something that not every machine allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ability {
    /// A full disk: requires the right to mount one.
    SmallDisk,
    /// A clock that jumps: requires libfaketime.
    OwnClock,
}

impl Abilities {
    /// Finds out by trying.
    #[must_use]
    pub fn find() -> Self {
        let folder = tempfile::tempdir().ok();
        let disk = folder.and_then(|folder| Disk::mount(folder.path()));
        Self {
            disk: disk.is_some(),
            clock: LIBRARIES
                .iter()
                .map(PathBuf::from)
                .find(|path| path.exists()),
        }
    }

    /// Whether the machine allows this.
    #[must_use]
    pub fn has(&self, ability: Ability) -> bool {
        match ability {
            Ability::SmallDisk => self.disk,
            Ability::OwnClock => self.clock.is_some(),
        }
    }

    /// A clock for the agent with this home folder.
    pub(super) fn clock(&self, home: &Path) -> io::Result<Option<Clock>> {
        let Some(library) = &self.clock else {
            return Ok(None);
        };
        let clock = Clock {
            library: library.clone(),
            file: home.join("clock"),
        };
        clock.set(0)?;
        Ok(Some(clock))
    }
}

impl Ability {
    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SmallDisk => "full disks (this user may not mount a disk)",
            Self::OwnClock => "clock jumps (libfaketime is not installed)",
        }
    }
}

/// A disk of a few megabytes; unmounted when it is dropped.
#[derive(Debug)]
pub(super) struct Disk(PathBuf);

impl Disk {
    /// Mounts a disk; none if this user may not mount.
    pub(super) fn mount(path: &Path) -> Option<Self> {
        fs::create_dir_all(path).ok()?;
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(path);
        let mounted = command.output().is_ok_and(|output| output.status.success());
        mounted.then(|| Self(path.to_owned()))
    }

    /// Fills the disk completely.
    pub(super) fn fill(&self) -> io::Result<()> {
        let mut file = fs::File::options()
            .create(true)
            .append(true)
            .open(self.filler())?;
        for size in [65_536, 4_096, 1] {
            let chunk = vec![0; size];
            while file.write_all(&chunk).is_ok() {}
        }
        Ok(())
    }

    pub(super) fn free(&self) -> io::Result<()> {
        match fs::remove_file(self.filler()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, because an agent that was just killed may still have open files there.
        let _left_mounted = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// The agent's wall clock.
#[derive(Debug)]
pub(super) struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// Sets the clock off by this many seconds.
    pub(super) fn set(&self, seconds: i64) -> io::Result<()> {
        // Atomically, so that the agent never reads half of it.
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{seconds:+}\n"))?;
        fs::rename(new, &self.file)
    }

    /// The environment of a process with this clock.
    pub(super) fn environment(&self) -> [(&'static str, String); 5] {
        let yes = || "1".to_owned();
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", yes()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", yes()),
            ("NO_FAKE_STAT", yes()),
        ]
    }
}

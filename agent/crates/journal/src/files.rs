//! Moving and copying a closed journal with its WAL, so that a power cut cannot separate the two.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// The suffixes of a journal's files.
pub(super) const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// Moves a journal. Its WAL is copied first: a journal without its WAL would be an older journal, while a WAL
/// without its journal is ignored.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    copy_wal(from, to)?;
    sync_folder(to)?;
    fs::rename(from, to)?;
    sync_folder(to)?;
    for suffix in &SUFFIXES[1..] {
        match fs::remove_file(with_suffix(from, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Copies a journal that no program is writing.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    copy_wal(from, to)?;
    copy_file(from, to)?;
    sync_folder(to)
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn copy_wal(from: &Path, to: &Path) -> io::Result<()> {
    match copy_file(&with_suffix(from, "-wal"), &with_suffix(to, "-wal")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        copied => copied,
    }
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    // Windows syncs only files that are open for writing.
    File::options().write(true).open(to)?.sync_all()
}

/// Makes the names in a file's folder durable.
#[cfg(unix)]
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Does nothing: Windows keeps file names safe with the file system's own journal.
#[cfg(not(unix))]
fn sync_folder(_file: &Path) -> io::Result<()> {
    Ok(())
}

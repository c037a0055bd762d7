//! What tells a file from another file that has or had the same name.
#![cfg_attr(windows, allow(unsafe_code))]

use std::{fs::File, io, path::Path};

/// What tells a file from every other file that exists at the same time, whatever their names are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    /// The file system that the file is on.
    device: u64,
    /// The file's number on that file system.
    file: u64,
}

impl FileId {
    /// The id of the file at `path`; symbolic links are followed.
    #[cfg(unix)]
    pub fn of(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|metadata| Self::told(&metadata))
    }

    /// The id of an open file.
    #[cfg(unix)]
    pub fn of_open(file: &File) -> io::Result<Self> {
        file.metadata().map(|metadata| Self::told(&metadata))
    }

    #[cfg(unix)]
    fn told(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;

        Self {
            device: metadata.dev(),
            file: metadata.ino(),
        }
    }

    /// That of the file at `path`, links followed.
    #[cfg(windows)]
    pub fn of(path: &Path) -> io::Result<Self> {
        use std::{fs::OpenOptions, os::windows::fs::OpenOptionsExt as _};

        use windows_sys::Win32::Storage::FileSystem::FILE_READ_ATTRIBUTES;

        // Asks for no more access than it needs and shares everything, so that no other program is disturbed.
        let file = OpenOptions::new()
            .access_mode(FILE_READ_ATTRIBUTES)
            .open(path)?;
        Self::of_open(&file)
    }

    /// That of an open file.
    #[cfg(windows)]
    pub fn of_open(file: &File) -> io::Result<Self> {
        use std::os::windows::io::AsRawHandle as _;

        use windows_sys::Win32::Storage::FileSystem::{
            BY_HANDLE_FILE_INFORMATION, GetFileInformationByHandle,
        };

        let mut told = BY_HANDLE_FILE_INFORMATION::default();
        // SAFETY: the handle is open for as long as `file` is borrowed; the call writes one structure.
        if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &mut told) } == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            device: told.dwVolumeSerialNumber.into(),
            file: u64::from(told.nFileIndexHigh) << 32 | u64::from(told.nFileIndexLow),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_itself_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        fs::write(&one, "same").unwrap();
        fs::write(&other, "same").unwrap();
        let id = FileId::of(&one).unwrap();
        assert_eq!(id, FileId::of_open(&File::open(&one).unwrap()).unwrap());
        assert_ne!(id, FileId::of(&other).unwrap());
        // Under another name it is the same; another one of its name is not.
        let moved = folder.path().join("moved");
        fs::rename(&one, &moved).unwrap();
        fs::rename(&other, &one).unwrap();
        assert_eq!(FileId::of(&moved).unwrap(), id);
        assert_ne!(FileId::of(&one).unwrap(), id);
        let gone = FileId::of(&other).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }
}

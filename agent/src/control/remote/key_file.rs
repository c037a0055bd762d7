//! Files of the listener's certificate: when they change, and that nobody else can read the key.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
    time::SystemTime,
};

use super::certificate::CertificateError;

/// What changes when a file is written, replaced, or opened up to other users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileVersion {
    modified: Option<SystemTime>,
    length: u64,
    /// The file's number, its owner, its mode, and when one of these or the content changed.
    #[cfg(unix)]
    inode: (u64, u32, u32, i64, i64),
}

impl FileVersion {
    /// The version of the file at `path`; none when there is no file, or its folder cannot be searched.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self {
            modified: found.modified().ok(),
            length: found.len(),
            #[cfg(unix)]
            inode: {
                use std::os::unix::fs::MetadataExt as _;

                (
                    found.ino(),
                    found.uid(),
                    found.mode(),
                    found.ctime(),
                    found.ctime_nsec(),
                )
            },
        })
    }
}

/// Reads a private key. Whether others can read it is asked of the opened file, so that none can take its place in between.
pub(super) fn read_private(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let failed = |source: io::Error| CertificateError::Read {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    check(path, &found)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

#[cfg(unix)]
fn check(path: &Path, found: &fs::Metadata) -> Result<(), CertificateError> {
    use std::os::unix::fs::MetadataExt as _;

    let user = rustix::process::geteuid().as_raw();
    check_rights(path, found.uid(), found.mode(), user)
}

/// Only `user` and root may own the key, and only its owner may read or write it.
#[cfg(unix)]
fn check_rights(path: &Path, owner: u32, mode: u32, user: u32) -> Result<(), CertificateError> {
    if owner != user && owner != 0 {
        return Err(CertificateError::ForeignKey(path.to_owned()));
    }
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(CertificateError::Exposed(path.to_owned())),
    }
}

/// Not checked on Windows: the agent's own key is in the user's profile, which other users cannot open; where a given key
/// is, its access list decides.
#[cfg(not(unix))]
fn check(_path: &Path, _found: &fs::Metadata) -> Result<(), CertificateError> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_its_users_or_roots_alone() {
        let path = Path::new("key.pem");
        let check = |owner, mode| check_rights(path, owner, mode, 1_000);
        for owner in [1_000, 0] {
            assert!(check(owner, 0o100_600).is_ok() && check(owner, 0o100_400).is_ok());
            for mode in [0o640, 0o604, 0o660, 0o602, 0o610] {
                let error = check(owner, mode).unwrap_err();
                assert!(matches!(error, CertificateError::Exposed(_)), "{mode:o}");
            }
        }
        let error = check(1_001, 0o600).unwrap_err();
        assert!(matches!(error, CertificateError::ForeignKey(_)), "{error}");
    }

    #[test]
    fn other_rights_are_another_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        assert_eq!(FileVersion::of(&path), None);
        let set_mode = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        fs::write(&path, "key").unwrap();
        set_mode(0o600);
        let private = FileVersion::of(&path);
        assert!(private.is_some());
        assert_eq!(private, FileVersion::of(&path));
        set_mode(0o644);
        let public = FileVersion::of(&path);
        assert_ne!(private, public);
        assert!(read_private(&path).is_err());
    }
}

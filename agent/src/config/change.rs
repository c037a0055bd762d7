//! A change of the file that can be undone, for the case that a later step of the same change fails.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use shopmaster_base::atomic_file::write_atomically;

use super::{
    Edit, SaveError,
    save::{save, set_aside},
};

/// The file as it was before it was changed.
#[derive(Debug)]
#[must_use]
pub struct Before {
    path: PathBuf,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Absent,
    Text(Vec<u8>),
    /// It was not valid, and was moved to this path.
    Aside(PathBuf),
}

impl Before {
    /// Changes these keys in the file at `path`, as [`save`] does.
    ///
    /// # Errors
    ///
    /// As [`save`]; then the file is unchanged.
    pub fn save(path: &Path, edits: &[Edit]) -> Result<Self, SaveError> {
        let content = match fs::read(path) {
            Ok(bytes) => Content::Text(bytes),
            // `save` reports what else is wrong with the file.
            Err(_) => Content::Absent,
        };
        save(path, edits)?;
        Ok(Self {
            path: path.to_owned(),
            content,
        })
    }

    /// Sets the invalid file at `path` aside, and writes a new one that has only these keys.
    ///
    /// # Errors
    ///
    /// When either step fails; then the file is unchanged.
    pub fn replace(path: &Path, edits: &[Edit]) -> Result<Self, SaveError> {
        let aside = set_aside(path).map_err(|source| SaveError::SetAside {
            path: path.to_owned(),
            source,
        })?;
        let before = Self {
            path: path.to_owned(),
            content: Content::Aside(aside),
        };
        match save(path, edits) {
            Ok(()) => Ok(before),
            Err(error) => {
                // The first error is enough: a folder that refuses a new file refuses renaming, too.
                let _ = before.put_back();
                Err(error)
            }
        }
    }

    /// Where the invalid file was moved to.
    #[must_use]
    pub fn aside(&self) -> Option<&Path> {
        match &self.content {
            Content::Aside(aside) => Some(aside),
            Content::Absent | Content::Text(_) => None,
        }
    }

    /// Restores the file as it was before.
    ///
    /// # Errors
    ///
    /// When the file cannot be written or renamed.
    pub fn put_back(self) -> io::Result<()> {
        match self.content {
            Content::Absent => fs::remove_file(&self.path),
            Content::Text(bytes) => write_atomically(&self.path, &bytes),
            Content::Aside(aside) => fs::rename(aside, &self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits() -> [Edit; 1] {
        [Edit::new("catalog.table", "Products")]
    }

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        (folder, path)
    }

    #[test]
    fn a_change_is_taken_back() {
        let (_folder, path) = file();
        let text = "# mine\n[catalog]\ntable = \"Items\"\n";
        fs::write(&path, text).unwrap();
        let before = Before::save(&path, &edits()).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("Products"));
        assert_eq!(before.aside(), None);
        before.put_back().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_new_file_is_taken_back() {
        let (folder, path) = file();
        Before::save(&path, &edits()).unwrap().put_back().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_broken_file_comes_back() {
        let (folder, path) = file();
        fs::write(&path, "[catalog").unwrap();
        let before = Before::replace(&path, &edits()).unwrap();
        let aside = before.aside().unwrap().to_owned();
        assert_eq!(fs::read_to_string(aside).unwrap(), "[catalog");
        assert!(fs::read_to_string(&path).unwrap().contains("Products"));
        before.put_back().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "[catalog");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_broken_file_stays_when_no_new_one_can_be_written() {
        let (folder, path) = file();
        fs::write(&path, "[catalog").unwrap();
        let nonsense = Edit::new("catalog.kind", "papyrus");
        assert!(Before::replace(&path, &[nonsense]).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "[catalog");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

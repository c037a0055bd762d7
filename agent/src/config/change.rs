//! A change of the file that can be taken back, for when something else fails that belongs to it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use shopmaster_base::atomic_file::write_atomically;

use super::{
    Edit, SaveError,
    save::{keep_aside, save},
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
    /// It was broken and is here now.
    Aside(PathBuf),
}

impl Before {
    /// Changes these keys in the file at `path`, as [`save`] does.
    ///
    /// # Errors
    ///
    /// As [`save`]; then the file is as it was.
    pub fn save(path: &Path, edits: &[Edit]) -> Result<Self, SaveError> {
        let content = match fs::read(path) {
            Ok(bytes) => Content::Text(bytes),
            // What else is wrong with it, `save` says.
            Err(_) => Content::Absent,
        };
        save(path, edits)?;
        Ok(Self {
            path: path.to_owned(),
            content,
        })
    }

    /// Keeps the broken file at `path` aside and writes one with these keys alone.
    ///
    /// # Errors
    ///
    /// When either fails; then the file is as it was.
    pub fn begin_anew(path: &Path, edits: &[Edit]) -> Result<Self, SaveError> {
        let aside = keep_aside(path).map_err(|source| SaveError::KeepAside {
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
                // The first error says it: a folder that takes no file takes no new name either.
                let _ = before.put_back();
                Err(error)
            }
        }
    }

    /// Where the broken file was kept.
    #[must_use]
    pub fn aside(&self) -> Option<&Path> {
        match &self.content {
            Content::Aside(aside) => Some(aside),
            Content::Absent | Content::Text(_) => None,
        }
    }

    /// Makes the file what it was.
    ///
    /// # Errors
    ///
    /// When the disk or the folder refuses it.
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
        let before = Before::begin_anew(&path, &edits()).unwrap();
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
        assert!(Before::begin_anew(&path, &[nonsense]).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "[catalog");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

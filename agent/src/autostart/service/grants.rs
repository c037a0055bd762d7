//! The files and folders that the account of a Windows service may write, and the `icacls` commands that grant this.
//!
//! Paths are strings, not [`std::path::Path`], so that this works the same on every system.

/// One file or folder, and the rights on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// The file or folder.
    pub(super) path: String,
    /// The rights in the notation of `icacls`.
    rights: &'static str,
    /// Whether it may be missing.
    pub(super) is_optional: bool,
}

/// Modify, for the folder and everything below it.
const TREE: &str = "(OI)(CI)M";
/// Modify, for the folder and its files, but not for the folders below it.
const FILES_OF_FOLDER: &str = "(OI)(NP)M";
/// Modify, for a file.
const FILE: &str = "M";

/// Endings of the files that SQLite and shopMaster create next to a SQLite shop.
const BESIDE: [&str; 4] = ["-wal", "-shm", "-journal", ".shopmaster.lock"];

impl Grant {
    /// The arguments of `icacls` that give the rights to `account`, instead of those that it had.
    pub(super) fn give(&self, account: &str) -> Vec<String> {
        let right = format!("{account}:{}", self.rights);
        vec![self.path.clone(), "/grant:r".into(), right, "/q".into()]
    }

    /// The arguments of `icacls` that remove all rights of `account`.
    pub(super) fn take_back(&self, account: &str) -> Vec<String> {
        let account = account.to_owned();
        vec![self.path.clone(), "/remove:g".into(), account, "/q".into()]
    }
}

/// What the service's account needs: the agent's `own` folders, and a SQLite `shop`, where there is one.
///
/// SQLite creates files next to the shop's file, so rights are granted on the folder, but not on the folders below it:
/// the shop may be in a user's profile. If the folder is a whole drive or share, rights are granted only on the files.
pub(super) fn grants(own: &[String], shop: Option<&str>) -> Vec<Grant> {
    let own = own.iter().map(|folder| Grant {
        path: folder.clone(),
        rights: TREE,
        is_optional: false,
    });
    own.chain(shop.map(of_shop).unwrap_or_default()).collect()
}

/// Whether a file is in the root of a drive or a share, on which no rights are granted.
pub(super) fn is_in_root(file: &str) -> bool {
    WindowsPath::of(file).is_none_or(|path| path.folders.is_empty())
}

fn of_shop(shop: &str) -> Vec<Grant> {
    let Some(path) = WindowsPath::of(shop) else {
        return Vec::new();
    };
    if !path.folders.is_empty() {
        return vec![Grant {
            path: path.folder(),
            rights: FILES_OF_FOLDER,
            is_optional: false,
        }];
    }
    let file = |end: &str| Grant {
        path: path.file(end),
        rights: FILE,
        is_optional: !end.is_empty(),
    };
    [""].into_iter().chain(BESIDE).map(file).collect()
}

/// The parts of an absolute path.
struct WindowsPath {
    /// A drive or a share: `C:`, `\\server\share`.
    root: String,
    folders: Vec<String>,
    name: String,
}

impl WindowsPath {
    /// None when the path is not absolute, or names no file.
    fn of(path: &str) -> Option<Self> {
        let path = path.replace('/', r"\");
        // The long form: `\\?\C:\x`, `\\?\UNC\server\share\x`.
        let (is_share, rest) = if let Some(long) = path.strip_prefix(r"\\?\") {
            match long.get(..4) {
                Some(unc) if unc.eq_ignore_ascii_case(r"UNC\") => (true, &long[4..]),
                _ => (false, long),
            }
        } else if let Some(share) = path.strip_prefix(r"\\") {
            (true, share)
        } else {
            (false, path.as_str())
        };
        let mut parts = rest.split('\\');
        let root = if is_share {
            let (server, share) = (parts.next()?, parts.next()?);
            if server.is_empty() || share.is_empty() || [".", "?"].contains(&server) {
                return None;
            }
            format!(r"\\{server}\{share}")
        } else {
            let drive = parts.next()?;
            let is_drive =
                matches!(drive.as_bytes(), [letter, b':'] if letter.is_ascii_alphabetic());
            if !is_drive {
                return None;
            }
            drive.to_owned()
        };
        let mut names: Vec<&str> = Vec::new();
        for part in parts {
            match part {
                "" | "." => {}
                ".." => drop(names.pop()),
                part => names.push(part),
            }
        }
        let name = names.pop()?.to_owned();
        let folders = names.into_iter().map(str::to_owned).collect();
        Some(Self {
            root,
            folders,
            name,
        })
    }

    fn folder(&self) -> String {
        format!(r"{}\{}", self.root, self.folders.join(r"\"))
    }

    fn file(&self, end: &str) -> String {
        format!(r"{}\{}{end}", self.root, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = r"NT SERVICE\shopmaster-default";

    fn commands(shop: Option<&str>) -> Vec<String> {
        let own = [r"C:\Users\bob\AppData\Local\shopmaster\data\default".to_owned()];
        let grants = grants(&own, shop);
        let commands = grants.iter().map(|grant| grant.give(ACCOUNT).join("|"));
        commands.skip(1).collect()
    }

    #[test]
    fn the_agents_own_folders_are_granted_with_all_that_is_below() {
        let own = [r"C:\a\data".to_owned(), r"D:\log".to_owned()];
        let grants = grants(&own, None);
        let given: Vec<_> = grants.iter().map(|grant| grant.give(ACCOUNT)).collect();
        assert_eq!(
            given[0],
            [
                r"C:\a\data",
                "/grant:r",
                r"NT SERVICE\shopmaster-default:(OI)(CI)M",
                "/q"
            ]
        );
        assert_eq!(given.len(), 2);
        assert_eq!(
            grants[1].take_back(ACCOUNT),
            [r"D:\log", "/remove:g", ACCOUNT, "/q"]
        );
    }

    #[test]
    fn a_shop_in_a_folder_is_granted_with_what_sqlite_makes_beside_it() {
        for (shop, folder) in [
            (r"C:\kassa\shop.db", r"C:\kassa"),
            (r"C:/kassa//data/./shop.db", r"C:\kassa\data"),
            (r"\\?\D:\kassa\shop.db", r"D:\kassa"),
            (r"\\server\share\kassa\shop.db", r"\\server\share\kassa"),
            (
                r"\\?\UNC\server\share\kassa\shop.db",
                r"\\server\share\kassa",
            ),
            (r"C:\Users\bob\shop.db", r"C:\Users\bob"),
        ] {
            assert_eq!(
                commands(Some(shop)),
                [format!("{folder}|/grant:r|{ACCOUNT}:(OI)(NP)M|/q")],
                "{shop}"
            );
            assert!(!is_in_root(shop), "{shop}");
        }
    }

    #[test]
    fn nothing_is_ever_granted_on_a_root() {
        for (shop, root) in [
            (r"C:\shop.db", "C:"),
            ("c:/shop.db", "c:"),
            (r"C:\\shop.db", "C:"),
            (r"C:\.\shop.db", "C:"),
            (r"C:\kassa\..\shop.db", "C:"),
            (r"C:\..\..\shop.db", "C:"),
            (r"\\?\C:\shop.db", "C:"),
            (r"\\server\share\shop.db", r"\\server\share"),
            (r"\\?\unc\server\share\shop.db", r"\\server\share"),
        ] {
            assert!(is_in_root(shop), "{shop}");
            let ends = ["", "-wal", "-shm", "-journal", ".shopmaster.lock"];
            let files = ends.map(|end| format!(r"{root}\shop.db{end}|/grant:r|{ACCOUNT}:M|/q"));
            assert_eq!(commands(Some(shop)), files, "{shop}");
        }
    }

    #[test]
    fn what_names_no_file_is_granted_nothing() {
        for shop in [
            "",
            "shop.db",
            r"kassa\shop.db",
            r"\kassa\shop.db",
            "C:shop.db",
            r"C:\",
            r"C:\kassa\..",
            r"\\server\share",
            r"\\server",
            r"\\.\C:\shop.db",
            r"\\?\Volume{1}\shop.db",
        ] {
            assert!(commands(Some(shop)).is_empty(), "{shop}");
            assert!(is_in_root(shop), "{shop}");
        }
    }
}

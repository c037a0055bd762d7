//! The name by which an agent recognizes its own earlier connections to a database server.

use std::path::Path;

use sha2::{Digest as _, Sha256};

/// A name for the agent that keeps its files in `data`: the same after each restart, and different for every other
/// folder and computer.
///
/// The journal's id is not suitable, because a copy of the folder has the same id.
pub(super) fn claimant(data: &Path) -> String {
    named(&computer(), data)
}

fn named(computer: &str, data: &Path) -> String {
    let mut digest = Sha256::new();
    digest.update(computer.as_bytes());
    // A character that neither of the two contains.
    digest.update([0]);
    digest.update(data.as_os_str().as_encoded_bytes());
    let digest = digest.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(unix)]
fn computer() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

#[cfg(windows)]
fn computer() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_and_computer_has_another_name() {
        let one = named("till", Path::new("/home/shop/data/default"));
        assert_eq!(one, named("till", Path::new("/home/shop/data/default")));
        assert_ne!(one, named("till", Path::new("/home/shop/data/second")));
        assert_ne!(one, named("office", Path::new("/home/shop/data/default")));
        // It stands in the name of a lock, of which 255 characters are the most.
        assert_eq!(one.len(), 64);
        assert!(!computer().is_empty());
    }
}

//! No text of the repository has a carriage return: SQL and the contract are compiled in, and expected
//! outputs are compared, byte by byte.

use std::{fs, path::Path};

use super::repository;

/// What holds no sources: cargo's and git's own, and what npm brings.
const LEFT_OUT: [&str; 3] = ["target", ".git", "node_modules"];

/// The texts below `folder` that hold a carriage return; what holds a zero byte is no text.
fn with_carriage_returns(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        if LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            with_carriage_returns(&path, found);
        } else if let Ok(bytes) = fs::read(&path)
            && !bytes.contains(&0)
            && bytes.contains(&b'\r')
        {
            found.push(path.display().to_string());
        }
    }
}

#[test]
fn no_text_of_the_repository_has_a_carriage_return() {
    let mut found = Vec::new();
    for entry in ["agent", "ctl", "docs", "proto", "tests", ".ci"] {
        with_carriage_returns(&repository().join(entry), &mut found);
    }
    assert!(
        found.is_empty(),
        "check them out again with the line ends that `.gitattributes` asks for: {found:#?}"
    );
}

#[test]
fn a_checkout_on_windows_keeps_the_line_ends() {
    let attributes = fs::read_to_string(repository().join(".gitattributes")).unwrap();
    assert!(
        attributes.lines().any(|line| line == "* text=auto eol=lf"),
        "{attributes}"
    );
}

#[test]
fn a_carriage_return_is_found_and_a_picture_is_no_text() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sql")).unwrap();
    fs::create_dir(folder.path().join("target")).unwrap();
    for (name, content) in [
        ("sql/a.sql", b"SELECT 1\r\n".as_slice()),
        ("sql/b.sql", b"SELECT 1\n"),
        ("picture.png", b"\r\n\0"),
        ("target/c.sql", b"\r\n"),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let mut found = Vec::new();
    with_carriage_returns(folder.path(), &mut found);
    assert_eq!(
        found,
        [folder.path().join("sql/a.sql").display().to_string()]
    );
}

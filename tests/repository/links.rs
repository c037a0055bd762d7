//! Every link of a page to a file of the repository leads there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::repository;

/// The pages: those at the top, in `docs/`, and the examples'.
fn pages() -> Vec<PathBuf> {
    let folders = ["", "docs", "examples/python"].map(|folder| repository().join(folder));
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect()
}

/// Where the links of a text lead within the repository: each file, empty for the page itself, and its anchor.
fn links(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|part| part.split(')').next());
    targets
        .filter(|target| !is_elsewhere(target))
        .map(|target| match target.split_once('#') {
            Some((file, anchor)) => (file, Some(anchor)),
            None => (target, None),
        })
}

/// The headings of a page, as anchors.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect()
}

fn anchor(heading: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let plain: String = heading
        .to_lowercase()
        .chars()
        .filter(|c| kept(*c))
        .collect();
    plain.replace(' ', "-")
}

fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

#[test]
fn every_link_leads_to_a_file() {
    let mut checked = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let folder = page.parent().unwrap_or(Path::new(""));
        for (file, _) in links(&text).filter(|(file, _)| !file.is_empty()) {
            checked += 1;
            assert!(folder.join(file).exists(), "{}: {file}", page.display());
        }
    }
    assert!(checked > 60, "only {checked} links");
}

#[test]
fn every_anchor_is_a_heading() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let folder = page.parent().unwrap_or(Path::new(""));
        for (file, anchor) in links(&text) {
            let Some(anchor) = anchor else {
                continue;
            };
            let there = match file {
                "" => text.clone(),
                file => fs::read_to_string(folder.join(file)).unwrap(),
            };
            assert!(
                anchors(&there).iter().any(|known| known == anchor),
                "{}: {file}#{anchor}",
                page.display()
            );
        }
    }
}

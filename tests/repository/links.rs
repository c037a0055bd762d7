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

/// Where the links of a text lead: what stands in `](…)`, without an anchor.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|part| part.split(')').next());
    targets.map(|target| target.split('#').next().unwrap_or_default())
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
        for target in links(&text).filter(|target| !target.is_empty() && !is_elsewhere(target)) {
            checked += 1;
            assert!(folder.join(target).exists(), "{}: {target}", page.display());
        }
    }
    assert!(checked > 60, "only {checked} links");
}

#[test]
fn every_anchor_is_a_heading() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let folder = page.parent().unwrap_or(Path::new(""));
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|part| part.split(')').next());
        for target in targets.filter(|target| !is_elsewhere(target)) {
            let Some((file, anchor)) = target.split_once('#') else {
                continue;
            };
            let there = match file {
                "" => text.clone(),
                file => fs::read_to_string(folder.join(file)).unwrap(),
            };
            assert!(
                anchors(&there).iter().any(|known| known == anchor),
                "{}: {target}",
                page.display()
            );
        }
    }
}

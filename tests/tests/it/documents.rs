//! The pages: their links lead to files, the guide's summary lists them, and the walk of one deletion stays short.

use std::fs;
use std::path::{Path, PathBuf};

/// The top of the repository.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Returns all files below a directory of the repository that have one of these extensions.
pub(crate) fn files(directory: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![Path::new(ROOT).join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extensions.iter().any(|known| extension == *known))
            {
                found.push(path);
            }
        }
    }
    found
}

/// Returns the files that a page links to, by the paths that it writes.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|text| text.split(')').next());
    targets
        .map(|target| target.split('#').next().unwrap())
        .filter(|target| !target.is_empty() && !target.contains("://"))
}

#[test]
fn every_link_of_a_page_leads_to_a_file() {
    let mut pages = files("docs", &["md"]);
    assert!(!pages.is_empty());
    let others = ["README.md", "CONTRIBUTING.md", "tests/README.md", "deploy/README.md"];
    pages.extend(others.map(|page| Path::new(ROOT).join(page)));
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            let target = page.parent().unwrap().join(link);
            assert!(target.exists(), "{}: there is no {link}", page.display());
        }
    }
}

#[test]
fn the_summary_lists_every_page_of_the_guide_once() {
    let guide = Path::new(ROOT).join("docs/src");
    let summary = fs::read_to_string(guide.join("SUMMARY.md")).unwrap();
    let mut listed: Vec<PathBuf> = links(&summary).map(|link| guide.join(link)).collect();
    listed.push(guide.join("SUMMARY.md"));
    listed.sort();
    let mut pages = files("docs/src", &["md"]);
    pages.sort();
    assert_eq!(pages, listed);
}

#[test]
fn one_deletion_is_told_by_five_short_files() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/src/develop/one-deletion.md")).unwrap();
    let table: String = page.lines().filter(|line| line.starts_with("| ")).collect();
    let files: Vec<&str> = links(&table).collect();
    assert_eq!(files.len(), 5, "{files:?}");
    for file in files {
        let path = Path::new(ROOT).join("docs/src/develop").join(file);
        let lines = fs::read_to_string(path).unwrap().lines().count();
        assert!(lines < 150, "{file} has {lines} lines");
    }
}

//! The pages of the guide: their links lead to files, and the walk of one deletion stays short.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Returns all pages below a directory.
fn pages(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(pages(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
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
    let pages = pages(&Path::new(ROOT).join("docs"));
    assert!(!pages.is_empty());
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            let target = page.parent().unwrap().join(link);
            assert!(target.exists(), "{}: there is no {link}", page.display());
        }
    }
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

//! The pages: their links lead to files and sections, the guide's summary lists them, its tables name every alert and
//! every section of the configuration, and the walk of one deletion stays short.

use std::collections::BTreeSet;
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

/// Returns the text of a file of the repository.
fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

/// Returns the links of a page as it writes them: those in its text, and those below it (`[name]: path`).
fn targets(page: &str) -> impl Iterator<Item = &str> {
    let inline = page.split("](").skip(1).filter_map(|text| text.split(')').next());
    let below = page.lines().filter(|line| line.starts_with('['));
    let below = below.filter_map(|line| line.split_once("]: ").map(|(_, target)| target));
    inline
        .chain(below)
        .filter(|target| !target.contains("://") && !target.contains(' '))
}

/// Returns the files that a page links to, by the paths that it writes.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let paths = targets(page).map(|target| target.split('#').next().unwrap());
    paths.filter(|path| !path.is_empty())
}

/// Returns the anchor that mdBook and GitHub give to a heading.
fn slug(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    let text: String = heading.to_lowercase().chars().filter(kept).collect();
    text.replace(' ', "-")
}

/// Returns the anchors of a page: its headings, and those that it writes itself.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let headings = headings.map(|line| slug(line.trim_start_matches('#').trim()));
    let written = page.split("<a id=\"").skip(1);
    let written = written.filter_map(|text| text.split('"').next().map(str::to_owned));
    headings.chain(written).collect()
}

#[test]
fn every_link_of_a_page_leads_to_a_file_and_a_section() {
    let mut pages: Vec<PathBuf> = ["cli", "common", "deploy", "docs", "edge", "tests"]
        .into_iter()
        .flat_map(|directory| files(directory, &["md"]))
        .collect();
    let top = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    pages.extend(top.map(|page| Path::new(ROOT).join(page)));
    assert!(pages.len() > 40, "only {} pages were read", pages.len());
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for link in targets(&text) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => page.clone(),
                path => page.parent().unwrap().join(path),
            };
            assert!(target.exists(), "{}: there is no {link}", page.display());
            if !anchor.is_empty() && target.extension().is_some_and(|extension| extension == "md") {
                let known = anchors(&fs::read_to_string(&target).unwrap());
                assert!(known.contains(anchor), "{}: no section {link}", page.display());
            }
        }
    }
}

#[test]
fn a_heading_has_the_anchor_that_readers_get() {
    assert_eq!(
        slug("What `stays` where, and for how long?"),
        "what-stays-where-and-for-how-long"
    );
}

#[test]
fn every_alert_is_in_the_guide_and_leads_to_its_row_of_the_runbook() {
    let (alerts, page) = (read("deploy/prometheus/alerts.yml"), read("docs/src/operate/alerts.md"));
    let after = |key: &str| -> Vec<String> {
        let lines = alerts.lines().filter_map(|line| line.trim().strip_prefix(key));
        lines.map(|value| value.trim().to_owned()).collect()
    };
    let (names, urls) = (after("- alert:"), after("runbook_url:"));
    assert!(!names.is_empty() && names.len() == urls.len(), "{names:?} {urls:?}");
    for (name, url) in names.iter().zip(&urls) {
        let (runbook, anchor) = url.split_once('#').unwrap();
        assert!(anchors(&read(runbook)).contains(anchor), "{name}: {url}");
        let row = page.lines().find(|line| line.contains(&format!("`{name}`")));
        let row = row.unwrap_or_else(|| panic!("the guide has no {name}"));
        assert!(row.contains(&format!("#{anchor})")), "{name}: {row}");
    }
}

/// Returns the names in brackets of the lines that begin in this way.
fn sections(text: &str, begins: &str) -> BTreeSet<String> {
    let lines = text.lines().map(|line| line.trim_start_matches("# "));
    let lines = lines.filter(|line| line.starts_with(begins));
    let names = lines.filter_map(|line| line.split_once(']')?.0.rsplit('[').next());
    names.map(str::to_owned).collect()
}

#[test]
fn the_guide_lists_every_section_of_the_configuration() {
    let known = sections(&read("deploy/lethe.sample.toml"), "[");
    let told = sections(&read("docs/src/reference/settings.md"), "| `[");
    assert_eq!(told, known);
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
    let page = read("docs/src/develop/one-deletion.md");
    let table: String = page.lines().filter(|line| line.starts_with("| ")).collect();
    let files: Vec<&str> = links(&table).collect();
    assert_eq!(files.len(), 5, "{files:?}");
    for file in files {
        let path = Path::new(ROOT).join("docs/src/develop").join(file);
        let lines = fs::read_to_string(path).unwrap().lines().count();
        assert!(lines < 150, "{file} has {lines} lines");
    }
}

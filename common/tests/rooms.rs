//! Each room of the ledger imports only from rooms above it: no cycles.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the source files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .collect()
}

#[test]
fn a_room_imports_from_those_above_it_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    let ledger = fs::read_to_string(source.join("ledger.rs")).unwrap();
    // The table of rooms in the module's documentation, below its head.
    let rows = ledger.lines().filter_map(|line| line.strip_prefix("//! | `"));
    let rooms: Vec<&str> = rows.map(|row| row.split('`').next().unwrap()).collect();
    let place = |name: &str| rooms.iter().position(|room| *room == name);
    let folder = source.join("ledger");
    let mut imports = 0;
    for file in sources(&folder) {
        let path = file.strip_prefix(&folder).unwrap().with_extension("");
        let room = path.iter().next().unwrap().to_str().unwrap();
        let own = place(room).unwrap_or_else(|| panic!("{room} is no room of the table"));
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for import in code.split("use crate::ledger::").skip(1) {
            let name = import.split([':', ';']).next().unwrap();
            let other = place(name).unwrap_or_else(|| panic!("{} imports {name}", path.display()));
            assert!(other <= own, "{} imports from {name}, which is below", path.display());
            imports += usize::from(other < own);
        }
    }
    assert!(imports > 100, "{imports}");
}

//! Tests of the audit, over logs in memory.

use uuid::Uuid;

use super::*;
use crate::tlog::append::append;
use crate::tlog::tile::{Tiles, bundle, to_bytes};

/// A log whose files can be changed.
#[derive(Clone)]
struct Log {
    head: Checkpoint,
    files: Vec<(Part, Vec<u8>)>,
}

/// An entry of the log: every third is an audit event.
fn entry(index: usize) -> Entry {
    let hash = leaf(&index.to_be_bytes());
    match index % 3 {
        2 => Entry::Audit { hash },
        _ => Entry::Receipt {
            id: Uuid::from_u128(index as u128),
            hash,
        },
    }
}

fn entries(size: usize) -> Vec<String> {
    (0..size).map(|index| entry(index).text()).collect()
}

/// Returns the log with these entries, as an honest sequencer publishes it.
fn log(entries: &[String]) -> Log {
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf(entry.as_bytes())).collect();
    let appended = append(0, &Tiles::default(), &leaves).unwrap();
    let mut tiles = Tiles::default();
    for (level, n, hashes) in appended.changed {
        tiles.insert(level, n, hashes);
    }
    let head = Checkpoint {
        origin: "lethe.example/log".to_owned(),
        size: appended.size,
        root: appended.root,
    };
    let bytes = |part| match part {
        Part::Tile(tile) => to_bytes(&tiles.get(tile.level, tile.n).unwrap()[..usize::from(tile.width)]),
        Part::Bundle { n, width } => {
            let first = usize::try_from(n * 256).unwrap();
            let texts: Vec<&str> = entries[first..first + usize::from(width)]
                .iter()
                .map(String::as_str)
                .collect();
            bundle(&texts).unwrap()
        }
    };
    let files = parts(head.size).map(|part| (part, bytes(part))).collect();
    Log { head, files }
}

impl Log {
    fn audit(&self) -> Result<Audited, BadEntry> {
        self.audit_with(Auditor::new(&self.head))
    }

    fn audit_with(&self, mut auditor: Auditor) -> Result<Audited, BadEntry> {
        for (_, bytes) in &self.files {
            auditor.take(bytes)?;
        }
        auditor.finish()
    }

    fn file(&mut self, path: &str) -> &mut Vec<u8> {
        let file = self.files.iter_mut().find(|(part, _)| part.path() == path);
        &mut file.unwrap().1
    }

    /// Replaces the entries, and leaves the tree as it is.
    fn with_entries(&self, changed: &[String]) -> Self {
        let mut log = self.clone();
        for (part, bytes) in &mut log.files {
            if let Part::Bundle { n, width } = *part {
                let first = usize::try_from(n * 256).unwrap();
                let last = (first + usize::from(width)).min(changed.len());
                let texts: Vec<&str> = changed[first..last].iter().map(String::as_str).collect();
                *bytes = bundle(&texts).unwrap();
            }
        }
        log
    }

    fn follows(&self, earlier: &Checkpoint) -> Result<Audited, BadEntry> {
        let mut auditor = Auditor::new(&self.head);
        auditor.follows(earlier)?;
        self.audit_with(auditor)
    }

    fn expects(&self, index: u64, entry: &Entry) -> Result<Audited, BadEntry> {
        let mut auditor = Auditor::new(&self.head);
        auditor.expect(index, entry)?;
        self.audit_with(auditor)
    }
}

fn bad(index: u64, fault: Fault) -> Result<Audited, BadEntry> {
    Err(BadEntry::one(index, fault))
}

#[test]
fn an_honest_log_of_every_form_is_good() {
    for size in [0, 1, 2, 255, 256, 257, 511, 512, 600, 65_536, 66_000] {
        let audited = log(&entries(size)).audit().unwrap();
        let events = (size as u64).saturating_sub(2).div_ceil(3);
        assert_eq!((audited.entries, audited.events), (size as u64, events), "{size}");
        assert_eq!(audited.receipts, size as u64 - events, "{size}");
    }
}

#[test]
fn a_changed_entry_is_named() {
    for (size, index) in [(1, 0), (3, 1), (256, 255), (257, 256), (600, 300), (66_000, 65_999)] {
        let mut changed = entries(size);
        changed[index].push('!');
        let found = log(&entries(size)).with_entries(&changed).audit();
        assert_eq!(found, bad(index as u64, Fault::Entry), "{index} of {size}");
    }
}

#[test]
fn the_first_of_two_swapped_entries_is_named() {
    for (one, other) in [(0, 1), (254, 255), (255, 256), (3, 599)] {
        let mut changed = entries(600);
        changed.swap(one, other);
        let found = log(&entries(600)).with_entries(&changed).audit();
        assert_eq!(found, bad(one as u64, Fault::Entry), "{one} and {other}");
    }
}

#[test]
fn an_entry_that_was_left_out_is_named() {
    for index in [0, 255, 256, 598] {
        let mut changed = entries(600);
        changed.remove(index);
        let found = log(&entries(600)).with_entries(&changed).audit();
        assert_eq!(found, bad(index as u64, Fault::Entry), "{index}");
    }
    let found = log(&entries(600)).with_entries(&entries(599)).audit();
    assert_eq!(found, bad(599, Fault::Short));
}

#[test]
fn an_entry_too_many_is_named() {
    let mut log = log(&entries(600));
    log.file("entries/002.p/88").extend(bundle(&["one more"]).unwrap());
    assert_eq!(log.audit(), bad(600, Fault::Long));
}

#[test]
fn a_changed_hash_is_named_by_its_entry() {
    for (path, index) in [("0/000", 0), ("0/001", 256), ("0/002.p/88", 512)] {
        let mut log = log(&entries(600));
        log.file(path)[7 * 32] ^= 1;
        assert_eq!(log.audit(), bad(index + 7, Fault::Entry), "{path}");
    }
}

#[test]
fn a_changed_entry_with_its_own_hash_is_found_by_the_tile_above() {
    let mut changed = entries(600);
    changed[300].push('!');
    let mut forged = log(&entries(600)).with_entries(&changed);
    forged.file("0/001")[44 * 32..45 * 32].copy_from_slice(&leaf(changed[300].as_bytes()));
    let found = forged.audit().unwrap_err();
    assert_eq!(
        (found.first, found.last, found.fault),
        (256, 511, Fault::Tile { level: 0 })
    );
    // Without a tile above, only the root shows it.
    changed.truncate(100);
    changed[3].push('!');
    let mut forged = log(&changed);
    forged.head = log(&entries(100)).head;
    let found = forged.audit().unwrap_err();
    assert_eq!((found.first, found.last, found.fault), (0, 99, Fault::Root));
}

#[test]
fn a_tile_of_another_length_is_refused() {
    for (path, first) in [("0/001", 256), ("0/002.p/88", 512), ("1/000.p/2", 0)] {
        let mut log = log(&entries(600));
        log.file(path).pop();
        assert_eq!(log.audit(), bad(first, Fault::Length), "{path}");
    }
}

#[test]
fn a_log_grows_out_of_each_of_its_checkpoints() {
    let whole = log(&entries(600));
    for size in [0, 1, 255, 256, 257, 599, 600] {
        assert!(whole.follows(&log(&entries(size)).head).is_ok(), "{size}");
    }
}

#[test]
fn a_rewritten_log_is_a_fork_of_its_earlier_checkpoints() {
    // A sequencer leaves an entry out, and publishes a log without a fault in itself.
    let mut changed = entries(600);
    changed.remove(300);
    let rewritten = log(&changed);
    assert!(rewritten.audit().is_ok());
    assert!(rewritten.follows(&log(&entries(300)).head).is_ok());
    for size in [301_u64, 599] {
        let earlier = log(&entries(usize::try_from(size).unwrap())).head;
        let found = rewritten.follows(&earlier).unwrap_err();
        assert_eq!((found.first, found.last), (0, size - 1));
        assert_eq!(found.fault, Fault::Fork { signed: size });
    }
    // A log without entries is the beginning of every log, if it has that root.
    let mut earlier = log(&[]).head;
    earlier.root = [9; 32];
    assert_eq!(
        rewritten.follows(&earlier).unwrap_err().fault,
        Fault::Fork { signed: 0 }
    );
}

#[test]
fn a_stale_log_is_shorter_than_what_it_signed() {
    let found = log(&entries(599)).follows(&log(&entries(600)).head);
    assert_eq!(found, bad(599, Fault::Older { signed: 600 }));
}

#[test]
fn a_receipt_in_hand_finds_its_entry() {
    let whole = log(&entries(600));
    assert!(whole.expects(300, &entry(300)).is_ok());
    assert_eq!(whole.expects(300, &entry(301)), bad(300, Fault::Other));
    assert_eq!(whole.expects(600, &entry(600)), bad(600, Fault::Missing));
    let mut auditor = Auditor::new(&whole.head);
    auditor.expect(7, &entry(7)).unwrap();
    assert_eq!(auditor.expect(7, &entry(8)), Err(BadEntry::one(7, Fault::Other)));
}

#[test]
fn an_audit_that_stops_early_finds_nothing_good() {
    let whole = log(&entries(600));
    for read in 0..whole.files.len() {
        let mut auditor = Auditor::new(&whole.head);
        for (_, bytes) in whole.files.iter().take(read) {
            auditor.take(bytes).unwrap();
        }
        assert_eq!(auditor.finish().unwrap_err().fault, Fault::Short, "{read}");
    }
    let mut empty = log(&[]);
    empty.head.root = [9; 32];
    assert_eq!(empty.audit().unwrap_err().fault, Fault::Root);
}

#[test]
fn a_size_beyond_every_log_is_not_good() {
    for size in [u64::MAX, (1 << 63) + 1] {
        let mut vast = log(&[]);
        vast.head.size = size;
        assert_eq!(vast.audit(), bad(0, Fault::Short), "{size}");
        for earlier in [0, 3, 600] {
            let found = vast.follows(&log(&entries(earlier)).head);
            assert_eq!(found, bad(0, Fault::Short), "{earlier} of {size}");
        }
        assert_eq!(vast.follows(&vast.head), bad(0, Fault::Short), "{size}");
        assert_eq!(vast.expects(7, &entry(7)), bad(0, Fault::Short), "{size}");
    }
}

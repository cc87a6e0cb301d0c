//! One memory under two spellings in one batch: it is deleted once, and the later spelling finds it absent.
//!
//! A table that compares ids by value (UUIDs, bytes) accepts several spellings of an id. In separate batches the second
//! spelling finds nothing; in one batch both would find the same row and the same vector.

use std::collections::HashSet;

use crate::job::intent::Entry;
use crate::store::sql::SqlTable;

/// Makes the later of two entries about one memory find nothing. Without a table ids are compared as texts.
pub(crate) fn drop_repeats(entries: &mut [Entry], table: Option<&SqlTable>) {
    drop_later(entries, |id| table?.canonical(id));
}

/// Does the same by the database's spelling of an id. `canonical` returns `None` for an id that the database cannot
/// hold, which is compared as a text.
fn drop_later(entries: &mut [Entry], canonical: impl Fn(&str) -> Option<String>) {
    let (mut ids, mut points) = (HashSet::new(), HashSet::new());
    for entry in entries {
        let id = entry.id.as_deref();
        let same_id = id.is_some_and(|id| !ids.insert(canonical(id).unwrap_or_else(|| id.to_owned())));
        // Without a row, a point is the memory.
        let same_points = !entry.row && !entry.points.is_empty() && entry.points.iter().all(|id| points.contains(id));
        if same_id || same_points {
            *entry = Entry {
                id: entry.id.take(),
                ..Entry::default()
            };
        }
        points.extend(entry.points.iter().copied());
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::job::intent::Vectors;
    use crate::store::vector::PointId;

    fn entry(id: &str, point: u64) -> Entry {
        Entry {
            id: Some(id.to_owned()),
            row: true,
            points: vec![PointId::Num(point)],
            vectors: Vectors::OfRow,
            ..Entry::default()
        }
    }

    #[test]
    fn the_second_spelling_of_an_id_finds_nothing() {
        let (one, other) = (
            "0191d2a0-0000-7000-8000-00000000000a",
            "0191D2A000007000800000000000000A",
        );
        let found = |by_value| {
            let mut entries = [entry(one, 1), entry(other, if by_value { 1 } else { 2 })];
            let canonical = |id: &str| Some(Uuid::try_parse(id).ok()?.to_string());
            drop_later(&mut entries, |id| by_value.then(|| canonical(id)).flatten());
            let [first, second] = entries;
            assert!(first == entry(one, 1));
            (second.row, second.points.len(), second.vectors)
        };
        assert_eq!(found(true), (false, 0, Vectors::None));
        assert_eq!(
            found(false),
            (true, 1, Vectors::OfRow),
            "two ids where texts are compared"
        );
    }
}

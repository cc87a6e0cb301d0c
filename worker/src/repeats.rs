//! One memory under two spellings in one batch: it goes once, and the later spelling finds it absent.
//!
//! Ids of a table that compares UUIDs by value may be written in several ways. In batches of their own the second one
//! finds nothing; in one batch both would find the same row and the same vector.

use std::collections::HashSet;

use uuid::Uuid;

use crate::intent::Entry;

/// Lets the later of two entries about the same memory find nothing.
pub(crate) fn drop_repeats(entries: &mut [Entry], by_value: bool) {
    let (mut ids, mut points) = (HashSet::new(), HashSet::new());
    for entry in entries {
        let uuid = entry.id.as_deref().and_then(|id| Uuid::try_parse(id).ok());
        let same_id = by_value && uuid.is_some_and(|uuid| !ids.insert(uuid));
        // Where there is no row, a point is the memory.
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
    use super::*;
    use crate::intent::Vectors;
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
            drop_repeats(&mut entries, by_value);
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

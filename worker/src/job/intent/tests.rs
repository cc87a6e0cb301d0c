use super::*;
use crate::fixture;

fn lease(work: Work, progress: Option<Cursor>) -> Lease {
    Lease {
        progress: progress.map(|cursor| cursor.text()),
        ..fixture::lease(work)
    }
}

fn entry(id: &str, row: bool, points: Vec<PointId>, vectors: Vectors) -> Entry {
    Entry {
        id: Some(id.to_owned()),
        row,
        points,
        vectors,
        version: row.then_some(7),
        seen: Seen::default(),
    }
}

/// Entries of every kind, for these ids.
fn entries(ids: &[String]) -> Vec<Entry> {
    let uuid = |n: usize| PointId::Uuid(Uuid::try_parse(&ids[n]).unwrap());
    vec![
        entry(&ids[0], true, vec![uuid(0)], Vectors::OfRow),
        entry(&ids[1], false, vec![PointId::Num(7), uuid(0)], Vectors::Orphans),
        entry(&ids[2], true, Vec::new(), Vectors::None),
        entry(&ids[3], false, Vec::new(), Vectors::Unverifiable),
        entry(&ids[4], true, Vec::new(), Vectors::OfRow),
        entry(&ids[5], false, vec![PointId::Num(5)], Vectors::Changed),
        entry(&ids[6], false, Vec::new(), Vectors::Disagree),
        entry(&ids[7], true, Vec::new(), Vectors::Crowd),
    ]
}

fn ids(n: u128) -> Vec<String> {
    (0..n).map(|n| Uuid::from_u128(n).to_string()).collect()
}

#[test]
fn what_is_written_of_a_list_is_read_again_without_its_ids() {
    let all = ids(11);
    let progress = Cursor {
        at: 3,
        ..Cursor::default()
    };
    let mut lease = lease(Work::Ids(all.clone().into()), Some(progress));
    let then = Some(Cursor {
        at: 11,
        ..Cursor::default()
    });
    let intent = Intent {
        entries: entries(&all[3..]),
        then,
        kept: 2,
        taken: None,
    };
    let text = intent.text(&lease);
    assert!(!text.contains(&all[5]), "{text}");
    lease.intent = Some(text);
    assert!(Intent::of(&lease) == Some(intent));
}

#[test]
fn what_is_written_of_a_range_is_read_again() {
    let mut lease = lease(
        Work::Range {
            after: None,
            through: None,
        },
        None,
    );
    let mut intent = Intent {
        entries: entries(&ids(8)),
        ..Intent::default()
    };
    intent.entries.push(Entry {
        id: None,
        row: false,
        points: vec![PointId::Num(1)],
        vectors: Vectors::Orphans,
        version: None,
        seen: Seen::default(),
    });
    for n in [3, 4] {
        let tables = BTreeMap::from([("chunks".to_owned(), n)]);
        intent.took(Taken { tables, more: n == 3 });
    }
    lease.intent = Some(intent.text(&lease));
    let read = Intent::of(&lease).unwrap();
    assert!(read == intent);
    let taken = read.taken.unwrap();
    assert!(taken.more && taken.tables["chunks"] == 7);
}

#[test]
fn what_cannot_be_read_is_none() {
    let mut lease = lease(Work::Ids(ids(1).into()), None);
    for text in ["", "{", "{\"found\":\"?\"}", "{\"found\":\"rr\"}"] {
        lease.intent = Some(text.to_owned());
        assert!(Intent::of(&lease).is_none(), "{text}");
        assert!(!Intent::is_lost(&lease), "it is begun anew");
        let made_for_it = Lease {
            work: Work::Ids([].into()),
            ..lease.clone()
        };
        assert!(Intent::is_lost(&made_for_it), "{text}");
    }
}

#[test]
fn a_partition_that_was_made_for_a_batch_is_about_that_alone() {
    let all = ids(11);
    let range = Work::Range {
        after: None,
        through: None,
    };
    let intent = Intent {
        entries: entries(&all),
        then: Some(Cursor {
            after: Some(all[8].clone()),
            ..Cursor::default()
        }),
        ..Intent::default()
    };
    let text = intent.text(&lease(range, None));
    for work in [Work::Ids([].into()), Work::Listed([].into())] {
        let found = Lease {
            intent: Some(text.clone()),
            ..lease(work, None)
        };
        let read = Intent::of(&found).unwrap();
        assert!(read.entries == intent.entries && read.then.is_none());
        // The same holds after it is written again.
        let again = Lease {
            intent: Some(read.text(&found)),
            ..found.clone()
        };
        assert!(Intent::of(&again) == Some(read) && !Intent::is_lost(&again));
    }
}

#[test]
fn every_way_to_be_found_is_read_as_it_was_written() {
    for vectors in Vectors::iter() {
        for row in [false, true] {
            assert_eq!(found_as(character(vectors, row)), Some((vectors, row)));
        }
    }
    assert_eq!(found_as('x'), None);
}

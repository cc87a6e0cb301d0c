//! Lists of schedules have what their reader may see, page by page.

use std::collections::BTreeSet;

use lethe_common::ledger::{MarkFilter, Marks, ScheduleRecord, Whose};

use crate::schedules::schedule;
use crate::{TestLedger, tester};

crate::on_both! {
    schedules_are_listed_once_by_their_principal_and_target,
}

async fn schedules_are_listed_once_by_their_principal_and_target(TestLedger { ledger, _dir, .. }: TestLedger) {
    for (name, principal, target, reference) in [
        ("a", "tests", Some("main"), None),
        ("b", "tests", None, Some("DSR-1")),
        ("c", "other", Some("main"), Some("DSR-1")),
        ("d", "other", Some("second"), Some("DSR-1")),
        ("e", "other", None, None),
    ] {
        let record = ScheduleRecord {
            name: name.to_owned(),
            principal: principal.to_owned(),
            target: target.map(str::to_owned),
            marks: Marks {
                reference: reference.map(str::to_owned),
                ..Marks::default()
            },
            ..schedule(None)
        };
        assert!(ledger.add_schedule(&record, &tester()).await.unwrap());
    }
    let of = |principal: &str| Whose::Of(principal.to_owned());
    let about = |principal: &str, targets: &[&str]| {
        let targets: BTreeSet<String> = targets.iter().map(|&target| target.to_owned()).collect();
        Whose::OfOrAbout(principal.to_owned(), targets)
    };
    // More targets than one union has.
    let many: Vec<String> = (0..250).map(|n| format!("target{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).chain(["main", "second"]).collect();
    let names = async |whose: &Whose, marks: &MarkFilter, after: &str, limit: u32| {
        let rows = ledger.schedules(whose, marks, after, limit).await.unwrap();
        let names: Vec<String> = rows.into_iter().map(|row| row.schedule.name).collect();
        names.concat()
    };
    for (whose, expected) in [
        (Whose::All, "abcde"),
        (of("tests"), "ab"),
        (of("nobody"), ""),
        (about("nobody", &[]), ""),
        (about("nobody", &["main"]), "ac"),
        (about("nobody", &["main", "second"]), "acd"),
        (about("tests", &["main"]), "abc"),
        (about("other", &many), "acde"),
    ] {
        let all = MarkFilter::default();
        assert_eq!(names(&whose, &all, "", 10).await, expected, "{whose:?}");
        let mut paged = String::new();
        loop {
            let last = paged.chars().last().map(String::from).unwrap_or_default();
            let next = names(&whose, &all, &last, 1).await;
            if next.is_empty() {
                break;
            }
            paged += &next;
        }
        assert_eq!(paged, expected, "in pages: {whose:?}");
        let marked = MarkFilter {
            reference: Some("DSR-1".to_owned()),
            label: None,
        };
        let with_mark: String = expected.chars().filter(|name| "bcd".contains(*name)).collect();
        assert_eq!(names(&whose, &marked, "", 10).await, with_mark, "by mark: {whose:?}");
    }
}

//! Due schedules, page by page.

use lethe_common::ledger::ScheduleRecord;

use crate::TestLedger;
use crate::schedules::{MISSED, schedule};

crate::on_both! {
    due_schedules_come_in_pages_whatever_cannot_be_read,
}

async fn due_schedules_come_in_pages_whatever_cannot_be_read(test: TestLedger) {
    let ledger = &test.ledger;
    for (name, next_run_at) in [
        ("c", MISSED),
        ("a", MISSED),
        ("b", MISSED),
        ("d", MISSED - 1),
        ("e", MISSED + 1),
    ] {
        let record = ScheduleRecord {
            name: name.to_owned(),
            next_run_at,
            ..schedule(None)
        };
        assert!(ledger.add_schedule(&record, &crate::tester()).await.unwrap());
    }
    // The whole first page cannot be read.
    test.run("UPDATE schedules SET windows = 'unreadable' WHERE name IN ('a', 'd')")
        .await;
    let (mut pages, mut unreadable, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let page = ledger.due_schedules(after.as_ref(), 2).await.unwrap();
        let names = page.due.into_iter().map(|due| due.schedule.name);
        pages.push(names.collect::<Vec<_>>());
        unreadable.extend(page.unreadable.into_iter().map(|(name, _)| name));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let none: [&str; 0] = [];
    assert_eq!(pages, [&none[..], &["b", "c"], &["e"]]);
    assert_eq!(unreadable, ["d", "a"]);
}

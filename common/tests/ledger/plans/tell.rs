//! Lists, counts and sums.

mod lists;

use std::collections::BTreeSet;

use lethe_common::ledger::{
    Act, AuditFilter, Changeable, Deadline, Effect, JobFilter, Ledger, MarkFilter, Object, ReceiptFilter, Whose,
};
use lethe_common::state::State;

use crate::tester;

/// The greatest number of entries of a page.
const LIMIT: u32 = 5;

/// Returns the filter of a list without other filters.
fn all(whose: Whose) -> JobFilter {
    JobFilter::of(whose, LIMIT)
}

/// Lists of tasks, schedules and events with each filter, and the numbers of a scrape.
pub(super) async fn listed(ledger: &Ledger) {
    let main = BTreeSet::from(["main".to_owned()]);
    for whose in [
        Whose::All,
        Whose::Of("tests".to_owned()),
        Whose::Of("nobody".to_owned()),
        Whose::OfOrAbout("nobody".to_owned(), main),
    ] {
        ledger.tasks(&whose, None, LIMIT).await.unwrap();
        ledger.glances(&whose, None, LIMIT, LIMIT).await.unwrap();
        let marks = MarkFilter::default();
        ledger.schedules(&whose, &marks, "", LIMIT).await.unwrap();
        ledger.refused_schedules(LIMIT).await.unwrap();
        ledger.jobs(&all(whose.clone())).await.unwrap();
        let receipts = ReceiptFilter {
            whose,
            job: None,
            since: Some(1),
            after: None,
            limit: LIMIT,
        };
        let listed = ledger.receipts(&receipts).await.unwrap();
        for row in listed.iter().take(1) {
            assert!(ledger.receipt(row.id).await.unwrap().is_some());
            assert!(ledger.receipt_of(row.job, None).await.unwrap().is_some());
            let of_job = ReceiptFilter {
                job: Some(row.job),
                ..receipts.clone()
            };
            assert!(!ledger.receipts(&of_job).await.unwrap().is_empty());
            ledger.envelope(row.id).await.unwrap();
        }
    }
    ledger.unsequenced(LIMIT).await.unwrap();
    let unknown = JobFilter {
        marks: MarkFilter {
            reference: Some("unknown".to_owned()),
            label: None,
        },
        ..all(Whose::All)
    };
    let old = JobFilter {
        created_before: Some(1),
        ..all(Whose::All)
    };
    for filter in [unknown, old] {
        assert!(ledger.jobs(&filter).await.unwrap().jobs.is_empty());
    }
    // None of the jobs with a deadline is due, few of them are, or all.
    for due_before in [1, 100, i64::MAX] {
        let due = JobFilter {
            due_before: Some(due_before),
            ..all(Whose::All)
        };
        let jobs = ledger.jobs(&due).await.unwrap().jobs;
        let mut deadlines = jobs.iter().map(|job| job.legal.deadline.as_ref());
        let is_due = |deadline: Option<&Deadline>| deadline.is_some_and(|deadline| deadline.due_at < due_before);
        assert!(deadlines.all(is_due), "{due_before}");
    }
    lists::filtered(ledger).await;
    let failed = JobFilter {
        state: Some(State::Failed),
        ..all(Whose::All)
    };
    ledger.jobs(&failed).await.unwrap();
    let repeatable = ledger.matching(&failed, Changeable::Repeatable, None).await;
    repeatable.unwrap();
    let unfinished = ledger.matching(&all(Whose::All), Changeable::Unfinished, None).await;
    assert!(!unfinished.unwrap().jobs.is_empty());
    ledger
        .note_reading(&tester(), Act::AuditRead, Object::All)
        .await
        .unwrap();
    for (act, actor, effect) in [
        ("", "", None),
        ("audit.read", "", None),
        ("", "tester", None),
        ("audit.read", "tester", None),
        ("", "", Some(Effect::Refused)),
    ] {
        let filter = AuditFilter {
            act: act.to_owned(),
            actor: actor.to_owned(),
            effect,
            since: Some(1),
            limit: LIMIT,
            ..AuditFilter::default()
        };
        // An event of the history is no JSON of an event.
        drop(ledger.audit(&filter).await);
    }
    ledger.unfinished_of("tests", 10, || ()).await.unwrap();
    ledger.unfinished_of("p", 10, || ()).await.unwrap();
    ledger.schedules_of("tests", LIMIT).await.unwrap();
    ledger.schedule_names_of("tests", LIMIT).await.unwrap();
    ledger.backlog().await.unwrap();
    ledger.service_state(5).await.unwrap();
    ledger.totals().await.unwrap();
}

//! Lists, counts and sums.

mod lists;

use std::collections::BTreeSet;

use lethe_common::ledger::{Act, AuditFilter, Changeable, Effect, JobFilter, Ledger, MarkFilter, Object, Whose};
use lethe_common::state::State;

use crate::tester;

/// The greatest number of entries of a page.
const LIMIT: u32 = 5;

/// Returns the filter of a list without other filters.
fn all(whose: Whose) -> JobFilter {
    JobFilter {
        whose,
        principal: None,
        state: None,
        kind: None,
        target: None,
        schedule: None,
        error_code: None,
        marks: MarkFilter::default(),
        created_after: None,
        created_before: None,
        after: None,
        limit: LIMIT,
    }
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
        ledger.jobs(&all(whose)).await.unwrap();
    }
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
    ledger.backlog().await.unwrap();
    ledger.service_state(5).await.unwrap();
    ledger.totals().await.unwrap();
}

//! The audit trail and the acts that it records.

use jiff::ToSpan;
use lethe_common::clock::{Clock, to_millis};
use lethe_common::ledger::{Actor, AuditFilter, CancelOutcome, Effect, Ledger};
use lethe_common::state::State;

use crate::support::new_job;
use crate::{TestLedger, accept, ids, tester};

crate::on_both! {
    an_act_and_its_event_are_one,
    events_are_found_by_act_actor_effect_and_time,
}

async fn an_act_and_its_event_are_one(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(1)])).await;
    // A missing table would be an outage: an api may start before the migrations.
    test.run("ALTER TABLE audit_events RENAME COLUMN event TO elsewhere")
        .await;
    assert!(ledger.cancel(id, &tester()).await.is_err(), "it cannot be told");
    assert!(ledger.pause(None, &tester()).await.is_err());
    assert_eq!(ledger.unwritten_events(), 2);
    assert_eq!(ledger.job(id).await.unwrap().unwrap().state, State::Queued);
    assert!(!ledger.pauses().await.unwrap().all);

    test.run("ALTER TABLE audit_events RENAME COLUMN elsewhere TO event")
        .await;
    assert!(matches!(
        ledger.cancel(id, &tester()).await.unwrap(),
        CancelOutcome::Cancelled(end) if end.id == id && end.state == State::Cancelled
    ));
    assert_eq!(
        ledger.cancel(id, &tester()).await.unwrap(),
        CancelOutcome::Ended(State::Cancelled)
    );
    let events = ledger.audit(&all()).await.unwrap();
    assert_eq!(events.len(), 1, "what was not done is not told: {events:?}");
    assert_eq!(
        (events[0].act.as_str(), &*events[0].object_id),
        ("job.cancel", &*id.to_string())
    );
}

async fn events_are_found_by_act_actor_effect_and_time(test: TestLedger) {
    let ledger = &test.ledger;
    let (one, other) = (Actor::named("one"), Actor::named("other"));
    ledger.pause(Some("main"), &one).await.unwrap();
    ledger.pause(Some("main"), &other).await.unwrap();
    ledger.resume(Some("main"), &one).await.unwrap();
    let acts = async |filter: AuditFilter| {
        let events = found(ledger, filter).await;
        events
            .into_iter()
            .map(|(act, actor, _)| format!("{act} {actor}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(acts(all()).await, ["resume one", "pause other", "pause one"]);
    let effects: Vec<_> = found(ledger, all())
        .await
        .into_iter()
        .map(|(_, _, effect)| effect)
        .collect();
    assert_eq!(effects, [Effect::Done, Effect::Unchanged, Effect::Done]);
    let of = |act: &str, actor: &str| AuditFilter {
        act: act.to_owned(),
        actor: actor.to_owned(),
        ..all()
    };
    assert_eq!(acts(of("pause", "")).await, ["pause other", "pause one"]);
    assert_eq!(acts(of("pause", "one")).await, ["pause one"]);
    assert_eq!(acts(of("", "one")).await, ["resume one", "pause one"]);
    let with = |effect| AuditFilter {
        effect: Some(effect),
        ..all()
    };
    assert_eq!(acts(with(Effect::Unchanged)).await, ["pause other"]);
    assert_eq!(acts(with(Effect::Done)).await, ["resume one", "pause one"]);
    assert_eq!(acts(with(Effect::Refused)).await.len(), 0);

    let now = Clock::system().now();
    let (before, after) = (to_millis(now - 1.hour()), to_millis(now + 1.hour()));
    let between = |since, until| AuditFilter { since, until, ..all() };
    assert_eq!(acts(between(Some(before), Some(after))).await.len(), 3);
    assert_eq!(acts(between(Some(after), None)).await.len(), 0);
    assert_eq!(acts(between(None, Some(before))).await.len(), 0);
    let newest = ledger.audit(&AuditFilter { limit: 1, ..all() }).await.unwrap();
    let rest = AuditFilter {
        after: newest[0].id.to_string(),
        until: Some(after),
        ..all()
    };
    assert_eq!(acts(rest).await, ["pause other", "pause one"]);
}

fn all() -> AuditFilter {
    AuditFilter {
        limit: 100,
        ..AuditFilter::default()
    }
}

async fn found(ledger: &Ledger, filter: AuditFilter) -> Vec<(String, String, Effect)> {
    let events = ledger.audit(&filter).await.unwrap();
    events
        .into_iter()
        .map(|event| (event.act, event.actor, event.effect))
        .collect()
}

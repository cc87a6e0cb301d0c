//! Jobs and schedules are found by their marks, and jobs by their caller, kind, error and time.

use std::collections::BTreeSet;

use lethe_common::error_code::ErrorCode;
use lethe_common::job::{JobId, SelectorKind};
use lethe_common::ledger::{
    ExecutionOptions, JobFilter, Ledger, MarkFilter, Marks, NewJob, Release, ScheduleRecord, Scope, Whose,
};

use crate::schedules::schedule;
use crate::support::new_job;
use crate::{TestLedger, accept, claim_one, ids, subject_job, tester};

crate::on_both! {
    jobs_are_found_by_what_their_caller_calls_them,
    jobs_are_found_by_caller_kind_error_and_time,
    schedules_are_found_by_the_marks_of_their_jobs,
}

fn marks(reference: Option<&str>, labels: &[(&str, &str)]) -> Marks {
    Marks {
        reference: reference.map(str::to_owned),
        labels: labels
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
    }
}

fn marked(marks: Marks) -> NewJob {
    NewJob {
        execution: ExecutionOptions {
            marks,
            ..ExecutionOptions::default()
        },
        ..new_job(vec![ids(1)])
    }
}

fn by(reference: Option<&str>, label: Option<(&str, &str)>) -> MarkFilter {
    MarkFilter {
        reference: reference.map(str::to_owned),
        label: label.map(|(key, value)| (key.to_owned(), value.to_owned())),
    }
}

fn all() -> JobFilter {
    JobFilter::of(Whose::All, 10)
}

async fn found(ledger: &Ledger, filter: JobFilter) -> Vec<JobId> {
    let page = ledger.jobs(&filter).await.unwrap();
    page.jobs.into_iter().map(|job| job.id).collect()
}

async fn jobs_are_found_by_what_their_caller_calls_them(test: TestLedger) {
    let ledger = &test.ledger;
    let quoted = marks(
        Some("DSR-1"),
        &[("team", "a \"quoted\" word"), ("note", "\"team\":\"b\"")],
    );
    let first = accept(ledger, marked(quoted.clone())).await;
    let second = accept(ledger, marked(marks(Some("DSR-1"), &[("team", "b")]))).await;
    let plain = accept(ledger, new_job(vec![ids(1)])).await;
    assert_eq!(ledger.job(first).await.unwrap().unwrap().marks, quoted);
    assert_eq!(ledger.job(plain).await.unwrap().unwrap().marks, Marks::default());
    for (filter, expected) in [
        (by(None, None), vec![plain, second, first]),
        (by(Some("DSR-1"), None), vec![second, first]),
        (by(Some("DSR"), None), vec![]),
        (by(None, Some(("team", "b"))), vec![second]),
        (by(None, Some(("team", "a \"quoted\" word"))), vec![first]),
        (by(None, Some(("team", "a"))), vec![]),
        (by(None, Some(("eam", "b"))), vec![]),
        (by(Some("DSR-1"), Some(("team", "b"))), vec![second]),
    ] {
        let said = format!("{filter:?}");
        let of = JobFilter { marks: filter, ..all() };
        assert_eq!(found(ledger, of).await, expected, "{said}");
    }
    let others = JobFilter {
        whose: Whose::OfOrAbout("somebody".to_owned(), BTreeSet::new()),
        marks: by(Some("DSR-1"), None),
        ..all()
    };
    assert_eq!(found(ledger, others).await, [], "a mark shows nothing of others");
}

async fn jobs_are_found_by_caller_kind_error_and_time(test: TestLedger) {
    let ledger = &test.ledger;
    let failing = accept(ledger, new_job(vec![ids(1)])).await;
    let back = Release {
        fence: claim_one(ledger).await.fence(),
        delay_ms: 60_000,
        error: Some(ErrorCode::Busy),
        charged: true,
        alone: false,
    };
    ledger.release(&[back]).await.unwrap();
    let person = accept(ledger, subject_job(1)).await;
    let theirs = NewJob {
        scope: Scope {
            principal: "others".to_owned(),
            route: "/v1/jobs",
        },
        ..new_job(vec![ids(1)])
    };
    let theirs = accept(ledger, theirs).await;
    let (hour, now) = (3_600_000, TestLedger::now());
    for (filter, expected) in [
        (
            JobFilter {
                principal: Some("others".to_owned()),
                ..all()
            },
            vec![theirs],
        ),
        (
            JobFilter {
                kind: Some(SelectorKind::Subject),
                ..all()
            },
            vec![person],
        ),
        (
            JobFilter {
                error_code: Some(ErrorCode::Busy),
                ..all()
            },
            vec![failing],
        ),
        (
            JobFilter {
                created_after: Some(now - hour),
                created_before: Some(now + hour),
                ..all()
            },
            vec![theirs, person, failing],
        ),
        (
            JobFilter {
                created_after: Some(now + hour),
                ..all()
            },
            vec![],
        ),
        (
            JobFilter {
                created_before: Some(now - hour),
                ..all()
            },
            vec![],
        ),
        (
            JobFilter {
                after: Some(theirs),
                limit: 1,
                ..all()
            },
            vec![person],
        ),
    ] {
        let said = format!("{filter:?}");
        assert_eq!(found(ledger, filter).await, expected, "{said}");
    }
}

async fn schedules_are_found_by_the_marks_of_their_jobs(test: TestLedger) {
    let ledger = &test.ledger;
    let of = |name: &str, marks| ScheduleRecord {
        name: name.to_owned(),
        marks,
        ..schedule(None)
    };
    let first = of("a", marks(Some("DSR-1"), &[("team", "a")]));
    for record in [
        &first,
        &of("b", marks(None, &[("team", "b")])),
        &of("c", Marks::default()),
    ] {
        assert!(ledger.add_schedule(record, &tester()).await.unwrap());
    }
    let names = async |filter: MarkFilter| {
        let rows = ledger.schedules(&Whose::All, &filter, "", 10).await.unwrap();
        rows.into_iter().map(|row| row.schedule.name).collect::<Vec<_>>()
    };
    assert_eq!(names(by(None, None)).await, ["a", "b", "c"]);
    assert_eq!(names(by(Some("DSR-1"), None)).await, ["a"]);
    assert_eq!(names(by(None, Some(("team", "b")))).await, ["b"]);
    let row = ledger.schedule("a").await.unwrap().unwrap();
    assert_eq!(row.schedule.marks, first.marks);
    let changed = of("a", marks(Some("DSR-2"), &[]));
    assert!(
        ledger
            .replace_schedule(&changed, &row.revision, &tester())
            .await
            .unwrap()
    );
    assert!(names(by(Some("DSR-1"), None)).await.is_empty());
    assert_eq!(names(by(Some("DSR-2"), None)).await, ["a"]);
}

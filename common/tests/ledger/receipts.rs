//! Each ending of a job leaves one receipt, which outlives the job and names nobody.

mod ends;
mod stated;

use std::time::Duration;

use lethe_common::error_code::ErrorCode;
use lethe_common::job::JobId;
use lethe_common::ledger::{
    After, Delta, Kind, Ledger, NewJob, NewPartition, ReceiptFilter, ReceiptRow, RecordEnd, RetryOutcome, Whose,
};
use lethe_common::receipt::body::Body;
use lethe_common::state::State;
use sqlx::AnyPool;

use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, erased, finish, forget, ids, record, state, tester};

crate::on_both! {
    each_job_of_a_group_gets_its_own_receipt,
    a_dry_run_and_an_upload_that_broke_off_leave_none,
    a_retry_that_ends_leaves_a_second_receipt,
    a_record_that_is_repeated_leaves_no_second_receipt,
    a_second_receipt_of_an_ending_is_refused,
    a_list_has_the_receipts_that_a_caller_may_see,
    a_list_goes_by_the_times_of_the_endings,
    a_statement_leaves_with_its_retention_and_its_place_stays,
}

/// The filter of all receipts.
fn all() -> ReceiptFilter {
    ReceiptFilter {
        whose: Whose::All,
        job: None,
        since: None,
        after: None,
        limit: 100,
    }
}

/// Returns the receipts of a job, the newest first.
async fn receipts(ledger: &Ledger, id: JobId) -> Vec<ReceiptRow> {
    let mut rows = ledger.receipts(&all()).await.unwrap();
    rows.retain(|row| row.job == id);
    rows
}

/// Returns the only receipt of a job.
async fn receipt(ledger: &Ledger, id: JobId) -> ReceiptRow {
    let mut rows = receipts(ledger, id).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

/// Returns the statements that wait for their signature, as the sequencer reads them.
async fn texts(ledger: &Ledger) -> Vec<String> {
    let pending = ledger.unsequenced(100).await.unwrap();
    pending.receipts.into_iter().map(|receipt| receipt.body).collect()
}

/// Returns the statement of a receipt.
async fn statement(ledger: &Ledger, id: JobId) -> Body {
    let all = texts(ledger).await;
    let bodies = all.iter().map(|text| serde_json::from_str::<Body>(text).unwrap());
    let mut of_job: Vec<Body> = bodies.filter(|body| body.job.id == id).collect();
    assert_eq!(of_job.len(), 1);
    of_job.remove(0)
}

/// Ends the only partition of a job.
async fn end_one(ledger: &Ledger, delta: Delta, how: RecordEnd) {
    let lease = claim_one(ledger).await;
    record(ledger, end(&lease, delta, how)).await;
}

/// Returns a job that was cancelled before it began.
async fn cancelled(ledger: &Ledger) -> JobId {
    let id = accept(ledger, new_job(vec![ids(1)])).await;
    ledger.cancel(id, &tester()).await.unwrap();
    id
}

async fn each_job_of_a_group_gets_its_own_receipt(test: TestLedger) {
    let ledger = &test.ledger;
    for n in 1..=3 {
        accept(ledger, new_job(vec![ids(n)])).await;
    }
    let leases = claim(ledger).await;
    let records = leases
        .iter()
        .map(|lease| end(lease, erased(lease.remaining), RecordEnd::Gone));
    ledger.record(&records.collect::<Vec<_>>()).await.unwrap();
    for lease in &leases {
        let body = statement(ledger, lease.job.id).await;
        for store in body.stores {
            assert_eq!(store.counts["erased"], lease.remaining);
        }
    }
    assert_eq!(ledger.receipts(&all()).await.unwrap().len(), 3);
}

async fn a_dry_run_and_an_upload_that_broke_off_leave_none(test: TestLedger) {
    let ledger = &test.ledger;
    let look = NewJob {
        dry_run: true,
        ..new_job(vec![NewPartition {
            kind: Kind::Preview,
            ..ids(1)
        }])
    };
    for cancelled in [false, true] {
        let id = accept(
            ledger,
            NewJob {
                id: JobId::new(),
                ..look.clone()
            },
        )
        .await;
        if cancelled {
            ledger.cancel(id, &tester()).await.unwrap();
        } else {
            end_one(ledger, Delta::default(), RecordEnd::Done).await;
        }
        assert!(state(ledger, id).await.is_ended());
    }
    let begun = ledger.begin_upload(&new_job(Vec::new()), &ids(1)).await.unwrap();
    let mut upload = begun.unwrap();
    ledger.append(&mut upload, &[ids(2)]).await.unwrap();
    ledger.abort_upload(upload).await.unwrap();
    assert!(ledger.receipts(&all()).await.unwrap().is_empty());
    assert!(texts(ledger).await.is_empty());
}

async fn a_retry_that_ends_leaves_a_second_receipt(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(2)])).await;
    end_one(ledger, Delta::default(), RecordEnd::Failed(ErrorCode::Rejected)).await;
    assert_eq!(ledger.retry(id, &tester()).await.unwrap(), RetryOutcome::Accepted);
    assert_eq!(receipts(ledger, id).await.len(), 1, "the retry itself leaves none");
    finish(ledger, &claim_one(ledger).await).await;
    let rows = receipts(ledger, id).await;
    let endings: Vec<_> = rows.iter().map(|row| (row.ending, row.state)).collect();
    assert_eq!(endings, [(2, State::Succeeded), (1, State::Failed)]);
    for (ending, expected) in [(None, 2), (Some(1), 1), (Some(2), 2)] {
        let row = ledger.receipt_of(id, ending).await.unwrap().unwrap();
        assert_eq!(row.ending, expected);
    }
    assert!(ledger.receipt_of(id, Some(3)).await.unwrap().is_none());
    // The first receipt still says what the first attempt did.
    let texts = texts(ledger).await;
    let mut bodies: Vec<Body> = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    bodies.sort_by_key(|body| body.job.ending);
    let said: Vec<_> = bodies
        .iter()
        .map(|body| (body.job.attempt, body.status.lethe))
        .collect();
    assert_eq!(said, [(1, State::Failed), (2, State::Succeeded)]);
    assert_eq!(bodies[0].stores[0].counts["failed"], 2);
    assert_eq!(bodies[1].stores[0].counts["erased"], 2);
    assert_eq!(bodies[0].request.hash, bodies[1].request.hash, "it is the same request");
    let store = &bodies[1].stores[0];
    assert!(store.first_attempt < store.last_attempt || store.first_attempt == bodies[0].times.started);
}

async fn a_record_that_is_repeated_leaves_no_second_receipt(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(1)])).await;
    let lease = claim_one(ledger).await;
    record(ledger, end(&lease, erased(1), RecordEnd::Gone)).await;
    // Its answer was lost.
    let again = record(ledger, end(&lease, erased(1), RecordEnd::Gone)).await;
    assert!(matches!(again, After::Lost));
    receipt(ledger, id).await;
}

async fn a_second_receipt_of_an_ending_is_refused(test: TestLedger) {
    let ledger = &test.ledger;
    let id = cancelled(ledger).await;
    let pool = AnyPool::connect(&test.url).await.unwrap();
    let again = "INSERT INTO receipts (id, job_id, ending, state, principal, target, targets, ended_at)
        SELECT 'other', job_id, ending, state, principal, target, targets, ended_at FROM receipts";
    let refused = sqlx::query(again).execute(&pool).await.unwrap_err();
    assert!(refused.as_database_error().unwrap().is_unique_violation());
    pool.close().await;
    receipt(ledger, id).await;
}

async fn a_list_has_the_receipts_that_a_caller_may_see(test: TestLedger) {
    let ledger = &test.ledger;
    let by = async |principal: &str, target: Option<&str>| {
        let mut job = new_job(vec![ids(1)]);
        principal.clone_into(&mut job.scope.principal);
        job.target = target.map(str::to_owned);
        let id = accept(ledger, job).await;
        ledger.cancel(id, &tester()).await.unwrap();
        id
    };
    let own = by("a", Some("main")).await;
    let about = by("b", Some("main")).await;
    let elsewhere = by("b", Some("other")).await;
    let several = by("b", None).await;
    let listed = async |whose: Whose| {
        let filter = ReceiptFilter { whose, ..all() };
        let rows = ledger.receipts(&filter).await.unwrap();
        rows.into_iter().map(|row| row.job).collect::<Vec<_>>()
    };
    let a = || "a".to_owned();
    assert_eq!(listed(Whose::All).await, [several, elsewhere, about, own]);
    assert_eq!(listed(Whose::Of(a())).await, [own]);
    let main = Whose::OfOrAbout(a(), ["main".to_owned()].into());
    assert_eq!(listed(main).await, [several, about, own]);
    assert_eq!(listed(Whose::OfOrAbout(a(), [].into())).await, [own]);

    let first = ledger.receipts(&ReceiptFilter { limit: 3, ..all() }).await.unwrap();
    let rest = ReceiptFilter {
        after: first.last().map(|row| row.id),
        ..all()
    };
    let rest = ledger.receipts(&rest).await.unwrap();
    assert_eq!(rest.iter().map(|row| row.job).collect::<Vec<_>>(), [own]);
    let tomorrow = ReceiptFilter {
        since: Some(TestLedger::now() + 86_400_000),
        ..all()
    };
    assert!(ledger.receipts(&tomorrow).await.unwrap().is_empty());
    let hour_ago = ReceiptFilter {
        since: Some(TestLedger::now() - 3_600_000),
        ..all()
    };
    assert_eq!(ledger.receipts(&hour_ago).await.unwrap().len(), 4);

    let of_job = async |job: JobId, since: Option<i64>| {
        let filter = ReceiptFilter {
            job: Some(job),
            since,
            ..all()
        };
        let rows = ledger.receipts(&filter).await.unwrap();
        rows.into_iter().map(|row| row.job).collect::<Vec<_>>()
    };
    assert_eq!(of_job(about, None).await, [about]);
    assert!(of_job(about, tomorrow.since).await.is_empty());
    assert!(of_job(JobId::new(), None).await.is_empty());
}

async fn a_list_goes_by_the_times_of_the_endings(test: TestLedger) {
    let ledger = &test.ledger;
    let minute = 60 * 1000;
    let id = cancelled(ledger).await;
    let ended_at = receipt(ledger, id).await.ended_at;
    let since = async |since: i64| {
        let filter = ReceiptFilter {
            since: Some(since),
            ..all()
        };
        ledger.receipts(&filter).await.unwrap().len()
    };
    // The clock of the ledger is ahead of that of the process, and behind it.
    for skew in [5, -5] {
        let ended_at = ended_at + skew * minute;
        test.run(format!("UPDATE receipts SET ended_at = {ended_at}")).await;
        assert_eq!(since(ended_at).await, 1, "{skew}");
        assert_eq!(since(ended_at - 1).await, 1, "{skew}");
        assert_eq!(since(ended_at + 1).await, 0, "{skew}");
    }
}

async fn a_statement_leaves_with_its_retention_and_its_place_stays(test: TestLedger) {
    let ledger = &test.ledger;
    let (unsigned, signed) = (cancelled(ledger).await, cancelled(ledger).await);
    let sign = format!(
        "UPDATE receipts SET body = '{{}}', head = '{{}}', signatures = '[]', log_index = 7, facts = NULL WHERE job_id = '{signed}'"
    );
    assert_eq!(test.run(sign).await, 1);
    assert!(
        ledger
            .envelope(receipt(ledger, signed).await.id)
            .await
            .unwrap()
            .is_some()
    );
    test.run("UPDATE receipts SET ended_at = 1").await;
    forget(ledger, Duration::from_hours(24), Duration::from_hours(24)).await;
    let row = receipt(ledger, signed).await;
    assert_eq!((row.log_index, row.is_forgotten), (Some(7), true));
    assert!(ledger.envelope(row.id).await.unwrap().is_none());
    assert_eq!((row.principal.as_str(), row.targets.len()), ("", 0));
    let empty = format!(
        "UPDATE receipts SET ending = ending WHERE job_id = '{signed}' AND target = '' AND head IS NULL AND signatures IS NULL"
    );
    assert_eq!(test.run(empty).await, 1, "no name and no signature stays");
    // One that the log does not have yet waits for its signature.
    assert!(!receipt(ledger, unsigned).await.is_forgotten);
    assert_eq!(texts(ledger).await.len(), 1);
}

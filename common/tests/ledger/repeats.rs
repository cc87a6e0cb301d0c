//! Ids that come twice in an upload count once.

use lethe_common::ledger::{NewPartition, Spelling, Upload, Work};

use crate::support::new_job;
use crate::{TestLedger, claim, ids, total};

crate::on_both! {
    ids_that_came_before_are_dropped_in_whatever_part,
    long_ids_are_dropped_a_few_parts_at_a_time,
    spellings_of_one_uuid_are_one_id,
    spellings_are_folded_as_workers_read_them,
    an_upload_that_was_swept_has_no_repeats_to_drop,
}

fn part(names: &[&str]) -> NewPartition {
    NewPartition {
        work: Work::Ids(names.iter().map(|&name| name.to_owned()).collect()),
        remaining: names.len() as u64,
        ..ids(0)
    }
}

async fn upload(test: &TestLedger, parts: &[&[&str]]) -> Upload {
    let ledger = &test.ledger;
    let begun = ledger.begin_upload(&new_job(Vec::new()), &ids(1)).await.unwrap();
    let mut upload = begun.unwrap();
    let parts: Vec<NewPartition> = parts.iter().map(|names| part(names)).collect();
    ledger.append(&mut upload, &parts).await.unwrap();
    upload
}

/// Accepts the upload. Returns its lists.
async fn lists(test: &TestLedger, mut upload: Upload, spelling: Spelling) -> Vec<Vec<String>> {
    let ledger = &test.ledger;
    ledger.drop_repeats(&mut upload, spelling).await.unwrap();
    let selected = upload.selected();
    let id = ledger.finish_upload(upload, "").await.unwrap();
    let job = ledger.job(id).await.unwrap().unwrap();
    let mut leases = claim(ledger).await;
    leases.sort_by_key(|lease| lease.ordinal);
    assert!(
        leases
            .iter()
            .all(|lease| matches!(&lease.work, Work::Ids(ids) if ids.len() as u64 == lease.remaining))
    );
    let n: u64 = leases.iter().map(|lease| lease.remaining).sum();
    assert_eq!((job.selected, job.remaining, selected), (n, n, n));
    assert_eq!(total(ledger, "selected", "").await, n);
    let unfinished = "UPDATE jobs SET version = version WHERE unfinished = (SELECT COUNT(*) FROM partitions)";
    assert_eq!(test.run(unfinished).await, 1);
    let ids = leases.into_iter().filter_map(|lease| match lease.work {
        Work::Ids(ids) => Some(ids.to_vec()),
        _ => None,
    });
    ids.collect()
}

async fn ids_that_came_before_are_dropped_in_whatever_part(test: TestLedger) {
    let all: [&[&str]; 4] = [&["b", "a"], &["c", "a", "d"], &["a", "b"], &["é", "d", "A", "e"]];
    let upload = upload(&test, &all).await;
    let left = lists(&test, upload, Spelling::Text).await;
    assert_eq!(left, [vec!["b", "a"], vec!["c", "d"], vec!["é", "A", "e"]]);
}

async fn long_ids_are_dropped_a_few_parts_at_a_time(test: TestLedger) {
    let long = "x".repeat(1 << 20);
    let parts = [
        [long.as_str(), "a"],
        [long.as_str(), "b"],
        [long.as_str(), "c"],
        [long.as_str(), "a"],
    ];
    let upload = upload(&test, &parts.each_ref().map(<[&str; 2]>::as_slice)).await;
    let left = lists(&test, upload, Spelling::Text).await;
    assert_eq!(left, [vec![long.as_str(), "a"], vec!["b"], vec!["c"]]);
}

async fn spellings_of_one_uuid_are_one_id(test: TestLedger) {
    let (one, bare, upper) = (
        "0191d2a0-0000-7000-8000-00000000000a",
        "0191d2a000007000800000000000000a",
        "0191D2A0-0000-7000-8000-00000000000A",
    );
    let upload = upload(&test, &[&[one, "x"], &[bare, "y"], &["X", upper]]).await;
    let left = lists(&test, upload, Spelling::Uuid).await;
    assert_eq!(left, [vec![one, "x"], vec!["y"], vec!["X"]]);
}

async fn spellings_are_folded_as_workers_read_them(test: TestLedger) {
    const ID: &str = "0191d2a0-0000-7000-8000-00000000000a";
    let bare = ID.replace('-', "");
    let texts = [
        ID.to_owned(),
        bare.clone(),
        ID.to_uppercase(),
        format!("{{{ID}}}"),
        format!("urn:uuid:{ID}"),
        format!("URN:UUID:{ID}"),
        // None of these is the UUID, and each is a different id.
        format!("{{{bare}}}"),
        format!("{{{ID}"),
        "0191d2a00-000-7000-8000-00000000000a".to_owned(),
        "0191d2a0-00007000-80000000-0000000a".to_owned(),
        "0191d2a0-0000-7000-8000-00000000000g".to_owned(),
        "0191D2A0-0000-7000-8000-00000000000G".to_owned(),
        "0191d2a000007000800000000000000g".to_owned(),
        "0191d2a0-0000-7000-8000-0000000000".to_owned(),
        String::new(),
        "7".to_owned(),
        "07".to_owned(),
    ];
    let all: Vec<Vec<&str>> = texts.iter().map(|text| vec![text.as_str()]).collect();
    let parts: Vec<&[&str]> = all.iter().map(Vec::as_slice).collect();
    let upload = upload(&test, &parts).await;
    let left: Vec<String> = lists(&test, upload, Spelling::Uuid).await.concat();

    let mut listed: Vec<NewPartition> = parts.iter().map(|names| part(names)).collect();
    assert!(Spelling::Uuid.repeats(&listed) && Spelling::Uuid.fold(&mut listed));
    assert!(!Spelling::Uuid.fold(&mut listed) && !Spelling::Text.repeats(&listed));
    let folded = listed.iter().flat_map(|partition| match &partition.work {
        Work::Ids(ids) => ids.to_vec(),
        _ => Vec::new(),
    });
    assert_eq!(left, folded.collect::<Vec<_>>());
    assert_eq!(left, [&texts[..1], &texts[6..]].concat());
}

async fn an_upload_that_was_swept_has_no_repeats_to_drop(test: TestLedger) {
    let mut upload = upload(&test, &[&["a"], &["a"]]).await;
    test.run("UPDATE jobs SET touched_at = 0").await;
    test.ledger.drop_abandoned_uploads().await.unwrap();
    test.ledger.drop_repeats(&mut upload, Spelling::Text).await.unwrap();
    assert!(test.ledger.finish_upload(upload, "").await.is_err());
}

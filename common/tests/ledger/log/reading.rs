//! Reading the log: tiles, proofs, keys, and what waits.

use std::collections::HashMap;

use lethe_common::ledger::SigningKeyRow;
use lethe_common::receipt::keys::Signer;
use lethe_common::tlog::proof_file::ProofFile;
use lethe_common::tlog::tile::{self, TileId};

use super::{LONG, NONE, ORIGIN, cancelled, column, key, read, round, steps};
use crate::TestLedger;

crate::on_both! {
    a_part_of_a_tile_that_has_grown_is_as_it_was,
    the_proof_of_each_entry_leads_to_the_checkpoint,
    the_state_says_what_waits,
    retired_keys_stay,
    an_api_that_looks_for_schedules_sees_what_has_no_place,
}

fn tile_id(level: u8, n: u64, width: u16) -> TileId {
    TileId { level, n, width }
}

async fn a_part_of_a_tile_that_has_grown_is_as_it_was(test: TestLedger) {
    let ledger = &test.ledger;
    for _ in 0..3 {
        read(ledger).await;
    }
    round(ledger).await;
    let tile = async |level, n, width| ledger.log_tile(tile_id(level, n, width)).await.unwrap();
    let three = tile(0, 0, 3).await.unwrap();
    let entries = ledger.log_bundle(0, 3).await.unwrap().unwrap();
    assert_eq!(three.len(), 96);
    assert_eq!(tile(0, 0, 4).await, None);
    assert_eq!(ledger.log_bundle(0, 4).await.unwrap(), None);

    for _ in 0..270 {
        read(ledger).await;
    }
    while ledger.log_waits().await.unwrap() {
        round(ledger).await;
    }
    assert_eq!(tile(0, 0, 3).await.unwrap(), three);
    assert_eq!(ledger.log_bundle(0, 3).await.unwrap().unwrap(), entries);
    let full = tile(0, 0, 256).await.unwrap();
    assert_eq!((full.len(), full.get(..96)), (8_192, Some(three.as_slice())));
    assert_eq!(tile(1, 0, 1).await.unwrap().len(), 32);
    assert_eq!(tile(0, 1, 17).await.unwrap().len(), 17 * 32);
    let rest = ledger.log_bundle(1, 17).await.unwrap().unwrap();
    assert_eq!(tile::entries(&rest).unwrap().len(), 17);
    for (level, n, width) in [(0, 1, 18), (1, 0, 2), (2, 0, 1), (0, u64::MAX, 1)] {
        assert_eq!(tile(level, n, width).await, None, "{level} {n} {width}");
    }
    assert_eq!(ledger.log_bundle(u64::MAX, 1).await.unwrap(), None);
}

async fn the_proof_of_each_entry_leads_to_the_checkpoint(test: TestLedger) {
    let ledger = &test.ledger;
    let keys = [key(&Signer::from_seed(&[7; 32]))];
    assert_eq!(ledger.log_proof(0).await.unwrap(), None);
    for size in [1, 2, 3, 5, 8] {
        while ledger.log_head().await.unwrap().size < size {
            read(ledger).await;
            round(ledger).await;
        }
        let listed = column(&test, "SELECT entry FROM log_entries ORDER BY idx").await;
        for (index, entry) in (0..size).zip(&listed) {
            let file = ledger.log_proof(index).await.unwrap().unwrap();
            let proof = ProofFile::read(&file).unwrap();
            assert_eq!(proof.index, index);
            let led = proof.verify(entry.as_bytes(), ORIGIN, &keys).unwrap();
            assert_eq!(led.size, size);
            assert!(proof.verify(b"another entry", ORIGIN, &keys).is_err());
        }
        assert_eq!(ledger.log_proof(size).await.unwrap(), None);
    }
    // An entry that has a place, and no checkpoint yet.
    read(ledger).await;
    steps(ledger, "alive", LONG, 2, &Signer::fresh()).await.unwrap();
    assert_eq!(ledger.log_head().await.unwrap().size, 9);
    assert_eq!(ledger.log_proof(8).await.unwrap(), None);
    assert!(ledger.log_proof(7).await.unwrap().is_some());
}

async fn the_state_says_what_waits(test: TestLedger) {
    let ledger = &test.ledger;
    let state = async || ledger.log_state().await.unwrap();
    assert_eq!((state().await.entries, state().await.lag_ms), (0, 0));
    cancelled(ledger).await;
    test.run("UPDATE receipts SET ended_at = ended_at - 60000").await;
    let waits = state().await;
    assert_eq!((waits.entries, waits.unsequenced), (0, 1));
    assert!((60_000..120_000).contains(&waits.lag_ms), "{waits:?}");

    steps(ledger, "alive", LONG, 2, &Signer::fresh()).await.unwrap();
    test.run("UPDATE log_head SET moved_at = moved_at - 60000").await;
    read(ledger).await;
    steps(ledger, "alive", LONG, 2, &Signer::fresh()).await.unwrap();
    let unsigned = state().await;
    assert_eq!((unsigned.entries, unsigned.unsequenced), (3, 0));
    assert!(
        unsigned.lag_ms >= 60_000,
        "the oldest entry without a checkpoint: {unsigned:?}"
    );

    round(ledger).await;
    assert_eq!((state().await.entries, state().await.lag_ms), (3, 0));
    read(ledger).await;
    test.run("UPDATE log_pending SET at = at - 60000").await;
    assert!(state().await.lag_ms >= 60_000);
}

async fn retired_keys_stay(test: TestLedger) {
    let ledger = &test.ledger;
    let key = |id: &str| (id.to_owned(), format!("key of {id}"));
    let lease = ledger.lead_log("late", NONE).await.unwrap().unwrap();
    let publish = async |keys: &[(String, String)]| {
        assert!(ledger.publish_keys(&lease, keys).await.unwrap());
    };
    let state = async || {
        let keys = ledger.signing_keys().await.unwrap();
        let retired = |key: &SigningKeyRow| (key.key_id.clone(), key.retired_at.is_some());
        keys.iter().map(retired).collect::<HashMap<_, _>>()
    };
    let expected = |keys: &[(&str, bool)]| {
        keys.iter()
            .map(|(id, gone)| ((*id).to_owned(), *gone))
            .collect::<HashMap<_, _>>()
    };
    publish(&[key("a")]).await;
    publish(&[key("b"), key("a")]).await;
    assert_eq!(state().await, expected(&[("a", false), ("b", false)]));
    publish(&[key("b")]).await;
    assert_eq!(state().await, expected(&[("a", true), ("b", false)]));
    let when = async |id: &str| {
        let keys = ledger.signing_keys().await.unwrap();
        keys.into_iter().find(|key| key.key_id == id).unwrap()
    };
    let before = when("a").await;
    publish(&[key("b")]).await;
    assert_eq!(when("a").await, before, "it retired once");
    publish(&[key("a")]).await;
    assert_eq!(state().await, expected(&[("a", false), ("b", true)]));
    assert_eq!(when("a").await.made_at, before.made_at);

    // Who lost the lease publishes nothing.
    ledger.lead_log("fast", LONG).await.unwrap().unwrap();
    assert!(!ledger.publish_keys(&lease, &[key("b"), key("c")]).await.unwrap());
    assert_eq!(state().await, expected(&[("a", false), ("b", true)]));
}

async fn an_api_that_looks_for_schedules_sees_what_has_no_place(test: TestLedger) {
    let ledger = &test.ledger;
    let waits = async || ledger.next_schedule().await.unwrap().log_waits;
    assert!(waits().await, "the empty log has no checkpoint yet");
    round(ledger).await;
    assert!(!waits().await);
    read(ledger).await;
    assert!(waits().await, "an event");
    steps(ledger, "alive", LONG, 2, &Signer::fresh()).await.unwrap();
    assert!(waits().await, "a head without a signature");
    round(ledger).await;
    assert!(!waits().await);
    cancelled(ledger).await;
    test.run("DELETE FROM log_pending").await;
    assert!(waits().await, "a receipt");
}

//! The log: places without gap and double, and one root for each size.

mod reading;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use lethe_common::job::JobId;
use lethe_common::ledger::{Act, Actor, EntryOf, Ledger, LedgerError, LogHead, LogLease, NewEntry, Object, Pending};
use lethe_common::receipt::keys::Signer;
use lethe_common::tlog::append::append;
use lethe_common::tlog::checkpoint::Checkpoint;
use lethe_common::tlog::entry::Entry;
use lethe_common::tlog::hash::{Hash, leaf};
use lethe_common::tlog::note::{self, NoteKey};
use lethe_common::tlog::tile::Tiles;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};

use crate::support::new_job;
use crate::{TestLedger, accept, ids, tester};

crate::on_both! {
    two_sequencers_leave_no_gap_and_no_double,
    a_round_that_stops_between_two_steps_is_finished_by_the_next_one,
    who_lost_the_lease_adds_and_signs_nothing,
    an_entry_gets_one_place,
    a_tree_that_somebody_changed_stops_the_log,
    a_lease_of_before_the_clock_went_back_is_taken_over,
    receipts_that_cannot_be_made_hold_up_no_others,
}

const ORIGIN: &str = "log.example/test";

/// A lease that other processes can take at once.
const NONE: Duration = Duration::ZERO;

/// A lease that nobody takes during a test.
const LONG: Duration = Duration::from_mins(10);

fn key(signer: &Signer) -> NoteKey {
    NoteKey::new(ORIGIN, signer.public().bytes()).unwrap()
}

/// Signs a head.
fn checkpoint(head: &LogHead, signer: &Signer) -> String {
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: head.size,
        root: head.root,
    };
    let sign: &dyn Fn(&[u8]) -> [u8; 64] = &|message| signer.sign(message);
    note::sign(&checkpoint.text(), &[(&key(signer), sign)])
}

/// Returns the entries of receipts and events. The ledger does not look into signatures.
pub(crate) fn entries(pending: Pending) -> Vec<NewEntry> {
    let receipts = pending.receipts.into_iter().map(|receipt| NewEntry {
        entry: Entry::Receipt {
            id: receipt.id,
            hash: leaf(receipt.body.as_bytes()),
        }
        .text(),
        of: EntryOf::Receipt {
            id: receipt.id,
            body: receipt.body,
            head: "{}".to_owned(),
            signatures: "[]".to_owned(),
        },
    });
    let events = pending.events.into_iter().map(|event| NewEntry {
        entry: event.entry,
        of: EntryOf::Event { id: event.id },
    });
    receipts.chain(events).collect()
}

/// Ends a job, and returns it: it has a receipt and an event.
async fn cancelled(ledger: &Ledger) -> JobId {
    let id = accept(ledger, new_job(vec![ids(1)])).await;
    ledger.cancel(id, &tester()).await.unwrap();
    id
}

/// Leaves an event.
async fn read(ledger: &Ledger) {
    let by = Actor::named("reader");
    ledger.note_reading(&by, Act::AuditRead, Object::All).await.unwrap();
}

/// Does the first steps of a round: 1 takes the lease, 2 adds the entries, 3 signs. Stops early if it lost the lease.
async fn steps(ledger: &Ledger, worker: &str, lease: Duration, steps: usize, signer: &Signer) -> Option<LogHead> {
    let lease: LogLease = if steps > 0 {
        ledger.lead_log(worker, lease).await.unwrap()?
    } else {
        return None;
    };
    if steps > 1 {
        let entries = entries(ledger.unsequenced(100).await.unwrap());
        if !entries.is_empty() {
            ledger.sequence(&lease, &entries).await.unwrap()?;
        }
    }
    let head = ledger.log_head().await.unwrap();
    if steps > 2 && head.is_unsigned() {
        let note = checkpoint(&head, signer);
        if !ledger.sign_head(&lease, head.size, &note).await.unwrap() {
            return None;
        }
    }
    Some(head)
}

/// Does a whole round.
async fn round(ledger: &Ledger) -> LogHead {
    steps(ledger, "alive", LONG, 3, &Signer::from_seed(&[7; 32]))
        .await
        .unwrap()
}

/// Returns the texts of a column, in the order of another one.
async fn column(test: &TestLedger, sql: &str) -> Vec<String> {
    let pool = sqlx::AnyPool::connect(&test.url).await.unwrap();
    let rows = pool.fetch_all(AssertSqlSafe(sql.to_owned())).await.unwrap();
    pool.close().await;
    rows.iter().map(|row| row.try_get(0).unwrap()).collect()
}

/// Asserts that the places are those of a list, that the tree is the tree over it, and that each receipt is in it once.
async fn assert_whole(test: &TestLedger) {
    let places = column(test, "SELECT CAST(idx AS TEXT) AS place FROM log_entries ORDER BY idx").await;
    let expected: Vec<String> = (0..places.len()).map(|n| n.to_string()).collect();
    assert_eq!(places, expected);

    let listed = column(test, "SELECT entry FROM log_entries ORDER BY idx").await;
    let leaves: Vec<Hash> = listed.iter().map(|entry| leaf(entry.as_bytes())).collect();
    let tree = append(0, &Tiles::default(), &leaves).unwrap();
    let head = test.ledger.log_head().await.unwrap();
    assert_eq!((head.size, head.root), (tree.size, tree.root));

    let receipts = column(
        test,
        "SELECT log_entries.entry || ' is of ' || receipts.id FROM receipts JOIN log_entries ON log_entries.idx = receipts.log_index",
    )
    .await;
    let all = column(test, "SELECT id FROM receipts").await;
    assert_eq!(receipts.len(), all.len(), "each receipt has a place");
    for receipt in &receipts {
        let (entry, id) = receipt.split_once(" is of ").unwrap();
        assert!(entry.starts_with(&format!("lethe/receipt/v1 {id} ")), "{receipt}");
    }
    let unique: std::collections::HashSet<&String> = listed.iter().collect();
    assert_eq!(unique.len(), listed.len(), "nothing is in it twice");
}

async fn two_sequencers_leave_no_gap_and_no_double(test: TestLedger) {
    let ledger = &test.ledger;
    let signer = Signer::from_seed(&[7; 32]);
    let (jobs, reads) = (20, 40);
    let is_done = Cell::new(false);
    // Each size that was ever signed, with its root.
    let sizes: RefCell<HashMap<u64, Hash>> = RefCell::default();
    let filling = async {
        for n in 0..jobs + reads {
            if n % 3 == 0 {
                cancelled(ledger).await;
            } else {
                read(ledger).await;
            }
        }
        is_done.set(true);
    };
    let sequencer = async |worker: &str| {
        for n in 0_u64.. {
            let is_last = is_done.get() && !ledger.log_waits().await.unwrap();
            if is_last {
                return;
            }
            // Leases from none to some milliseconds: the other one takes over in the middle of a round.
            let lease = Duration::from_millis(n * 7 % 10);
            if let Some(head) = steps(ledger, worker, lease, 3, &signer).await {
                let root = *sizes.borrow_mut().entry(head.size).or_insert(head.root);
                assert_eq!(root, head.root, "a size has one root");
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(filling, sequencer("one"), sequencer("other"));
    assert_whole(&test).await;
    let head = ledger.log_head().await.unwrap();
    assert!(!head.is_unsigned());
    // Each cancelled job has a receipt and an event.
    assert_eq!(head.size, jobs + reads + 20);
}

async fn a_round_that_stops_between_two_steps_is_finished_by_the_next_one(test: TestLedger) {
    let ledger = &test.ledger;
    let signer = Signer::from_seed(&[7; 32]);
    let mut roots: HashMap<u64, Hash> = HashMap::new();
    for done in 0..=3 {
        cancelled(ledger).await;
        // The process dies after so many steps. Its head may be signed or not.
        if let Some(head) = steps(ledger, &format!("dead {done}"), NONE, done, &signer).await {
            assert_eq!(*roots.entry(head.size).or_insert(head.root), head.root);
        }
        read(ledger).await;
        let head = steps(ledger, &format!("alive {done}"), NONE, 3, &signer).await.unwrap();
        assert_eq!(*roots.entry(head.size).or_insert(head.root), head.root);
        let head = ledger.log_head().await.unwrap();
        assert_eq!(head.size, 3 * (u64::try_from(done).unwrap() + 1));
        assert!(!head.is_unsigned());
        let opened = Checkpoint::open(head.checkpoint.as_deref().unwrap(), ORIGIN, &[key(&signer)]).unwrap();
        assert_eq!((opened.size, opened.root), (head.size, head.root));
        assert_whole(&test).await;
    }
    assert!(!ledger.log_waits().await.unwrap());
}

async fn who_lost_the_lease_adds_and_signs_nothing(test: TestLedger) {
    let ledger = &test.ledger;
    let signer = Signer::from_seed(&[7; 32]);
    read(ledger).await;
    let late = ledger.lead_log("late", NONE).await.unwrap().unwrap();
    let pending = entries(ledger.unsequenced(100).await.unwrap());
    let fast = ledger.lead_log("fast", LONG).await.unwrap().unwrap();
    assert!(late.token() < fast.token());
    assert_eq!(ledger.lead_log("late", LONG).await.unwrap(), None, "one leads");
    assert_eq!(ledger.lead_log("fast", LONG).await.unwrap(), Some(fast), "a renewal");

    assert_eq!(ledger.sequence(&late, &pending).await.unwrap(), None);
    let head = ledger.log_head().await.unwrap();
    assert_eq!(head.size, 0);
    let note = checkpoint(&head, &signer);
    assert!(!ledger.sign_head(&late, 0, &note).await.unwrap());
    // A checkpoint of another size than that of the head is not published.
    assert!(!ledger.sign_head(&fast, 1, &note).await.unwrap());
    assert!(ledger.sign_head(&fast, 0, &note).await.unwrap());

    ledger.leave_log(&fast).await.unwrap();
    assert!(ledger.lead_log("late", LONG).await.unwrap().is_some(), "at once");
}

async fn an_entry_gets_one_place(test: TestLedger) {
    let ledger = &test.ledger;
    cancelled(ledger).await;
    let lease = ledger.lead_log("one", LONG).await.unwrap().unwrap();
    let pending = entries(ledger.unsequenced(100).await.unwrap());
    assert_eq!(pending.len(), 2, "a receipt and an event");
    assert_eq!(ledger.sequence(&lease, &pending).await.unwrap(), Some(2));
    // The answer was lost, and somebody repeats the step.
    assert_eq!(ledger.sequence(&lease, &pending).await.unwrap(), None);
    for one in pending {
        assert_eq!(ledger.sequence(&lease, &[one]).await.unwrap(), None);
    }
    assert_eq!(ledger.log_head().await.unwrap().size, 2);
    assert_whole(&test).await;
}

async fn a_tree_that_somebody_changed_stops_the_log(test: TestLedger) {
    let ledger = &test.ledger;
    read(ledger).await;
    let before = round(ledger).await;
    read(ledger).await;
    let lease = ledger.lead_log("alive", LONG).await.unwrap().unwrap();
    let pending = entries(ledger.unsequenced(100).await.unwrap());
    let other = lethe_common::tlog::hash::to_base64(&[9; 32]);
    test.run(format!("UPDATE log_tiles SET hashes = '{other}'")).await;
    let refused = ledger.sequence(&lease, &pending).await;
    assert!(
        matches!(refused, Err(LedgerError::Corrupt { table: "log_tiles", .. })),
        "{refused:?}"
    );
    test.run("DELETE FROM log_tiles").await;
    assert!(ledger.sequence(&lease, &pending).await.is_err());
    let head = ledger.log_head().await.unwrap();
    assert_eq!((head.size, head.root), (before.size, before.root));
    assert!(ledger.log_waits().await.unwrap(), "the event waits");
}

async fn a_lease_of_before_the_clock_went_back_is_taken_over(test: TestLedger) {
    let ledger = &test.ledger;
    let late = ledger.lead_log("late", LONG).await.unwrap().unwrap();
    test.run("UPDATE log_head SET lease_until = lease_until + 86400000")
        .await;
    let next = ledger.lead_log("next", LONG).await.unwrap().unwrap();
    assert!(late.token() < next.token());
    assert_eq!(ledger.lead_log("late", LONG).await.unwrap(), None, "one leads");
}

async fn receipts_that_cannot_be_made_hold_up_no_others(test: TestLedger) {
    let ledger = &test.ledger;
    for facts in ["'?'", "NULL", "'{}'"] {
        let id = cancelled(ledger).await;
        test.run(format!("UPDATE receipts SET facts = {facts} WHERE job_id = '{id}'"))
            .await;
    }
    let good = cancelled(ledger).await;
    test.run("DELETE FROM log_pending").await;
    for (most, more) in [(1, true), (2, false), (3, false), (100, false)] {
        let pending = ledger.unsequenced(most).await.unwrap();
        assert_eq!(pending.receipts.len(), 1, "{most}");
        assert!(pending.receipts[0].body.contains(&good.to_string()), "{most}");
        assert_eq!(pending.more, more, "{most}");
    }
}

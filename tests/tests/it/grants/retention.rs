//! The retention of the audit trail has a role of its own.

use lethe_tests::service::role;

use super::{forbidden, number, refused, site};

#[tokio::test(flavor = "multi_thread")]
async fn only_the_role_for_it_deletes_audit_events_and_a_worker_says_if_nobody_does() {
    let (site, roles) = site().await;
    let directory = site.directory.path();
    let start = |command: &str, as_role: &str| role(command, &roles.config(&site, as_role), directory);
    let mut owner = start("migrate", "migrate");
    assert!(owner.exits().await.success(), "{}", owner.log());
    roles.grant().await;
    let old = "INSERT INTO audit_events (id, at, act, actor, effect, event) SELECT n::text, 0, 'pause', 'a', 'done', '{}' FROM generate_series(1, 1200) n";
    let new = "INSERT INTO audit_events (id, at, act, actor, effect, event) VALUES ('new', 32503680000000, 'pause', 'a', 'done', '{}')";
    let receipt = "INSERT INTO receipts (id, job_id, ending, state, principal, target, targets, ended_at, body, head, signatures, log_index)
        VALUES ('old', 'old', 1, 'succeeded', 'a', 'main', 'main', 0, '{}', '{}', '[]', 0)";
    for row in [old, new, receipt] {
        assert_eq!(refused(&roles.ledger, row).await, None);
    }
    let mut worker = start("worker", "worker");
    let overdue = "events of the audit trail are past their retention";
    worker
        .says("it warns", |process| process.log().contains(overdue).then_some(()))
        .await;
    let mut other = start("forget-audit", "worker");
    assert_eq!(other.exits().await.code(), Some(1));
    let count = "SELECT count(*) FROM audit_events";
    assert_eq!(number(&roles.ledger, count).await, 1_201);

    let mut retention = start("forget-audit", "retention");
    assert!(retention.exits().await.success(), "{}", retention.log());
    assert_eq!(number(&roles.ledger, count).await, 1);
    let empty =
        "SELECT count(*) FROM receipts WHERE log_index = 0 AND body IS NULL AND head IS NULL AND signatures IS NULL
        AND principal = '' AND target = '' AND targets = ''";
    assert_eq!(number(&roles.ledger, empty).await, 1);
    assert_eq!(forbidden(&worker), [""; 0]);
}

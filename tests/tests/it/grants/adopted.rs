//! A ledger that was made before the roles.

use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::service::{self, Site, role};
use serde_json::json;

use super::{Roles, forbidden, number, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_of_one_role_is_taken_over_with_its_jobs() {
    let site = Site::new(Layout::POSTGRES_REDIS).await;
    let directory = site.directory.path();
    let all = memories::of("ana", 3);
    site.add(&all).await;
    // One role owns the tables, and nobody works on the job yet.
    let old = site.api().await;
    let ledger = site.ledger.as_deref().unwrap();
    let id = old.client.submit(&json!({"select": {"ids": ids(&all)}})).await;
    drop(old);
    // A superuser's table that no migration made.
    assert_eq!(
        refused(ledger, "CREATE SCHEMA other; CREATE TABLE other.jobs (id BIGINT)").await,
        None
    );

    let roles = Roles::of(ledger).await;
    let owned = format!(
        "SELECT count(*) FROM pg_tables WHERE tableowner = '{}migrate'",
        roles.prefix
    );
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    let tables = number(ledger, tables).await;
    assert!(tables > 10, "{tables}");
    assert_eq!(number(ledger, &owned).await, tables);
    let mut migrating = role("migrate", &roles.config(&site, "migrate"), directory);
    assert!(migrating.exits().await.success(), "{}", migrating.log());
    roles.grant().await;
    let api = service::api(&roles.config(&site, "api"), directory).await;
    let worker = service::worker(&roles.config(&site, "worker"), directory).await;
    assert_eq!(api.client.ended(&id).await["state"], "succeeded");
    site.holds(&[]).await;
    for process in [&api.process, &worker.process] {
        assert_eq!(forbidden(process), [""; 0]);
    }
}

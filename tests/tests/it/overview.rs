//! A view of the console's overview costs few statements of the ledger, and none for data that the caller may not see.

use lethe_tests::config::KEY;
use lethe_tests::layout::Layout;
use lethe_tests::service::{Service, Site};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use serde_json::json;
use sqlx::postgres::PgPool;

/// The number of views. No statement of the background runs as often meanwhile.
const VIEWS: i64 = 50;

/// The most statements of a view. All views share two of them for a second.
const MOST: i64 = 7;

const RESET: &str = "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = current_database()";

/// The statements that the process sent, with their calls.
const SENT: &str = "
    SELECT COALESCE(substring(query from '-- (ledger::[a-z_ ]+)'), query), calls FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// The statements whose answer all views share for a second.
const SHARED: &str = "ledger::service_state ";

/// Shows the overview to the holder of a key again and again. Returns the statements of a view, with their calls.
async fn view(service: &Service, ledger: &PgPool, key: &str) -> Vec<(String, i64)> {
    let url = service.client.url();
    let browser = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let signing_in = browser
        .post(format!("{url}/console/sign-in"))
        .header(ORIGIN, url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(format!("credentials={key}&then=/"));
    let signed_in = signing_in.send().await.unwrap();
    let cookie = signed_in.headers()[SET_COOKIE].to_str().unwrap().split(';').next();
    let cookie = cookie.unwrap().to_owned();

    sqlx::query(RESET).execute(ledger).await.unwrap();
    for _ in 0..VIEWS {
        let page = browser.get(format!("{url}/")).header(ACCEPT, "text/html");
        let page = page.header(COOKIE, &cookie).send().await.unwrap();
        let text = page.text().await.unwrap();
        assert!(text.contains("Needs attention"), "{text}");
    }
    let sent: Vec<(String, i64)> = sqlx::query_as(SENT).fetch_all(ledger).await.unwrap();
    let of_a_view = sent.into_iter().map(|(name, calls)| {
        // A slow machine reads them anew in each view.
        let calls = if name.starts_with(SHARED) { 1 } else { calls / VIEWS };
        (name, calls)
    });
    of_a_view.filter(|(_, calls)| *calls > 0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_of_the_overview_is_seven_statements_at_most() {
    let site = Site::new(Layout::POSTGRES_REDIS).await;
    let service = site.api().await;
    let ledger = PgPool::connect(site.ledger.as_deref().unwrap()).await.unwrap();
    // Needs shared_preload_libraries = pg_stat_statements.
    sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        .execute(&ledger)
        .await
        .unwrap();
    // It waits for a worker, so the overview reads why.
    service.client.submit_ids(&["x"]).await;

    let all = view(&service, &ledger, KEY).await;
    let ran = |name: &str| all.iter().any(|(ran, _)| ran.starts_with(name));
    for name in [
        SHARED,
        "ledger::workers",
        "ledger::pauses",
        "ledger::glances",
        "ledger::waits",
        "ledger::refused_schedules",
    ] {
        assert!(ran(name), "{name}: {all:?}");
    }
    let calls: i64 = all.iter().map(|(_, calls)| calls).sum();
    assert!(calls <= MOST, "{all:?}");

    let own = json!({"name": "own", "scopes": ["memories:delete"]});
    let making = service.client.request(Method::POST, "/v1/keys").json(&own);
    let made = service.client.send(making).await;
    let own = view(&service, &ledger, made.body["key"].as_str().unwrap()).await;
    let names: Vec<&str> = own.iter().map(|(name, _)| name.trim()).collect();
    assert_eq!(names, ["ledger::glances"], "{own:?}");
}

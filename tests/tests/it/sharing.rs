//! Mappings that share a collection or a table: a scope tells the memories of each apart.

use lethe_tests::client::counts;
use lethe_tests::layout::{Layout, Sql};
use lethe_tests::memories::Memories;
use lethe_tests::on_each_database;
use lethe_tests::service::{Service, Site, lethe};
use qdrant_client::qdrant::PointId;
use serde_json::{Value, json};

on_each_database!(
    a_tenant_never_reaches_the_points_of_another,
    a_tenant_never_reaches_the_rows_of_another,
    a_row_outside_the_scope_keeps_its_points,
    an_orphan_whose_id_another_tenant_took_is_unverifiable,
    very_many_orphans_whose_id_another_tenant_took_are_unverifiable,
    an_orphan_in_its_own_scope_is_unverifiable_while_its_id_is_taken,
    a_point_keeps_the_row_that_its_table_could_not_hold_before,
    what_nothing_tells_apart_is_refused,
);

/// Returns a target over a table `memories` with integer ids, and the site's collection.
fn target(site: &Site, name: &str, sql: &str, table_scope: &str, scope: &str) -> String {
    let (url, key, collection) = (site.tap.url(), &site.vectors.key, &site.vectors.collection);
    format!(
        r#"
[[target]]
name = "{name}"
sql = {{ url = "{sql}" }}
vector = {{ url = "{url}", api_key = "{key}" }}
  [[target.table]]
  name = "memories"
  columns = {{ id = "id", user = "owner" }}
  {table_scope}
  collection = {{ name = "{collection}", point = "payload", payload = {{ id = "id", user = "owner" }}{scope} }}
"#
    )
}

/// Returns four points of a tenant: two memories, each with two chunks.
fn points(first: u64, tenant: &Value, owner: &str) -> impl Iterator<Item = (PointId, Value)> {
    let point = move |n: u64| {
        let payload = json!({"id": 1 + n / 2, "owner": owner, "tenant": tenant});
        (PointId::from(first + n), payload)
    };
    (0..4).map(point)
}

async fn a_tenant_never_reaches_the_points_of_another(layout: Layout) {
    let mut site = Site::new(layout).await;
    let other = other_database(&site).await;
    for (database, owner) in [(&site.memories, "user-a"), (&other, "user-b")] {
        database
            .run(&format!(
                "CREATE TABLE memories (id BIGINT PRIMARY KEY, owner VARCHAR);
                 INSERT INTO memories VALUES (1, '{owner}'), (2, '{owner}')"
            ))
            .await;
    }
    let a = target(&site, "a", site.memories.url(), "", ", scope = { tenant = \"a\" }");
    let b = target(&site, "b", other.url(), "", ", scope = { tenant = \"b\" }");
    site.configure(|config| config.without_targets().targets(&(a + &b)));
    site.vectors.put(points(10, &json!("a"), "user-a")).await;
    site.vectors.put(points(20, &json!("b"), "user-b")).await;
    // Of no tenant, or of two.
    site.vectors.put(points(30, &json!(null), "user-a")).await;
    site.vectors.put(points(40, &json!(["a", "b"]), "user-a")).await;
    let service = site.start().await;

    let body = json!({"target": "a", "select": {"ids": ["1"]}, "owner": "user-a"});
    let job = service.client.succeeds(&body).await;
    assert_eq!(counts(&job), json!({"sql": {"erased": 1}, "vector": {"erased": 1}}));
    let body = json!({"target": "a", "select": {"subject": {"user_id": "user-a"}}});
    service.client.succeeds(&body).await;
    // Its rows are gone: points that still have their ids are another tenant's.
    let job = service
        .client
        .succeeds(&json!({"target": "a", "select": {"ids": ["1", "2"]}}))
        .await;
    assert_eq!(counts(&job), json!({"sql": {"absent": 2}, "vector": {"absent": 2}}));

    let expected: Vec<String> = (20..24)
        .chain(30..34)
        .chain(40..44)
        .map(|id: u64| id.to_string())
        .collect();
    assert_eq!(site.vectors.ids().await, expected);
    assert_eq!(site.memories.number("SELECT count(*) FROM memories").await, 0);
    assert_eq!(other.number("SELECT count(*) FROM memories").await, 2);
}

async fn a_tenant_never_reaches_the_rows_of_another(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.memories
        .run(
            "CREATE TABLE memories (id BIGINT PRIMARY KEY, owner VARCHAR, tenant VARCHAR, org BIGINT);
             INSERT INTO memories VALUES (1, 'u', 'a', 7), (2, 'u', 'b', 7), (3, 'u', 'A', 7), (4, 'u', NULL, 7),
                 (5, 'u', 'a', 8), (6, 'v', 'a', 7)",
        )
        .await;
    let table = |tenant: &str| format!("scope = {{ tenant = \"{tenant}\", org = 7 }}");
    let points = |tenant: &str| format!(", scope = {{ tenant = \"{tenant}\" }}");
    let url = site.memories.url().to_owned();
    let a = target(&site, "a", &url, &table("a"), &points("a"));
    let b = target(&site, "b", &url, &table("b"), &points("b"));
    site.configure(|config| config.without_targets().targets(&(a + &b)));
    let service = site.start().await;

    let all = ["1", "2", "3", "4", "5"];
    let preview = json!({"target": "a", "select": {"ids": all}, "owner": "u", "dry_run": true});
    let job = service.client.succeeds(&preview).await;
    assert_eq!(counts(&job)["sql"], json!({"found": 1, "absent": 4}), "{job:#}");
    let body = json!({"target": "a", "select": {"ids": all}, "owner": "u"});
    let job = service.client.succeeds(&body).await;
    assert_eq!(counts(&job)["sql"], json!({"erased": 1, "absent": 4}));
    let body = json!({"target": "b", "select": {"subject": {"user_id": "u"}}});
    let job = service.client.succeeds(&body).await;
    assert_eq!(counts(&job)["sql"], json!({"erased": 1}));
    // The query for everything covers only this mapping.
    let body = json!({"target": "a", "select": {"query": {"all": true}}});
    service.client.succeeds(&body).await;

    let count = |rows: &str| format!("SELECT count(*) FROM memories{rows}");
    assert_eq!(site.memories.number(&count("")).await, 3);
    assert_eq!(site.memories.number(&count(" WHERE id IN (3, 4, 5)")).await, 3);
}

async fn a_row_outside_the_scope_keeps_its_points(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.memories
        .run(
            "CREATE TABLE memories (id BIGINT PRIMARY KEY, owner VARCHAR, tenant VARCHAR);
             INSERT INTO memories VALUES (1, 'u', 'a'), (2, 'u', 'b')",
        )
        .await;
    // The collection holds the points of all tenants, and its mapping has no scope.
    let url = site.memories.url().to_owned();
    let a = target(&site, "a", &url, "scope = { tenant = \"a\" }", "");
    site.configure(|config| config.without_targets().targets(&a));
    site.vectors.put(points(10, &json!(null), "u")).await;
    let service = site.start().await;

    let job = service.client.succeeds(&json!({"select": {"ids": ["2"]}})).await;
    assert_eq!(counts(&job), json!({"sql": {"absent": 1}, "vector": {"absent": 1}}));
    let body = json!({"select": {"subject": {"user_id": "u"}}});
    let id = service.client.submit(&body).await;
    service.client.ended(&id).await;

    assert_eq!(site.vectors.ids().await, ["12", "13"]);
    assert_eq!(site.memories.number("SELECT id FROM memories").await, 2);
}

/// Returns one point of a memory, by its number.
fn point(number: u64, memory: u64, owner: &Value) -> (PointId, Value) {
    (
        PointId::from(number),
        json!({"id": memory, "owner": owner, "tenant": "a"}),
    )
}

/// Runs a job about ids. Returns its error and the outcomes in the vector store.
async fn vectors_of(service: &Service, ids: &[&str], owner: Option<&str>) -> (Value, Value) {
    let mut body = json!({"target": "a", "select": {"ids": ids}});
    if let Some(owner) = owner {
        body["owner"] = json!(owner);
    }
    let preview = with(&body, "dry_run", json!(true));
    let preview = service.client.succeeds(&preview).await;
    let id = service.client.submit(&body).await;
    let job = service.client.ended(&id).await;
    let (before, after) = (&counts(&preview)["vector"], &counts(&job)["vector"]);
    assert_eq!(
        before["unverifiable"], after["unverifiable"],
        "a preview says so too: {job:#}"
    );
    assert_eq!(counts(&job)["sql"], json!({"absent": ids.len()}), "{job:#}");
    (job["error_code"].clone(), after.clone())
}

fn with(body: &Value, key: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[key] = value;
    body
}

async fn an_orphan_whose_id_another_tenant_took_is_unverifiable(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.memories
        .run(
            "CREATE TABLE memories (id BIGINT PRIMARY KEY, owner VARCHAR, tenant VARCHAR);
             INSERT INTO memories VALUES (1, 'u', 'a'), (2, 'v', 'b'), (3, 'u', 'b'), (4, 'v', NULL), (5, 'v', 'b'),
                 (6, 'v', 'b')",
        )
        .await;
    let url = site.memories.url().to_owned();
    let a = target(&site, "a", &url, "scope = { tenant = \"a\" }", "");
    site.configure(|config| config.without_targets().targets(&a));
    let orphans = [
        point(2, 2, &json!("u")),
        point(4, 4, &json!("u")),
        point(5, 5, &json!(["u", "v"])),
    ];
    let of_rows = [
        point(1, 1, &json!("u")),
        point(3, 3, &json!("u")),
        point(6, 6, &json!("v")),
    ];
    site.vectors.put(orphans.into_iter().chain(of_rows)).await;
    let service = site.start().await;

    let all = ["2", "4", "5", "6"];
    let unverifiable = json!("unverifiable");
    // Point 6 agrees with its row: it is that row's.
    let expected = (unverifiable.clone(), json!({"unverifiable": 3, "absent": 1}));
    assert_eq!(vectors_of(&service, &all, None).await, expected);
    assert_eq!(vectors_of(&service, &all, Some("u")).await, expected);
    // Only point 5 names v, and another owner too.
    let expected = (unverifiable.clone(), json!({"unverifiable": 2, "absent": 2}));
    assert_eq!(vectors_of(&service, &all, Some("v")).await, expected);
    assert_eq!(
        vectors_of(&service, &["2", "4"], Some("w")).await,
        (json!(null), json!({"absent": 2}))
    );
    // The point names the person, although the other tenant's row does so too.
    assert_eq!(
        vectors_of(&service, &["3"], None).await,
        (json!(null), json!({"absent": 1}))
    );
    let expected = (unverifiable, json!({"unverifiable": 1}));
    assert_eq!(vectors_of(&service, &["3"], Some("u")).await, expected);

    assert_eq!(site.vectors.ids().await, ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(site.memories.number("SELECT count(*) FROM memories").await, 6);
}

async fn very_many_orphans_whose_id_another_tenant_took_are_unverifiable(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.memories
        .run(
            "CREATE TABLE memories (id BIGINT PRIMARY KEY, owner VARCHAR, tenant VARCHAR);
             INSERT INTO memories VALUES (1, 'v', 'b')",
        )
        .await;
    let url = site.memories.url().to_owned();
    let a = target(&site, "a", &url, "scope = { tenant = \"a\" }", "");
    site.configure(|config| config.without_targets().targets(&a));
    let of_row = (0..12_000).map(|n| point(n, 1, &json!("v")));
    site.vectors.put(of_row).await;
    let service = site.start().await;

    assert_eq!(
        vectors_of(&service, &["1"], None).await,
        (json!(null), json!({"absent": 1}))
    );
    site.vectors.put([point(20_000, 1, &json!("u"))]).await;
    let expected = (json!("unverifiable"), json!({"unverifiable": 1}));
    assert_eq!(vectors_of(&service, &["1"], None).await, expected);
    assert_eq!(vectors_of(&service, &["1"], Some("u")).await, expected);

    assert_eq!(site.vectors.count().await, 12_001);
}

async fn an_orphan_in_its_own_scope_is_unverifiable_while_its_id_is_taken(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.memories
        .run(
            "CREATE TABLE memories (id BIGINT PRIMARY KEY, owner VARCHAR, tenant VARCHAR);
             INSERT INTO memories VALUES (1, 'u', 'b')",
        )
        .await;
    let url = site.memories.url().to_owned();
    let a = target(
        &site,
        "a",
        &url,
        "scope = { tenant = \"a\" }",
        ", scope = { tenant = \"a\" }",
    );
    site.configure(|config| config.without_targets().targets(&a));
    site.vectors.put([point(1, 1, &json!("u"))]).await;
    let service = site.start().await;

    let expected = (json!("unverifiable"), json!({"unverifiable": 1}));
    assert_eq!(vectors_of(&service, &["1"], None).await, expected);
    assert_eq!(vectors_of(&service, &["1"], Some("u")).await, expected);
    assert_eq!(site.vectors.count().await, 1);

    // When no row has the id, the point is an orphan like any other.
    site.memories.run("DELETE FROM memories").await;
    assert_eq!(
        vectors_of(&service, &["1"], Some("u")).await,
        (json!(null), json!({"erased": 1}))
    );
}

async fn a_point_keeps_the_row_that_its_table_could_not_hold_before(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.memories
        .run("CREATE TABLE memories (id BIGINT PRIMARY KEY, owner VARCHAR)")
        .await;
    let rows = target(&site, "rows", site.memories.url(), "", "");
    let (url, key, collection) = (site.tap.url(), &site.vectors.key, &site.vectors.collection);
    let points = format!(
        r#"
[[target]]
name = "points"
vector = {{ url = "{url}", api_key = "{key}" }}
  [[target.table]]
  name = "memories"
  collection = {{ name = "{collection}", point = "payload", payload = {{ id = "id", user = "owner" }} }}
"#
    );
    site.configure(|config| config.without_targets().targets(&(rows + &points)));
    let point = |n: u64, id: &str| (PointId::from(n), json!({"id": id, "owner": "u"}));
    site.vectors.put([point(1, "x"), point(2, "y")]).await;
    let service = site.start().await;
    let about = |id: &str| json!({"target": "points", "select": {"ids": [id]}});

    // No row has a text as its id.
    let job = service.client.succeeds(&about("y")).await;
    assert_eq!(counts(&job), json!({"vector": {"erased": 1}}), "{job:#}");
    site.memories
        .run(
            "DROP TABLE memories;
             CREATE TABLE memories (id VARCHAR PRIMARY KEY, owner VARCHAR);
             INSERT INTO memories VALUES ('x', 'u')",
        )
        .await;
    let job = service.client.succeeds(&about("x")).await;
    assert_eq!(counts(&job), json!({"vector": {"absent": 1}}), "{job:#}");
    assert_eq!(site.vectors.ids().await, ["1"]);
}

async fn what_nothing_tells_apart_is_refused(layout: Layout) {
    let mut site = Site::new(layout).await;
    let other = other_database(&site).await;
    let a = target(&site, "a", site.memories.url(), "", "");
    let b = target(&site, "b", other.url(), "", ", scope = { tenant = \"b\" }");
    site.configure(|config| config.without_targets().targets(&(a + &b)));
    let file = site.config.write(site.directory.path());
    for arguments in [&["up"][..], &["worker"], &["targets", "check"]] {
        let mut command = lethe();
        command.args(arguments).arg("--config").arg(&file);
        if arguments == ["up"] {
            command.arg("--data").arg(site.directory.path().join("data"));
        }
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{said}");
        let says = "target[1].table[0].collection: write collection = { …, scope = { field = \"value\" } } in it and in \
                    table `memories` of target `a`";
        assert!(said.contains(says), "{said}");
    }
}

async fn other_database(site: &Site) -> Memories {
    match site.layout.sql {
        Sql::Sqlite => {
            let directory = site.directory.path().join("other");
            std::fs::create_dir(&directory).unwrap();
            Memories::sqlite(&directory).await
        }
        Sql::Postgres => Memories::postgres(&lethe_tests::postgres::shared()).await,
        Sql::Mysql => Memories::mysql(&lethe_tests::mysql::shared()).await,
    }
}

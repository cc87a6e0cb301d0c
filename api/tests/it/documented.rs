//! The `OpenAPI` document and the routes agree.

use std::collections::BTreeSet;

use axum::body::Body;
use serde_json::Value;

use crate::app::{App, MAIN, request};

const METHODS: [&str; 6] = ["get", "post", "put", "patch", "delete", "options"];

pub(crate) async fn document(app: &App) -> Value {
    let answer = app.get("", "/openapi.json").await;
    assert_eq!(answer.headers["content-type"], "application/json");
    answer.body
}

pub(crate) fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().expect("paths");
    let methods = |(path, item): (&String, &Value)| {
        let methods = item.as_object().expect("an item").keys().cloned().collect::<Vec<_>>();
        methods.into_iter().map({
            let path = path.clone();
            move |method| (path.clone(), method)
        })
    };
    paths.iter().flat_map(methods).collect()
}

#[tokio::test]
async fn the_document_lists_these_operations() {
    let document = document(&App::new().await).await;
    assert!(document["openapi"].as_str().expect("a version").starts_with("3.1"));
    let operations: Vec<_> = operations(&document)
        .into_iter()
        .map(|(path, method)| format!("{method} {path}"))
        .collect();
    insta::assert_snapshot!(operations.join("\n"), @r#"
    get /
    get /.well-known/lethe-keys.json
    get /.well-known/lethe-receipt.v1.schema.json
    post /_delete_by_query/{task_id}/_rethrottle
    post /_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/_delete_by_query
    delete /_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/{id}
    post /_reindex/{task_id}/_rethrottle
    get /_tasks
    post /_tasks/_cancel
    delete /_tasks/{task_id}
    get /_tasks/{task_id}
    post /_tasks/{task_id}/_cancel
    post /_update_by_query/{task_id}/_rethrottle
    delete /api/memories/{memoryId}
    delete /api/v1/memories/{memory_id}
    get /livez
    get /log/checkpoint
    delete /memories
    delete /memories/{memory_id}
    get /metrics
    get /openapi.json
    get /readyz
    get /v1/audit
    delete /v1/batch/
    get /v1/event/{event_id}/
    get /v1/holds
    delete /v1/holds/{name}
    get /v1/holds/{name}
    put /v1/holds/{name}
    get /v1/jobs
    patch /v1/jobs
    post /v1/jobs
    post /v1/jobs/cancel
    post /v1/jobs/retry
    get /v1/jobs/{id}
    patch /v1/jobs/{id}
    post /v1/jobs/{id}/cancel
    get /v1/jobs/{id}/events
    get /v1/jobs/{id}/items
    get /v1/jobs/{id}/receipt
    post /v1/jobs/{id}/retry
    get /v1/keys
    post /v1/keys
    delete /v1/keys/{name}
    post /v1/keys/{name}/rotate
    delete /v1/memories/
    delete /v1/memories/{memory_id}/
    post /v1/pause
    get /v1/ping/
    get /v1/receipts
    get /v1/receipts/{id}
    get /v1/receipts/{id}/proof
    post /v1/resume
    get /v1/schedules
    delete /v1/schedules/{name}
    get /v1/schedules/{name}
    put /v1/schedules/{name}
    post /v1/schedules/{name}/pause
    post /v1/schedules/{name}/preview
    post /v1/schedules/{name}/resume
    get /v1/siblings
    delete /v1/siblings/{target}/{table}
    get /v1/targets
    post /v1/targets/{name}/pause
    post /v1/targets/{name}/resume
    get /v1/workers
    delete /v2/entities/{entity_type}/{entity_id}/
    post /{index}/_delete_by_query
    "#);
}

/// Returns whether a path belongs to another system, whose errors have another shape.
pub(crate) fn is_compatible(path: &str) -> bool {
    let native = ["/v1/", "/log/", "/.well-known/"];
    !native.iter().any(|root| path.starts_with(root))
        && !["/livez", "/readyz", "/metrics", "/openapi.json"].contains(&path)
        || ["/v1/memories", "/v1/batch", "/v1/event", "/v1/ping"]
            .iter()
            .any(|root| path.starts_with(root))
}

/// Returns a path with values in place of its variables.
fn concrete(path: &str) -> String {
    let parts = path
        .split('/')
        .map(|part| if part.starts_with('{') { "x" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_documented_operation_exists_and_no_other_does() {
    let app = App::with(&format!("[compat]\nwait = \"0s\"\n{MAIN}")).await;
    let operations = operations(&document(&app).await);
    let paths: BTreeSet<_> = operations.iter().map(|(path, _)| path.clone()).collect();
    for path in paths {
        for method in METHODS {
            let there = concrete(&path);
            // On these routes the API checks credentials before the method.
            let who = if is_compatible(&path) { "root" } else { "" };
            let request = request(who, &method.to_uppercase(), &there).body(Body::empty());
            let status = app.send(request.expect("a request")).await.status;
            let exists = operations.contains(&(path.clone(), method.to_owned()));
            assert_eq!(status != 405, exists, "{method} {path}: {status}");
            assert_ne!((status.as_u16(), path.contains('{')), (404, false), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_operation_says_what_it_answers_and_what_it_needs() {
    let document = document(&App::new().await).await;
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            let responses = operation["responses"].as_object().expect("responses");
            let open =
                ["/livez", "/readyz", "/openapi.json"].contains(&path.as_str()) || path.starts_with("/.well-known/");
            assert_eq!(
                operation["security"] == serde_json::json!([{}]),
                open,
                "{method} {path}"
            );
            assert_eq!(responses.contains_key("401"), !open, "{method} {path}");
            for (status, response) in responses {
                let kind = if status.starts_with(['4', '5']) && path != "/readyz" {
                    "application/problem+json"
                } else {
                    continue;
                };
                if is_compatible(path) {
                    let schema = &response["content"]["application/json"]["schema"]["$ref"];
                    assert!(schema.is_string(), "{method} {path} {status}");
                    continue;
                }
                let schema = &response["content"][kind]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
            }
        }
    }
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap_or_default();
        assert!(schemas.contains_key(name), "{name} is not described");
    }
}

/// Returns the names of an operation's query parameters.
fn in_query(operation: &Value) -> BTreeSet<String> {
    let parameters = operation["parameters"].as_array().expect("parameters");
    let named = parameters.iter().filter(|parameter| parameter["in"] == "query");
    named
        .map(|parameter| parameter["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[tokio::test]
async fn opensearch_s_routes_take_what_is_described_and_nothing_else() {
    let app = App::new().await;
    let document = document(&app).await;
    let mut routes = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let there = concrete(path);
        for (method, operation) in item.as_object().expect("an item") {
            if operation["tags"][0] != "opensearch" {
                continue;
            }
            let described = in_query(operation);
            let refusal = async |name: &str| {
                let path = format!("{there}?{name}=");
                let answer = app
                    .send_json("eraser", &method.to_uppercase(), &path, &Value::Null)
                    .await;
                answer.body["error"]["reason"].as_str().unwrap_or_default().to_owned()
            };
            let unknown = |name: &str| format!("request contains unrecognized parameter: [{name}]");
            for name in &described {
                assert_ne!(refusal(name).await, unknown(name), "{method} {path}");
            }
            for name in ["actions", "human", "scroll", "size", "slices", "timeout", "q"] {
                let refused = refusal(name).await == unknown(name);
                assert_eq!(refused, !described.contains(name), "{method} {path}: {name}");
            }
            routes += 1;
        }
    }
    assert_eq!(routes, 12);
}

#[tokio::test]
async fn who_sends_no_body_is_told_nothing_about_it() {
    let document = document(&App::new().await).await;
    let mut without = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            if operation.get("requestBody").is_some() || !is_compatible(path) && method != "get" {
                continue;
            }
            for status in ["408", "413", "415"] {
                let responses = operation["responses"].as_object().expect("responses");
                assert!(!responses.contains_key(status), "{method} {path}: {status}");
            }
            without += 1;
        }
    }
    assert!(without > 20, "{without}");
}

/// Returns the schema that another one refers to.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"]
        .as_str()
        .and_then(|name| name.strip_prefix("#/components/schemas/"));
    name.map_or(schema, |name| &document["components"]["schemas"][name])
}

#[tokio::test]
async fn every_answer_to_other_systems_clients_has_an_example_of_its_shape() {
    let app = App::with(&format!("[compat]\nwait = \"0s\"\n{MAIN}")).await;
    let document = document(&app).await;
    let mut examples = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            if !is_compatible(path) {
                continue;
            }
            let is_opensearch = operation["tags"][0] == "opensearch";
            for (status, response) in operation["responses"].as_object().expect("responses") {
                // Only the errors among OpenSearch's answers have an example.
                if is_opensearch && !status.starts_with(['4', '5']) {
                    continue;
                }
                let at = format!("{method} {path} {status}");
                let Some(content) = response["content"]["application/json"].as_object() else {
                    assert_eq!(status, "204", "{at}");
                    continue;
                };
                let schema = resolved(&document, &content["schema"]);
                let error = schema["oneOf"].as_array().and_then(|shapes| shapes.last());
                let schema = error.map_or(schema, |error| resolved(&document, error));
                let example = content.get("example").unwrap_or_else(|| &schema["example"]).as_object();
                let example = example.unwrap_or_else(|| panic!("{at}: no example"));
                let properties = schema["properties"].as_object().expect("properties");
                for name in example.keys() {
                    assert!(properties.contains_key(name), "{at}: {name} is not described");
                }
                let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
                for name in required {
                    assert!(example.contains_key(name.as_str().expect("a name")), "{at}: no {name}");
                }
                examples += 1;
            }
        }
    }
    assert!(examples > 60, "{examples}");
    let example = |path: &str, status: &str| {
        document["paths"][path]["delete"]["responses"][status]["content"]["application/json"]["example"].clone()
    };
    // Examples are the bodies that the API sends.
    for path in [
        "/memories/{memory_id}",
        "/api/v1/memories/{memory_id}",
        "/api/memories/{memoryId}",
        "/v1/memories/{memory_id}/",
        "/_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/{id}",
    ] {
        let sent = app.send(
            request("", "DELETE", &concrete(path))
                .body(Body::empty())
                .expect("a request"),
        );
        assert_eq!(sent.await.body, example(path, "401"), "{path}");
    }
    let accepted = app
        .send(
            request("root", "DELETE", "/memories/x")
                .body(Body::empty())
                .expect("a request"),
        )
        .await;
    let fields = |value: &Value| {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    let shown = example("/memories/{memory_id}", "202");
    assert_eq!(fields(&accepted.body), fields(&shown));
    assert_eq!(
        fields(&accepted.body["stores"][0]["counts"]),
        fields(&shown["stores"][0]["counts"])
    );
}

#[tokio::test]
async fn memoryplugin_s_answer_is_the_one_word_of_its_document() {
    let document = document(&App::new().await).await;
    let responses = &document["paths"]["/api/memories/{memoryId}"]["delete"]["responses"];
    let schema = resolved(&document, &responses["200"]["content"]["application/json"]["schema"]);
    let message = resolved(&document, &schema["properties"]["message"]);
    assert_eq!(message["enum"], serde_json::json!(["Memory deleted"]), "{schema}");
}

#[tokio::test]
async fn nothing_of_later_work_is_in_the_document() {
    let mut document = document(&App::new().await).await;
    // The parts of another system's answer are not fields of Lethe's API.
    document["components"]["schemas"]
        .as_object_mut()
        .expect("schemas")
        .remove("Mem0Event");
    let text = document.to_string();
    for later in ["callback_url", "priority", "metadata", "suppression"] {
        assert!(!text.contains(later), "{later}");
    }
}

#[tokio::test]
async fn routes_of_later_work_are_refused_by_name() {
    let app = App::new().await;
    for (path, name) in [
        ("/v1/suppressions/check", "`/v1/suppressions`"),
        ("/v1/replays", "`/v1/replays`"),
    ] {
        let answer = app.get("root", path).await;
        answer.refused(404, "not-found", &format!("{name} is not supported yet"));
        assert!(!answer.text.contains("secret"));
    }
}

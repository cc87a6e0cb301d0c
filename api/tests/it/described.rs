//! The `OpenAPI` document serves readers and generators of clients: order, names, examples, and shapes that they can read.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::app::App;
use crate::documented::{document, is_compatible};

/// The groups of operations, in the order of the page.
const TAGS: [&str; 12] = [
    "jobs",
    "receipts",
    "holds",
    "schedules",
    "keys",
    "operation",
    "service",
    "agno",
    "mem0",
    "memoryplugin",
    "mielto",
    "opensearch",
];

/// Returns each operation with its name and its path.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let items = document["paths"].as_object().expect("paths");
    let operations = items.iter().flat_map(|(path, item)| {
        let operations = item.as_object().expect("an item").values();
        operations.map(move |operation| {
            let id = operation["operationId"].as_str().expect("a name");
            (id, path.as_str(), operation)
        })
    });
    operations.collect()
}

#[tokio::test]
async fn the_page_opens_on_jobs_and_ends_with_the_clients_of_other_systems() {
    let document = document(&App::new().await).await;
    let tags = document["tags"].as_array().expect("tags").iter();
    let names: Vec<_> = tags.map(|tag| tag["name"].as_str().expect("a name")).collect();
    assert_eq!(names, TAGS);
    let mut used = BTreeSet::new();
    for (id, path, operation) in operations(&document) {
        let tags = operation["tags"].as_array().expect("tags");
        assert_eq!(tags.len(), 1, "{id}");
        let place = TAGS.iter().position(|tag| tags[0] == *tag);
        let place = place.unwrap_or_else(|| panic!("{id}: {tags:?} has no description"));
        assert_eq!(place > 6, is_compatible(path), "{id}");
        used.insert(place);
    }
    assert_eq!(used.len(), TAGS.len());
}

#[tokio::test]
async fn names_of_operations_are_names_of_functions() {
    let document = document(&App::new().await).await;
    let mut names = BTreeSet::new();
    for (id, ..) in operations(&document) {
        assert!(id.starts_with(|first: char| first.is_ascii_lowercase()), "{id}");
        assert!(id.chars().all(|letter| letter.is_ascii_alphanumeric()), "{id}");
        assert!(names.insert(id.to_lowercase()), "{id} is there twice");
    }
}

/// Returns the properties of a schema, and the required ones.
fn properties(document: &Value, schema: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().expect("a name");
        return properties(document, &document["components"]["schemas"][name]);
    }
    let own = schema["properties"]
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .cloned();
    let required = schema["required"].as_array().into_iter().flatten();
    let required = required.map(|name| name.as_str().expect("a name").to_owned());
    let (mut own, mut required): (BTreeSet<_>, BTreeSet<_>) = (own.collect(), required.collect());
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let (more, demanded) = properties(document, part);
        own.extend(more);
        required.extend(demanded);
    }
    (own, required)
}

/// Asserts that the example of each body fits its schema; returns the number of bodies.
fn check(document: &Value, at: &str, content: &Value) -> usize {
    let bodies = content.as_object().into_iter().flatten();
    let mut n = 0;
    for (media, body) in bodies {
        n += 1;
        let example = body
            .get("example")
            .unwrap_or_else(|| panic!("{at}: {media}: no example"));
        let Some(example) = example.as_object() else { continue };
        let (known, required) = properties(document, &body["schema"]);
        for name in example.keys() {
            assert!(
                known.is_empty() || known.contains(name),
                "{at}: {name} is not described"
            );
        }
        for name in required {
            assert!(example.contains_key(&name), "{at}: {name} is missing");
        }
    }
    n
}

#[tokio::test]
async fn every_body_of_a_native_operation_has_an_example_of_its_shape() {
    let document = document(&App::new().await).await;
    let mut bodies = 0;
    for (id, path, operation) in operations(&document) {
        bodies += check(&document, id, &operation["requestBody"]["content"]);
        if is_compatible(path) {
            continue;
        }
        let answers = operation["responses"].as_object().expect("answers");
        for (status, answer) in answers.iter().filter(|(status, _)| status.starts_with('2')) {
            bodies += check(&document, &format!("{id} {status}"), &answer["content"]);
        }
    }
    assert!(bodies > 35, "{bodies}");
}

#[tokio::test]
async fn the_api_takes_the_examples_of_requests() {
    let app = App::new().await;
    let document = document(&app).await;
    let example = |id: &str| {
        let operations = operations(&document);
        let (.., operation) = operations.iter().find(|(name, ..)| *name == id).expect("an operation");
        operation["requestBody"]["content"]["application/json"]["example"].clone()
    };
    let created = app.create("root", &example("createJob")).await;
    let path = format!("/v1/jobs/{}", created.job());
    for (method, path, id, status) in [
        ("PATCH", path.as_str(), "changeJob", 200),
        ("PUT", "/v1/holds/case-77", "putHold", 201),
        ("POST", "/v1/keys", "createKey", 201),
        ("POST", "/v1/keys/crm/rotate", "rotateKey", 200),
    ] {
        let answer = app.send_json("root", method, path, &example(id)).await;
        assert_eq!(answer.status, status, "{id}: {}", answer.text);
    }
}

#[tokio::test]
async fn the_operators_of_a_filter_are_fields_of_an_object() {
    let document = document(&App::new().await).await;
    let query = &document["components"]["schemas"]["Query"];
    assert_eq!(query["type"], "object", "{query}");
    assert_eq!(query["maxProperties"], 1, "{query}");
    let (operators, required) = properties(&document, query);
    for operator in [
        "all", "and", "or", "not", "eq", "in", "range", "exists", "prefix", "contains",
    ] {
        assert!(operators.contains(operator), "{operator}");
        assert!(query["properties"][operator]["description"].is_string(), "{operator}");
    }
    assert_eq!((operators.len(), required.len()), (10, 0));
}

#[tokio::test]
async fn no_parameter_takes_null() {
    let document = document(&App::new().await).await;
    let mut optional = 0;
    for (id, _, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let types = &parameter["schema"]["type"];
            let takes_null = types.as_array().is_some_and(|types| types.contains(&"null".into()));
            assert!(!takes_null, "{id}: {parameter}");
            optional += usize::from(parameter["required"] == false);
        }
    }
    assert!(optional > 40, "{optional}");
}

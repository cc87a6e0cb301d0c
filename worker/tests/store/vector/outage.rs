//! A store that is down, refuses, or lost its collection.

use std::time::Duration;

use lethe_common::config::VectorEndpoint;
use lethe_worker::store::vector::{VectorCollection, VectorStore};
use lethe_worker::store::{Class, Conditions, StoreError};
use serde_json::json;

use super::harness::{Vectors, num};
use crate::items;

#[tokio::test]
async fn a_server_that_is_not_there_is_an_outage() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let endpoint = VectorEndpoint {
        url: format!("http://127.0.0.1:{port}"),
        api_key: None,
        api_key_env: None,
        tls: None,
    };
    let store = VectorStore::connect_lazy(&endpoint, None, Duration::from_secs(5)).unwrap();

    let error = store.ping().await.unwrap_err();

    assert!(error.is_outage(), "{error}");
    assert_eq!(error.class(), Class::Transient);
}

#[tokio::test]
async fn a_wrong_key_is_an_outage_with_a_code_of_its_own() {
    let vectors = Vectors::start().await;
    vectors.store().ping().await.unwrap();
    let store = VectorStore::connect_lazy(&vectors.endpoint, Some(&"wrong".into()), crate::TIMEOUT).unwrap();

    let error = store.ping().await.unwrap_err();

    assert!(matches!(error, StoreError::Unauthorized { .. }), "{error}");
    assert!(error.is_outage());
}

#[tokio::test]
async fn a_collection_that_went_away_is_missing_and_not_absent() {
    let vectors = Vectors::start().await;
    let collection = vectors.open("number", json!({"user": "user"})).await;
    assert!(collection.check().await.unwrap().is_empty());
    vectors.client.delete_collection(&vectors.name).await.unwrap();

    let batch = items(&["1"], &Conditions::default());
    for error in [
        collection.find(&batch, &[true]).await.unwrap_err(),
        collection.present(&[num(1)]).await.unwrap_err(),
        collection.delete(&[num(1)]).await.unwrap_err(),
        collection.count(&crate::of_user("alice")).await.unwrap_err(),
    ] {
        assert_eq!((error.code().as_str(), error.class()), ("missing", Class::Transient));
        assert!(!error.is_outage());
    }
    assert_eq!(collection.check().await.unwrap()[0].key, "collection.name");
}

#[tokio::test]
async fn a_mapping_that_does_not_fit_is_explained() {
    let vectors = Vectors::start().await;
    let mut mapping = vectors.mapping("number", &json!({}));
    mapping.name = mapping.name.to_uppercase();

    let error = VectorCollection::open(&vectors.store(), &mapping).await.unwrap_err();

    let StoreError::Mapping { faults, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(
        faults[0].instead.as_deref(),
        Some(&*format!("write `{}`", vectors.name))
    );
    let mapping = vectors.mapping("payload", &json!({}));
    let error = VectorCollection::open(&vectors.store(), &mapping).await.unwrap_err();
    assert!(error.to_string().contains("collection.payload.id"), "{error}");
}

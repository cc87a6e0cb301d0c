//! The log over HTTP: who may read it, what may be cached, and files that are verified without Lethe.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::HeaderMap;
use lethe_api::{Done, Sequencer, check_keys};
use lethe_common::config::{Config, KeyHash, Role};
use lethe_common::ledger::{Act, Object};
use lethe_common::receipt::dsse::Envelope;
use lethe_common::receipt::keys::{KeySet, Signer};
use lethe_common::tlog::checkpoint::Checkpoint;
use lethe_common::tlog::note::NoteKey;
use lethe_common::tlog::proof_file::ProofFile;
use lethe_common::tlog::tile;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::app::{App, MAIN, key, request, tester};
use crate::audit::failed;

const KEYS: &str = "/.well-known/lethe-keys.json";

/// Starts with a log that everybody may read.
async fn public() -> App {
    App::with(&format!("{MAIN}\n[receipts]\npublic = true\n")).await
}

/// Does rounds until nothing waits.
pub(crate) async fn sequenced(app: &App) {
    let mut sequencer = Sequencer::new(Arc::clone(&app.config), app.ledger.clone());
    while sequencer.round().await.expect("the ledger answers") != Done::Nothing {}
    sequencer.leave().await;
}

/// Leaves events in the audit trail.
async fn events(app: &App, n: usize) {
    for _ in 0..n {
        let noted = app.ledger.note_reading(&tester(), Act::AuditRead, Object::All).await;
        noted.expect("the ledger answers");
    }
}

/// Reads a file of bytes.
async fn bytes(app: &App, who: &str, path: &str) -> (u16, HeaderMap, Vec<u8>) {
    let request = request(who, "GET", path).body(Body::empty()).expect("a request");
    let response = app
        .router
        .clone()
        .oneshot(request)
        .await
        .expect("the router never fails");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("bodies end");
    (parts.status.as_u16(), parts.headers, body.to_vec())
}

/// Returns the published keys, and the keys of notes among them.
async fn keys(app: &App) -> (KeySet, Vec<NoteKey>) {
    // A process keeps the list for a minute.
    let request = request("", "GET", KEYS).body(Body::empty()).expect("a request");
    let answer = App::send_to(&app.another(), request).await;
    let set = KeySet::read(answer.text.as_bytes()).expect("a list of keys");
    let notes = set.keys.iter().map(|key| NoteKey::parse(&key.note_key).expect("a key"));
    let notes = notes.collect();
    (set, notes)
}

#[tokio::test]
async fn the_log_needs_its_scope_and_all_targets_unless_it_is_public() {
    let auditor = |name: &str, bound: &str| {
        let hash = KeyHash::of(&key(name));
        format!("[[auth.key]]\nname = \"{name}\"\nsha256 = \"{hash}\"\nscopes = [\"receipts:read\"]\n{bound}\n")
    };
    let (all, some) = (auditor("auditor", ""), auditor("bound", "targets = [\"main\"]"));
    let app = App::with(&format!("{MAIN}\n{all}{some}")).await;
    events(&app, 1).await;
    sequenced(&app).await;
    for path in ["/log/checkpoint", "/log/tile/0/000.p/1", "/log/tile/entries/000.p/1"] {
        assert_eq!(bytes(&app, "auditor", path).await.0, 200, "{path}");
        assert_eq!(bytes(&app, "root", path).await.0, 200, "{path}");
        app.get("reader", path)
            .await
            .refused(403, "forbidden", "`receipts:read`");
        app.get("bound", path).await.refused(403, "forbidden", "");
        app.get("", path).await.refused(401, "unauthorized", "");
    }
    // Everybody verifies receipts that they were given.
    for path in [KEYS, "/.well-known/lethe-receipt.v1.schema.json"] {
        assert_eq!(app.get("", path).await.status, 200, "{path}");
    }
    let app = public().await;
    app.get("", "/log/checkpoint")
        .await
        .refused(503, "receipt-pending", "no checkpoint");
    sequenced(&app).await;
    assert_eq!(bytes(&app, "", "/log/checkpoint").await.0, 200);
}

#[tokio::test]
async fn tiles_never_change_and_a_checkpoint_is_always_fresh() {
    let app = public().await;
    events(&app, 3).await;
    sequenced(&app).await;
    let (_, headers, old) = bytes(&app, "", "/log/tile/0/000.p/3").await;
    assert_eq!(headers["content-type"], "application/octet-stream");
    assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(old.len(), 96);
    let (_, headers, checkpoint) = bytes(&app, "", "/log/checkpoint").await;
    assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(headers["cache-control"], "no-store");

    events(&app, 260).await;
    sequenced(&app).await;
    assert_eq!(
        bytes(&app, "", "/log/tile/0/000.p/3").await.2,
        old,
        "its part of that time"
    );
    let (_, headers, full) = bytes(&app, "", "/log/tile/0/000").await;
    assert_eq!((full.len(), full.get(..96)), (8_192, Some(old.as_slice())));
    assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
    assert_ne!(bytes(&app, "", "/log/checkpoint").await.2, checkpoint);
    let (_, _, bundle) = bytes(&app, "", "/log/tile/entries/001.p/7").await;
    assert_eq!(tile::entries(&bundle).map(|entries| entries.len()), Some(7));

    for path in [
        "0/001.p/8",
        "0/001",
        "2/000.p/1",
        "entries/001.p/8",
        "entries/002.p/1",
        "0/0",
        "0/000.p/0",
        "0/x000/000",
        "64/000",
        "x",
        "0/000.p/3/",
        "%00",
        "entries/%ff",
    ] {
        let answer = app.get("", &format!("/log/tile/{path}")).await;
        answer.refused(404, "not-found", "");
        assert!(
            !answer.headers["cache-control"]
                .to_str()
                .expect("text")
                .contains("immutable"),
            "{path}"
        );
    }
    let app = App::new().await;
    events(&app, 1).await;
    sequenced(&app).await;
    let (_, headers, _) = bytes(&app, "root", "/log/tile/0/000.p/1").await;
    assert_eq!(headers["cache-control"], "private, max-age=31536000, immutable");
}

#[tokio::test]
async fn a_receipt_and_its_proof_are_verified_by_the_published_keys() {
    let app = App::new().await;
    failed(&app).await;
    let id = |list: &Value| list["receipts"][0]["id"].as_str().expect("an id").to_owned();
    let before = app.get("root", "/v1/receipts").await;
    assert_eq!(before.body["receipts"][0]["log_index"], Value::Null, "{}", before.text);
    sequenced(&app).await;
    let receipts = app.get("root", "/v1/receipts").await;
    let id = id(&receipts.body);
    let index = receipts.body["receipts"][0]["log_index"].as_u64().expect("a place");

    let (set, notes) = keys(&app).await;
    let receipt = app.get("root", &format!("/v1/receipts/{id}")).await;
    let envelope = Envelope::read(receipt.text.as_bytes()).expect("an envelope");
    assert_eq!(envelope.verify(&set).map(|keys| keys.len()), Ok(1));

    let proof = app.get("root", &format!("/v1/receipts/{id}/proof")).await;
    assert_eq!(proof.headers["content-type"], "text/plain; charset=utf-8");
    let proof = ProofFile::read(&proof.text).expect("a proof");
    assert_eq!(proof.index, index);
    let (_, _, bundle) = bytes(&app, "root", &format!("/log/tile/entries/000.p/{}", index + 1)).await;
    let entries = tile::entries(&bundle).expect("a bundle");
    let entry = entries.last().expect("an entry");
    assert!(entry.starts_with(format!("lethe/receipt/v1 {id} ").as_bytes()));
    let checkpoint = proof
        .verify(entry, &set.origin, &notes)
        .expect("it leads to a signed root");
    let published = app.get("root", "/log/checkpoint").await;
    assert_eq!(Checkpoint::open(&published.text, &set.origin, &notes), Ok(checkpoint));

    let other = "0198f3a2-6a1c-7b60-9d2e-5a3c1f0e8b47";
    for unknown in [other, "x"] {
        let answer = app.get("root", &format!("/v1/receipts/{unknown}/proof")).await;
        assert_eq!(answer.status, 404, "{}", answer.text);
    }
    // Another caller's receipt does not exist.
    let foreign = app.get("owner", &format!("/v1/receipts/{id}/proof")).await;
    assert_eq!(foreign.status, 404, "{}", foreign.text);
}

/// Returns the configuration of an api with these key files, the present one first.
fn with_keys(files: &[&str]) -> Arc<Config> {
    let (present, previous) = files.split_first().expect("a key");
    let text = format!("{MAIN}\n[receipts]\nkey_file = \"{present}\"\nprevious_key_files = {previous:?}\n");
    Arc::new(Config::parse(&text, &BTreeMap::new(), Role::Api).expect("a configuration"))
}

#[tokio::test]
async fn a_rotated_key_signs_beside_the_new_one_and_stays_published() {
    let app = App::new().await;
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str| {
        let path = directory.path().join(name);
        fs::write(&path, Signer::fresh().to_pem()).expect("it can be written");
        path.to_str().expect("text").to_owned()
    };
    let (old, new) = (file("old.pem"), file("new.pem"));
    let mut retired = Vec::new();
    let (old, new) = (old.as_str(), new.as_str());
    for files in [vec![old], vec![new, old], vec![new]] {
        let config = with_keys(&files);
        check_keys(&config).expect("they are keys");
        failed(&app).await;
        let mut sequencer = Sequencer::new(config, app.ledger.clone());
        assert_eq!(sequencer.round().await.expect("the ledger answers"), Done::All);
        sequencer.leave().await;

        let (set, notes) = keys(&app).await;
        let list = app.get("root", "/v1/receipts?limit=1").await;
        let id = list.body["receipts"][0]["id"].as_str().expect("an id").to_owned();
        let receipt = app.get("root", &format!("/v1/receipts/{id}")).await;
        let envelope = Envelope::read(receipt.text.as_bytes()).expect("an envelope");
        assert_eq!(envelope.verify(&set).map(|keys| keys.len()), Ok(files.len()));
        let checkpoint = app.get("root", "/log/checkpoint").await;
        assert!(Checkpoint::open(&checkpoint.text, &set.origin, &notes).is_ok());
        assert_eq!(checkpoint.text.matches('\u{2014}').count(), files.len());
        retired.push(set.keys.iter().map(|key| key.retired.is_some()).collect::<Vec<_>>());
    }
    assert_eq!(retired, [vec![false], vec![false, false], vec![true, false]]);
}

#[tokio::test]
async fn a_process_reads_the_list_of_keys_once_a_minute() {
    let app = App::new().await;
    failed(&app).await;
    sequenced(&app).await;
    let first = app.get("", KEYS).await;
    assert_eq!(first.headers["cache-control"], "public, max-age=60");
    assert_eq!(first.headers["age"], "0");

    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("new.pem");
    fs::write(&path, Signer::fresh().to_pem()).expect("it can be written");
    failed(&app).await;
    let mut sequencer = Sequencer::new(with_keys(&[path.to_str().expect("text")]), app.ledger.clone());
    assert_eq!(sequencer.round().await.expect("the ledger answers"), Done::All);
    sequencer.leave().await;
    assert_eq!(keys(&app).await.0.keys.len(), 2);
    assert_eq!(app.get("", KEYS).await.text, first.text);
}

#[tokio::test]
async fn a_key_file_without_a_key_is_refused_by_its_path() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("key.pem");
    let config = with_keys(&[path.to_str().expect("text")]);
    assert!(check_keys(&config).is_err(), "it does not exist");
    for wrong in ["", "a secret that is no key", "-----BEGIN PRIVATE KEY-----"] {
        fs::write(&path, wrong).expect("it can be written");
        let error = check_keys(&config).expect_err("no key").to_string();
        assert!(error.contains("key.pem") && !error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn one_sequencer_works_at_a_time_and_another_takes_over() {
    let app = App::new().await;
    sequenced(&app).await;
    let mut one = Sequencer::new(Arc::clone(&app.config), app.ledger.clone());
    let mut other = Sequencer::new(Arc::clone(&app.config), app.ledger.clone());
    assert_eq!(one.round().await.expect("the ledger answers"), Done::Nothing);
    events(&app, 1).await;
    assert_eq!(one.round().await.expect("the ledger answers"), Done::All);
    events(&app, 1).await;
    assert_eq!(
        other.round().await.expect("the ledger answers"),
        Done::Followed,
        "one leads"
    );
    assert_eq!(one.round().await.expect("the ledger answers"), Done::All);
    one.leave().await;
    events(&app, 1).await;
    assert_eq!(other.round().await.expect("the ledger answers"), Done::All, "at once");
}

#[tokio::test]
async fn a_key_that_two_files_hold_signs_once() {
    let app = App::new().await;
    let directory = tempfile::tempdir().expect("a directory");
    let pem = Signer::fresh().to_pem();
    let [one, other] = ["one.pem", "other.pem"].map(|name| {
        let path = directory.path().join(name);
        fs::write(&path, &pem).expect("it can be written");
        path.to_str().expect("text").to_owned()
    });
    let config = with_keys(&[one.as_str(), other.as_str(), one.as_str()]);
    events(&app, 1).await;
    let mut sequencer = Sequencer::new(config, app.ledger.clone());
    assert_eq!(sequencer.round().await.expect("the ledger answers"), Done::All);
    let checkpoint = app.get("root", "/log/checkpoint").await;
    assert_eq!(checkpoint.text.matches('\u{2014}').count(), 1);
    assert_eq!(keys(&app).await.0.keys.len(), 1);
}

#[tokio::test]
async fn a_process_that_cannot_work_does_not_lead() {
    let app = App::new().await;
    let directory = tempfile::tempdir().expect("a directory");
    let none = directory.path().join("none.pem");
    let mut keyless = Sequencer::new(with_keys(&[none.to_str().expect("text")]), app.ledger.clone());
    let mut able = Sequencer::new(Arc::clone(&app.config), app.ledger.clone());
    events(&app, 1).await;
    assert!(keyless.round().await.is_err(), "it has no key");
    assert_eq!(able.round().await.expect("the ledger answers"), Done::All, "at once");
}

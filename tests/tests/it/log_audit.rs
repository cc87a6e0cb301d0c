//! `lethe receipts audit`: a copy of a log in a directory, and a log behind HTTP, checked by the binary.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use lethe_common::receipt::{Body, Envelope, Key, KeySet, Signer, entry_hash, head, payload, sign};
use lethe_common::tlog::append::append;
use lethe_common::tlog::checkpoint::Checkpoint;
use lethe_common::tlog::entry::Entry;
use lethe_common::tlog::hash::{Hash, leaf};
use lethe_common::tlog::note::{self, NoteKey};
use lethe_common::tlog::proof::inclusion;
use lethe_common::tlog::proof_file;
use lethe_common::tlog::tile::{Part, Tiles, bundle, to_bytes};
use lethe_common::tlog::walk::parts;
use lethe_tests::service::lethe;
use serde_json::Value;

const ORIGIN: &str = "lethe.example/log";

/// The statement of a receipt.
const BODY: &str = include_str!("../../../common/src/receipt/example.json");

/// The key that a closed log demands.
const KEY: &str = "the-key-of-an-auditor";

/// A log, and a directory with its files.
struct Log {
    directory: tempfile::TempDir,
    signer: Signer,
    tiles: Tiles,
    size: u64,
}

impl Log {
    /// Writes the log with these entries, as an honest sequencer publishes it.
    fn of(entries: &[String]) -> Self {
        let log = Self {
            directory: tempfile::tempdir().unwrap(),
            signer: Signer::from_seed(&[7; 32]),
            tiles: Tiles::default(),
            size: 0,
        };
        log.grown(entries)
    }

    /// Writes all files again, for other entries under the same key.
    fn grown(mut self, entries: &[String]) -> Self {
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf(entry.as_bytes())).collect();
        let appended = append(0, &Tiles::default(), &leaves).unwrap();
        self.size = appended.size;
        self.tiles = Tiles::default();
        for (level, n, hashes) in appended.changed {
            self.tiles.insert(level, n, hashes);
        }
        for part in parts(self.size) {
            if let Part::Tile(tile) = part {
                let hashes = self.tiles.get(tile.level, tile.n).unwrap();
                self.write(part, &to_bytes(&hashes[..usize::from(tile.width)]));
            }
        }
        self.write_entries(entries);
        let checkpoint = Checkpoint {
            origin: ORIGIN.to_owned(),
            size: self.size,
            root: appended.root,
        };
        self.save("checkpoint", &self.signed(&checkpoint));
        let public = self.signer.public();
        let key = Key::new(&public, self.note_key().vkey(), 0_i64.into(), None);
        let keys = KeySet {
            issuer: "lethe.example".to_owned(),
            origin: ORIGIN.to_owned(),
            schema: String::new(),
            keys: vec![key],
        };
        self.save("lethe-keys.json", &serde_json::to_string(&keys).unwrap());
        self
    }

    fn note_key(&self) -> NoteKey {
        NoteKey::new(ORIGIN, self.signer.public().bytes()).unwrap()
    }

    fn signed(&self, checkpoint: &Checkpoint) -> String {
        let by: &dyn Fn(&[u8]) -> [u8; 64] = &|message| self.signer.sign(message);
        note::sign(&checkpoint.text(), &[(&self.note_key(), by)])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn save(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn write(&self, part: Part, bytes: &[u8]) {
        let path = self.path(&format!("tile/{}", part.path()));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Writes other entries into the bundles, and leaves the tree as it is.
    fn write_entries(&self, entries: &[String]) {
        for part in parts(self.size) {
            if let Part::Bundle { n, width } = part {
                let first = usize::try_from(n * 256).unwrap();
                let last = (first + usize::from(width)).min(entries.len());
                let texts: Vec<&str> = entries[first..last].iter().map(String::as_str).collect();
                self.write(part, &bundle(&texts).unwrap());
            }
        }
    }

    fn audit(&self, arguments: &[&str]) -> Output {
        let mut command = lethe();
        command.args(["receipts", "audit"]).arg(self.directory.path());
        command.args(arguments).output().unwrap()
    }

    /// Asserts that the audit fails with these words.
    #[track_caller]
    fn refused(&self, arguments: &[&str], says: &str) {
        let output = self.audit(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("error: ") && said.contains(says), "{said}");
        assert!(output.stdout.is_empty());
    }

    /// Asserts that the audit finds nothing bad. Returns its answer.
    #[track_caller]
    fn good(&self, arguments: &[&str]) -> Value {
        let output = self.audit(&[arguments, &["--output", "json"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn entries(size: usize) -> Vec<String> {
    let entry = |index: usize| Entry::Audit {
        hash: leaf(&index.to_be_bytes()),
    };
    (0..size).map(|index| entry(index).text()).collect()
}

/// Returns the payload of a receipt and its entry.
fn receipt(signer: &Signer) -> (Vec<u8>, Entry) {
    let body: Body = serde_json::from_str(BODY).unwrap();
    let payload = payload(&head("lethe.example", &signer.key_id()), &body.text());
    let entry = Entry::Receipt {
        id: body.receipt_id,
        hash: entry_hash(&payload),
    };
    (payload, entry)
}

#[test]
fn a_good_log_is_valid_and_its_checkpoint_serves_the_next_audit() {
    let log = Log::of(&entries(300));
    let output = log.audit(&[]);
    let (said, notes) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(output.status.success(), "{notes}");
    assert!(said.starts_with("valid: log lethe.example/log\n"), "{said}");
    assert!(notes.contains("--keys") && notes.contains("--since"), "{notes}");

    let last = log.path("last");
    let last = last.to_str().unwrap();
    let answer = log.good(&["--save", last]);
    assert_eq!(answer["size"], 300);
    assert_eq!(answer["audit_events"], 300);
    let note = answer["checkpoint"].as_str().unwrap();
    assert_eq!(fs::read_to_string(last).unwrap(), note);
    let log = log.grown(&entries(700));
    let answer = log.good(&["--since", last, "--save", last]);
    assert_eq!(answer["size"], 700);
    assert_ne!(fs::read_to_string(last).unwrap(), note);
    assert_eq!(Log::of(&[]).good(&[])["size"], 0);
}

#[test]
fn the_first_bad_entry_is_named() {
    let all = entries(600);
    let log = Log::of(&all);
    let mut changed = all.clone();
    changed[300].push('!');
    log.write_entries(&changed);
    log.refused(&[], "entry 300: the entry does not have the hash");

    let mut swapped = all.clone();
    swapped.swap(20, 599);
    log.write_entries(&swapped);
    log.refused(&[], "entry 20: ");

    let mut short = all.clone();
    short.remove(41);
    log.write_entries(&short);
    log.refused(&[], "entry 41: ");

    log.write_entries(&all);
    fs::remove_file(log.path("tile/entries/001")).unwrap();
    log.refused(&[], "entry 256: the entry is missing");

    log.write_entries(&all);
    log.good(&[]);
    let tile = log.path("tile/0/001");
    let mut hashes = fs::read(&tile).unwrap();
    hashes[5 * 32] ^= 1;
    fs::write(&tile, hashes).unwrap();
    log.refused(&[], "entry 261: ");
}

#[test]
fn a_rewritten_log_is_a_fork_and_a_stale_one_is_too_short() {
    let log = Log::of(&entries(600));
    let earlier = log.path("earlier");
    fs::copy(log.path("checkpoint"), &earlier).unwrap();
    let earlier = earlier.to_str().unwrap().to_owned();
    let since = ["--since", earlier.as_str()];
    // The same key signs a log without one entry. In itself it is without a fault.
    let mut rewritten = entries(700);
    rewritten.remove(3);
    let log = log.grown(&rewritten);
    log.good(&[]);
    log.refused(&since, "the first 600 entries do not have the root");
    let log = log.grown(&entries(599));
    log.refused(&since, "the log signed 600 entries earlier");
}

#[test]
fn only_known_keys_open_a_checkpoint() {
    let log = Log::of(&entries(3));
    let keys = log.path("lethe-keys.json");
    let known = log.path("known.json");
    fs::copy(&keys, &known).unwrap();
    let known = known.to_str().unwrap().to_owned();
    log.good(&["--keys", &known]);
    // Another installation signs the same entries, and publishes its own key.
    let mut log = log;
    log.signer = Signer::from_seed(&[8; 32]);
    let log = log.grown(&entries(3));
    log.good(&[]);
    log.refused(&["--keys", &known], "no known key has signed it");

    let note = fs::read_to_string(log.path("checkpoint")).unwrap();
    log.save("checkpoint", &note.replacen("\n3\n", "\n2\n", 1));
    log.refused(&[], "the signature of `lethe.example/log` is wrong");
    fs::remove_file(log.path("checkpoint")).unwrap();
    log.refused(&[], "it has no checkpoint");
    fs::remove_file(keys).unwrap();
    log.refused(&[], "--keys");
}

#[test]
fn a_receipt_in_hand_demands_its_entry() {
    let signer = Signer::from_seed(&[7; 32]);
    let (payload, entry) = receipt(&signer);
    let mut all = entries(300);
    all.insert(260, entry.text());
    let log = Log::of(&all);
    let note = fs::read_to_string(log.path("checkpoint")).unwrap();
    let hashes = inclusion(260, log.size, &log.tiles).unwrap();
    let proof = proof_file::write(260, &hashes, &note);
    let file = |proof| serde_json::to_string(&Envelope::new(&payload, sign(&[&signer], &payload), proof)).unwrap();
    let path = log.save("receipt.json", &file(Some(proof.clone())));
    let path = path.to_str().unwrap().to_owned();
    assert_eq!(log.good(&["--receipt", &path])["receipts"], 1);
    // The proof has a checkpoint too.
    let beside = log.save("receipt.tlog-proof", &proof);
    let beside = beside.to_str().unwrap().to_owned();
    log.good(&["--since", &beside]);

    let bare = log.save("bare.json", &file(None));
    log.refused(&["--receipt", bare.to_str().unwrap()], "it has no proof of the log");
    let log = log.grown(&entries(700));
    log.refused(
        &["--receipt", &path],
        "entry 260: the receipt's proof has another entry",
    );
    log.refused(&["--since", &beside], "the first 301 entries");
    let log = log.grown(&entries(200));
    log.refused(&["--receipt", &path], "entry 260: the log ends before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_behind_http_is_checked_with_a_key() {
    let log = Log::of(&entries(600));
    // The log has dropped the partial files that are full by now.
    let later = Log::of(&entries(1_000));
    for path in ["tile/0/002", "tile/entries/002"] {
        fs::copy(later.path(path), log.path(path)).unwrap();
    }
    fs::remove_dir_all(log.path("tile/0/002.p")).unwrap();
    fs::remove_dir_all(log.path("tile/entries/002.p")).unwrap();
    let url = serve(log.directory.path().to_owned()).await;

    let other = "https://lethe.example";
    let none: &[&str] = &[];
    let given: &[&str] = &["--key", KEY];
    for (address, api, key, more, code, says) in [
        (url.clone(), &*url, KEY, none, 0, "valid: log lethe.example/log"),
        (format!("{url}/log/"), &*url, KEY, none, 0, "600"),
        (url.clone(), &*url, "another-key", none, 1, "the log is not public"),
        (url.clone(), &*url, "", none, 1, "the log is not public"),
        // The key of the environment is for another API.
        (url.clone(), other, KEY, none, 1, "the log is not public"),
        (url.clone(), other, "another-key", given, 0, "600"),
        (
            "http://127.0.0.1:9".to_owned(),
            &*url,
            KEY,
            none,
            1,
            "cannot reach the API",
        ),
        ("ftp://127.0.0.1".to_owned(), &*url, KEY, none, 1, "write a URL"),
    ] {
        let mut command = lethe();
        command.args(["receipts", "audit", &address]).args(more);
        command.env("LETHE_URL", api).env("LETHE_KEY", key);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = output.await.unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{address}: {said}");
        assert!(said.contains(says), "{address}: {said}");
    }
}

/// Serves the files of a log by their paths, to callers with the key. The public keys need none, and must be asked for
/// without one. Returns the URL.
async fn serve(directory: PathBuf) -> String {
    let app = Router::new().fallback(move |uri: Uri, headers: HeaderMap| {
        let directory = directory.clone();
        async move {
            let file = match uri.path().strip_prefix("/log/") {
                Some(_)
                    if headers
                        .get(header::AUTHORIZATION)
                        .is_none_or(|key| *key != format!("Bearer {KEY}")) =>
                {
                    return Err(StatusCode::UNAUTHORIZED);
                }
                Some(path) => directory.join(path),
                None if uri.path() == "/.well-known/lethe-keys.json"
                    && !headers.contains_key(header::AUTHORIZATION) =>
                {
                    directory.join("lethe-keys.json")
                }
                None => return Err(StatusCode::NOT_FOUND),
            };
            fs::read(file).map_err(|_| StatusCode::NOT_FOUND)
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

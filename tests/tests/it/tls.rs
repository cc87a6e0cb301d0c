//! Servers that have to prove their names: a server without proof receives no query.

mod stores;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use lethe_common::config::KeyHash;
use lethe_tests::certificates::{Authority, Shown};
use lethe_tests::client::samples;
use lethe_tests::config::KEY;
use lethe_tests::mysql::{self, Mysql};
use lethe_tests::postgres::{self, Postgres};
use lethe_tests::process::Process;
use lethe_tests::service::lethe;
use lethe_tests::wait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Returns the output of `lethe targets check` for a database.
async fn check(directory: &Path, sql: &str) -> String {
    let store = format!("sql = {{ {sql} }}");
    check_by(lethe(), directory, &store, "columns = { id = \"id\" }").await
}

/// Returns the output of `lethe targets check` for a store and the places of memories in it.
async fn check_by(mut command: Command, directory: &Path, store: &str, places: &str) -> String {
    let file = directory.join("lethe.toml");
    let text = format!(
        "[worker]\nstore_timeout = \"4s\"\n[[target]]\nname = \"main\"\n{store}\n\
         [[target.table]]\nname = \"memories\"\n{places}\n"
    );
    std::fs::write(&file, text).unwrap();
    command.args(["targets", "check", "--config"]).arg(&file);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    said.concat()
}

const TABLE: &str = "CREATE TABLE memories (id VARCHAR(36) PRIMARY KEY)";

/// Returns the certificates of a server, and whether clients accept them.
fn shown(authority: &Authority, other: &Authority) -> Vec<(&'static str, Shown, bool)> {
    vec![
        ("another name", authority.sign("elsewhere.example"), false),
        ("another authority", other.sign("127.0.0.1"), false),
        ("expired", authority.sign_expired("127.0.0.1"), false),
        ("its own name", authority.sign("127.0.0.1"), true),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_asked_only_if_it_proves_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new(directory.path()), tempfile::tempdir().unwrap());
    let other = Authority::new(other.path());
    let server = Postgres::start().await;
    let pool = postgres::connect(&server.url());
    sqlx::raw_sql(TABLE).execute(&pool).await.unwrap();
    let trusting = format!("url = \"{}\"", server.url());
    assert!(
        check(directory.path(), &trusting).await.contains("fits"),
        "it is on this machine"
    );
    let sql = format!(
        "url = \"{}?sslrootcert={}\", tls = \"verify\"",
        server.url(),
        authority.path().display()
    );
    let said = check(directory.path(), &sql).await;
    assert!(said.contains("cannot be asked"), "it speaks no TLS: {said}");
    for (what, shown, is_believed) in shown(&authority, &other) {
        server.speak_tls(&shown).await;
        let said = check(directory.path(), &sql).await;
        assert_eq!(said.contains("sql     fits"), is_believed, "{what}: {said}");
        assert_eq!(said.contains("cannot be asked"), !is_believed, "{what}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_is_asked_only_if_it_proves_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new(directory.path()), tempfile::tempdir().unwrap());
    let other = Authority::new(other.path());
    let all = shown(&authority, &other);
    let server = Mysql::speaking_tls(&all[0].1).await;
    let pool = mysql::connect(&server.url());
    sqlx::raw_sql(TABLE).execute(&pool).await.unwrap();
    let sql = format!(
        "url = \"{}?ssl-ca={}\", tls = \"verify\"",
        server.url(),
        authority.path().display()
    );
    for (what, shown, is_believed) in all {
        server.show(&shown).await;
        let said = check(directory.path(), &sql).await;
        assert_eq!(said.contains("sql     fits"), is_believed, "{what}: {said}");
        assert_eq!(said.contains("cannot be asked"), !is_believed, "{what}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_declines_tls_is_sent_no_password() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let listens = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let listens = Arc::clone(&listens);
            tokio::spawn(async move {
                let mut said = vec![0; 8];
                if stream.read_exact(&mut said).await.is_err() || stream.write_all(b"N").await.is_err() {
                    return;
                }
                drop(stream.read_to_end(&mut said).await);
                listens.lock().unwrap().push(said);
            });
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let url = format!("postgres://somebody:a-secret@127.0.0.1:{port}/memories");
    let said = check(directory.path(), &format!("url = \"{url}\", tls = \"verify\"")).await;
    assert!(said.contains("cannot be asked") && !said.contains("a-secret"), "{said}");
    // `SSLRequest` (PostgreSQL's protocol, 55.7), and no other message.
    let request = [0, 0, 0, 8, 4, 210, 22, 47];
    let heard = heard.lock().unwrap().clone();
    assert!(
        !heard.is_empty() && heard.iter().all(|said| *said == request),
        "{heard:?}"
    );
}

/// Writes the certificate of a port of Lethe. Returns the section of the configuration that names it.
fn write(directory: &Path, shown: &Shown) -> String {
    let [certificate, key] = shown.write(directory, "ours");
    format!(
        "[api.tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        certificate.display(),
        key.display()
    )
}

/// Starts all roles in one process. Returns it and its URL.
async fn up(directory: &Path, config: &str) -> (Process, String) {
    let file = directory.join("lethe.toml");
    std::fs::write(&file, config).unwrap();
    let mut command = lethe();
    command.args(["up", "--output", "json", "--listen", "127.0.0.1:0", "--config"]);
    command.arg(&file).arg("--data").arg(directory.join("data"));
    let mut process = Process::start("up", &mut command, directory);
    let said: serde_json::Value = process
        .says("it is ready", |process| {
            let output = process.output();
            serde_json::from_str(output.split_once('\n')?.0).ok()
        })
        .await;
    let url = said["url"].as_str().unwrap().to_owned();
    (process, url)
}

/// Returns a client that knows an authority, and sends a certificate if it has one.
fn client(authority: &Authority, own: Option<&Shown>) -> reqwest::Client {
    // Another test of this process may have installed it.
    drop(rustls::crypto::ring::default_provider().install_default());
    let root = std::fs::read(authority.path()).unwrap();
    let root = reqwest::Certificate::from_pem(&root).unwrap();
    let mut builder = reqwest::Client::builder()
        .tls_certs_only([root])
        .pool_max_idle_per_host(0);
    if let Some(Shown { certificate, key }) = own {
        let both = format!("{certificate}{key}");
        builder = builder.identity(reqwest::Identity::from_pem(both.as_bytes()).unwrap());
    }
    builder.build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_speaks_tls_with_the_certificate_that_is_there_now() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path());
    let config = write(directory.path(), &authority.sign("127.0.0.1"));
    let (_process, url) = up(directory.path(), &format!("{config}[api]\nheader_timeout = \"1s\"\n")).await;
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let client = client(&authority, None);
    let asks = async || client.get(format!("{url}/livez")).send().await;
    assert_eq!(asks().await.unwrap().text().await.unwrap(), "ok\n");
    let plain = reqwest::get(url.replace("https", "http")).await;
    assert!(plain.is_err(), "it answers nobody in the clear");

    // A connection that sends nothing is closed.
    let mut silent = TcpStream::connect(url.trim_start_matches("https://")).await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);

    write(directory.path(), &authority.sign("elsewhere.example"));
    wait::until_true("it shows the other certificate", || async { asks().await.is_err() }).await;
    // Half of a pair changes nothing.
    std::fs::write(directory.path().join("ours.key"), "nothing").unwrap();
    assert!(asks().await.is_err());
    write(directory.path(), &authority.sign("127.0.0.1"));
    wait::until_true("it shows its own name again", || async { asks().await.is_ok() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_when_the_certificate_of_the_port_ends() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path());
    let (hash, scopes) = (KeyHash::of(KEY), "scopes = [\"metrics:read\"]");
    let section = write(directory.path(), &authority.sign("127.0.0.1"));
    let config = format!("{section}[[auth.key]]\nname = \"scraper\"\nsha256 = \"{hash}\"\n{scopes}\n");
    let (_process, url) = up(directory.path(), &config).await;
    let client = client(&authority, None);
    // Both forms of a time: with two digits of the year, and with four.
    for (year, end) in [(2049, 2_493_072_000.0), (2051, 2_556_144_000.0)] {
        let until = format!("{year}-01-01T00:00:00Z").parse().unwrap();
        write(directory.path(), &authority.sign_until("127.0.0.1", until));
        wait::until_true("it shows the end", || async {
            let asks = client.get(format!("{url}/metrics")).bearer_auth(KEY).send();
            // A handshake may meet a new certificate beside the old key.
            let Ok(answer) = asks.await else { return false };
            let shown = samples(&answer.text().await.unwrap());
            let shown = shown.get("lethe_certificate_expiry_timestamp_seconds");
            shown.is_some_and(|shown| (shown - end).abs() < 0.5)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_shows_a_certificate_where_one_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path());
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Authority::new(elsewhere.path());
    let config = write(directory.path(), &authority.sign("127.0.0.1"));
    let config = format!("{config}clients = \"{}\"\n", authority.path().display());
    let (_process, url) = up(directory.path(), &config).await;
    let asks = async |own: Option<&Shown>| client(&authority, own).get(format!("{url}/livez")).send().await;
    assert!(asks(Some(&authority.sign("a-service"))).await.is_ok());
    assert!(asks(None).await.is_err());
    assert!(asks(Some(&other.sign("a-service"))).await.is_err());
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_keeps_the_api_from_starting() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path());
    let (one, other) = (authority.sign("127.0.0.1"), authority.sign("127.0.0.1"));
    let mixed = Shown {
        certificate: one.certificate,
        key: other.key,
    };
    for (shown, says) in [
        (mixed, "ours.crt"),
        (
            Shown {
                certificate: String::new(),
                key: one.key,
            },
            "in PEM",
        ),
    ] {
        let config = write(directory.path(), &shown);
        let file = directory.path().join("lethe.toml");
        std::fs::write(&file, config).unwrap();
        let mut command = lethe();
        command.args(["up", "--listen", "127.0.0.1:0", "--config"]).arg(&file);
        command.arg("--data").arg(directory.path().join("data"));
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(says), "{said}");
    }
}

#[tokio::test]
async fn a_server_on_another_machine_is_not_asked_without_tls() {
    let directory = tempfile::tempdir().unwrap();
    // An address for documentation (RFC 5737), where no server is.
    let refused = check(directory.path(), "url = \"postgres://u@192.0.2.1/x?sslmode=prefer\"").await;
    assert!(
        refused.contains("target[0].sql.url") && refused.contains("verify-full"),
        "{refused}"
    );
    let warned = check(
        directory.path(),
        "url = \"postgres://u@192.0.2.1:1/x?sslmode=prefer\", tls = \"off\"",
    )
    .await;
    assert!(warned.contains("target[0].sql.tls"), "{warned}");
}

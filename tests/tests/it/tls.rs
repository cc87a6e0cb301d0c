//! Servers that have to prove their names: which are asked anything, and which are not sent a word.

use std::path::Path;
use std::sync::{Arc, Mutex};

use lethe_tests::certificates::{Authority, Shown};
use lethe_tests::mysql::{self, Mysql};
use lethe_tests::postgres::{self, Postgres};
use lethe_tests::service::lethe;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Returns what `lethe targets check` says of a database.
async fn check(directory: &Path, sql: &str) -> String {
    let file = directory.join("lethe.toml");
    let text = format!(
        "[worker]\nstore_timeout = \"4s\"\n[[target]]\nname = \"main\"\nsql = {{ {sql} }}\n\
         [[target.table]]\nname = \"memories\"\ncolumns = {{ id = \"id\" }}\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut command = lethe();
    command.args(["targets", "check", "--config"]).arg(&file);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    said.concat()
}

const TABLE: &str = "CREATE TABLE memories (id VARCHAR(36) PRIMARY KEY)";

/// What a server shows, and whether it is believed.
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
    // `SSLRequest` (PostgreSQL's protocol, 55.7), and nothing after it.
    let request = [0, 0, 0, 8, 4, 210, 22, 47];
    let heard = heard.lock().unwrap().clone();
    assert!(
        !heard.is_empty() && heard.iter().all(|said| *said == request),
        "{heard:?}"
    );
}

#[tokio::test]
async fn a_server_on_another_machine_is_not_asked_without_tls() {
    let directory = tempfile::tempdir().unwrap();
    // A host of the documentation's own (RFC 5737), where nobody is.
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

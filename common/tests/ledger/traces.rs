//! Forgotten data leaves no traces in the database.

use std::path::Path;
use std::time::Duration;

use lethe_common::job::Subject;
use lethe_common::ledger::{Ledger, NewJob, NewPartition, Work};
use sqlx::{Executor, Row};

use crate::support::{ids, new_job};
use crate::{LEASE, accept, forget, on_postgres, on_sqlite, subject_job};

const PERSON: &str = "marked-person-7d1f";
const MEMORY: &str = "marked-memory-93c2";

/// Accepts jobs about a person, and about memories, and cancels them.
async fn known(ledger: &Ledger) {
    for n in 0..50 {
        let subject = Subject {
            user_id: Some(PERSON.to_owned()),
            aliases: vec![format!("{PERSON}@example.com")],
            ..Subject::default()
        };
        let about_person = NewJob {
            subject: Some(subject),
            ..subject_job(1)
        };
        let partition = NewPartition {
            work: Work::Ids([format!("{MEMORY}-{n}")].into()),
            ..ids(1)
        };
        let about_memory = NewJob {
            owner: Some(PERSON.to_owned()),
            ..new_job(vec![partition])
        };
        for job in [about_person, about_memory] {
            let id = accept(ledger, job).await;
            ledger.cancel(id, &crate::tester()).await.unwrap();
        }
    }
}

fn holds(bytes: &[u8]) -> bool {
    [PERSON, MEMORY]
        .iter()
        .any(|marked| bytes.windows(marked.len()).any(|window| window == marked.as_bytes()))
}

#[tokio::test]
async fn sqlites_files_hold_nothing_of_what_was_forgotten_while_they_are_open() {
    let test = on_sqlite(LEASE).await;
    known(&test.ledger).await;
    let file = test.url.trim_start_matches("sqlite://").split('?').next().unwrap();
    let directory = Path::new(file).parent().unwrap();
    let files = || {
        let files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
        let holding = files.filter(|path| holds(&std::fs::read(path).unwrap()));
        holding
            .map(|path| path.file_name().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(!files().is_empty());
    forget(&test.ledger, Duration::ZERO, Duration::from_hours(1)).await;
    assert_eq!(files(), [""; 0]);
}

#[tokio::test]
async fn postgresql_keeps_no_samples_of_what_is_personal() {
    let test = on_postgres(LEASE).await;
    known(&test.ledger).await;
    let pool = sqlx::AnyPool::connect(&test.url).await.unwrap();
    // As an earlier version left the columns.
    pool.execute("ALTER TABLE jobs ALTER COLUMN owner SET STATISTICS -1, ALTER COLUMN subject SET STATISTICS -1")
        .await
        .unwrap();
    pool.execute("ANALYZE").await.unwrap();
    test.ledger.migrate().await.unwrap();
    pool.execute("ANALYZE").await.unwrap();
    let sampled = "SELECT tablename::text, attname::text, concat(most_common_vals::text, histogram_bounds::text) AS samples FROM pg_stats
        WHERE schemaname = 'public'";
    let rows = pool.fetch_all(sampled).await.unwrap();
    let holding = rows
        .iter()
        .filter(|row| holds(row.get::<String, _>("samples").as_bytes()));
    let holding: Vec<(String, String)> = holding.map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(holding, []);
    assert!(rows.len() > 20, "the others are sampled");
    pool.close().await;
}

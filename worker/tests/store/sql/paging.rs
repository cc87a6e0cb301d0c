//! Paging over all rows of a person, in key order.

use lethe_common::job::Field;
use lethe_worker::store::{Conditions, StoreError};

use super::harness::Database;
use crate::{conditions, of_user};

super::on_each! {
    pages_name_every_row_under_the_conditions_once,
    numbers_are_in_the_order_of_numbers,
    a_range_ends_with_its_last_key,
    a_sample_says_where_to_cut,
    rows_are_counted_by_their_workspace,
    nothing_is_ever_about_everything,
}

async fn pages_name_every_row_under_the_conditions_once(database: Database) {
    let table = database.memories("TEXT").await;
    let mine = ["a", "A", "b", "B", "ä", "10", "9", "", " ", "é", "e\u{301}", "z"];
    let rows: Vec<_> = mine.iter().map(|id| (*id, "alice", "w")).collect();
    database.add(&rows).await;
    database
        .add(&[("c", "bob", "w"), ("d", "Alice", "w"), ("e", "alice", "other")])
        .await;
    let table = database.open(&table).await;
    let demanded = conditions(&[(Field::User, "alice"), (Field::Workspace, "w")]);

    for limit in [1, 2, 5, 100] {
        let mut seen = Vec::new();
        loop {
            let after = seen.last().cloned();
            let page = table.page(&demanded, after.as_deref(), None, limit).await.unwrap();
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= limit as usize);
            seen.extend(page);
        }
        seen.sort();
        let mut expected: Vec<String> = mine.iter().map(|id| (*id).to_owned()).collect();
        expected.sort();
        assert_eq!(seen, expected, "{limit}");
    }
    assert_eq!(table.count(&demanded).await.unwrap(), mine.len() as u64);
    let all = table.page(&demanded, None, None, 100).await.unwrap();
    for (before, id) in all.iter().enumerate() {
        let n = before as u64 + 1;
        assert_eq!(table.nth(&demanded, None, n).await.unwrap().as_ref(), Some(id));
        let next = table.nth(&demanded, Some(id), 2).await.unwrap();
        assert_eq!(next.as_ref(), all.get(before + 2));
    }
    let beyond = table.nth(&demanded, None, mine.len() as u64 + 1).await.unwrap();
    assert_eq!(beyond, None);
    assert_eq!(table.last(&demanded).await.unwrap(), all.last().cloned());
    assert_eq!(table.last(&of_user("nobody")).await.unwrap(), None);
}

async fn a_sample_says_where_to_cut(database: Database) {
    let mapping = database.memories("TEXT").await;
    if database.is_postgres() {
        database
            .run(
                "INSERT INTO memories (id, user_id, body)
                 SELECT md5(n::text), CASE WHEN n % 4 = 0 THEN 'bob' ELSE 'alice' END, repeat('x', 100)
                 FROM generate_series(1, 20000) AS n",
            )
            .await;
    }
    let table = database.open(&mapping).await;
    let alice = of_user("alice");
    let cuts = async |of: u64| table.cuts(&alice, "1", Some("e"), 500, of).await.unwrap();
    if database.is_postgres() {
        assert_eq!(cuts(15_000).await, None, "nobody has counted the table");
        database.run("ANALYZE memories").await;
        assert_eq!(cuts(900).await, None, "few beside the others");
    }
    let cuts = cuts(15_000).await;
    if !database.is_postgres() {
        assert_eq!(cuts, None, "no samples are drawn there");
        return;
    }
    let cuts = cuts.unwrap();
    // 13 sixteenths of 15,000 rows. PostgreSQL samples whole blocks.
    assert!((10..=40).contains(&cuts.len()), "{}", cuts.len());
    assert!(cuts.is_sorted() && cuts.iter().all(|cut| cut.as_str() > "1" && cut.as_str() <= "e"));
    let mut rows = table.page(&alice, None, None, 10_000).await.unwrap();
    let last = rows.last().cloned();
    rows.extend(table.page(&alice, last.as_deref(), None, 10_000).await.unwrap());
    assert!(cuts.iter().all(|cut| rows.contains(cut)), "those of alice alone");
}

async fn rows_are_counted_by_their_workspace(database: Database) {
    let mapping = database.memories("TEXT").await;
    database
        .add(&[
            ("a", "alice", "w"),
            ("A", "bob", "W"),
            ("b", "alice", "w"),
            ("c", "alice", "w"),
        ])
        .await;
    database
        .run("INSERT INTO memories (id, user_id) VALUES ('d', 'alice')")
        .await;
    let table = database.open(&mapping).await;
    let mut counts = table.workspaces(&["a", "b", "d", "A", "nobody"]).await.unwrap();
    counts.sort();
    let named = |name: &str, rows| (Some(name.to_owned()), rows);
    assert_eq!(counts, [(None, 1), named("W", 1), named("w", 2)]);
}

async fn numbers_are_in_the_order_of_numbers(database: Database) {
    let table = database.memories("BIGINT").await;
    database
        .add(&[
            ("10", "1", "w"),
            ("9", "1", "w"),
            ("-3", "1", "w"),
            ("100", "1", "w"),
            ("5", "2", "w"),
        ])
        .await;
    let table = database.open(&table).await;

    assert_eq!(
        table.page(&of_user("1"), None, None, 9).await.unwrap(),
        ["-3", "9", "10", "100"]
    );
    assert_eq!(
        table.page(&of_user("1"), Some("9"), None, 9).await.unwrap(),
        ["10", "100"]
    );
    assert!(table.page(&of_user("1"), Some("x"), None, 9).await.is_err() || !database.is_postgres());
}

async fn a_range_ends_with_its_last_key(database: Database) {
    let table = database.memories("TEXT").await;
    database
        .add(&[("a", "u", "w"), ("b", "u", "w"), ("c", "u", "w"), ("d", "u", "w")])
        .await;
    let table = database.open(&table).await;

    assert_eq!(
        table.page(&of_user("u"), Some("a"), Some("c"), 9).await.unwrap(),
        ["b", "c"]
    );
    assert_eq!(table.page(&of_user("u"), None, Some("a"), 9).await.unwrap(), ["a"]);
    assert!(
        table
            .page(&of_user("u"), Some("d"), Some("d"), 9)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn nothing_is_ever_about_everything(database: Database) {
    let table = database.memories("TEXT").await;
    database.add(&[("a", "u", "w")]).await;
    let table = database.open(&table).await;
    let everything = Conditions::default();

    assert!(matches!(
        table.page(&everything, None, None, 9).await,
        Err(StoreError::Misuse(..))
    ));
    assert!(matches!(table.count(&everything).await, Err(StoreError::Misuse(..))));
    assert!(matches!(
        table.page(&of_user("u"), None, None, 0).await,
        Err(StoreError::Misuse(..))
    ));
}

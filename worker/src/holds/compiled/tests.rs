//! What holds keep in a table of SQLite, asked as a batch asks.

use lethe_common::config::Config;
use lethe_common::filter::{Path, Scalar};
use lethe_common::receipt::HoldGround;
use sqlx::Executor as _;
use tempfile::TempDir;

use super::*;
use crate::fixture;
use crate::lease::Environment;
use crate::store::sql::RowMatch;
use crate::store::vector::PointId;
use crate::store::{Item, Query};

/// A table with one mapping.
struct World {
    _stores: TempDir,
    _ledger: TempDir,
    env: Environment,
}

impl World {
    /// Makes a table by statements. `mapping` is the mapping without its name.
    async fn new(rows: &'static str, mapping: &str) -> Self {
        let stores = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", stores.path().join("memories.sqlite").display());
        let config = Config::from_toml(&format!(
            "[[target]]\nname = \"main\"\nsql = {{ url = \"{url}\" }}\nvector = {{ url = \"http://localhost:1\" }}\n\
             [[target.table]]\nname = \"memories\"\n{mapping}"
        ))
        .unwrap();
        let (ledger, env) = fixture::worker_of(config).await;
        let pool = sqlx::AnyPool::connect(&format!("{url}?mode=rwc")).await.unwrap();
        pool.execute(sqlx::raw_sql(rows)).await.unwrap();
        pool.close().await;
        Self {
            _stores: stores,
            _ledger: ledger,
            env,
        }
    }

    async fn holds(&self, holds: Vec<Hold>) -> TableHolds {
        let mapped = self.env.mappings.all().next().unwrap();
        let sql = mapped.sql().await.unwrap();
        let place = Place {
            route: &mapped.route,
            table: &mapped.table,
            sharing: Vec::new(),
        };
        TableHolds::of(&HoldSet { revision: 7, holds }, &place, sql.as_deref())
    }

    /// Returns which of the rows a hold keeps.
    async fn kept(&self, on: HoldOn, ids: &[&'static str]) -> Vec<&'static str> {
        let holds = self.holds(vec![hold(on)]).await;
        let Some(free) = holds.all().and_then(Asking::free_rows) else {
            return Vec::new();
        };
        self.not_met(free, ids).await
    }

    async fn not_met(&self, conditions: &Conditions, ids: &[&'static str]) -> Vec<&'static str> {
        let mapped = self.env.mappings.all().next().unwrap();
        let table = mapped.sql().await.unwrap().unwrap();
        let items: Vec<Item> = ids.iter().map(|id| Item::new(*id, conditions)).collect();
        let found = table.find(&items).await.unwrap();
        let kept = ids.iter().zip(found).filter(|(_, found)| *found == RowMatch::Other);
        kept.map(|(id, _)| *id).collect()
    }
}

fn hold(on: HoldOn) -> Hold {
    Hold {
        name: "case-7".to_owned(),
        revision: 7,
        target: None,
        table: None,
        on,
        ground: HoldGround::Claims,
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn persons(names: &[&str]) -> HoldOn {
    HoldOn::Persons(texts(names))
}

const TEXTS: &str = "CREATE TABLE memories (id TEXT PRIMARY KEY NOT NULL, user TEXT, team TEXT);
    INSERT INTO memories VALUES ('a', 'ana', 'x'), ('b', 'ben', 'x'), ('c', NULL, 'y'), ('d', 'Ana', NULL)";

const COLUMNS: &str = "columns = { id = \"id\", user = \"user\", workspace = \"team\" }";

const ALL: [&str; 4] = ["a", "b", "c", "d"];

#[tokio::test]
async fn a_hold_keeps_the_rows_that_it_names_and_no_others() {
    let world = World::new(TEXTS, COLUMNS).await;
    for (on, kept) in [
        (HoldOn::Everything, &ALL[..]),
        (persons(&["ana", "eva"]), &["a"][..]),
        (HoldOn::Workspaces(texts(&["x"])), &["a", "b"][..]),
        (HoldOn::Ids(texts(&["d", "e"])), &["d"][..]),
        (persons(&["eva"]), &[][..]),
        (
            HoldOn::Query(Filter::OneOf {
                path: Path::column("team"),
                values: vec![Scalar::from("y")],
            }),
            &["c"][..],
        ),
    ] {
        let kind = on.kind().as_str();
        assert_eq!(world.kept(on, &ALL).await, kept, "{kind}");
    }
}

#[tokio::test]
async fn the_conditions_of_a_job_are_narrowed() {
    let world = World::new(TEXTS, COLUMNS).await;
    let holds = world
        .holds(vec![hold(persons(&["ana"])), hold(persons(&["ben"]))])
        .await;
    assert_eq!((holds.revision(), holds.each().len()), (7, 2));
    let by_ids = holds.narrow(&Conditions::default());
    assert_eq!(world.not_met(&by_ids, &ALL).await, ["a", "b"]);
    let query = Query {
        filter: Arc::new(Filter::OneOf {
            path: Path::column("team"),
            values: vec![Scalar::from("x"), Scalar::from("y")],
        }),
        start: None,
    };
    let by_query = holds.narrow(&Conditions::default().with_query(query));
    assert_eq!(world.not_met(&by_query, &ALL).await, ["a", "b", "d"]);
    let query = by_query.query.unwrap();
    assert!(!query.filter.says_all(), "a job says for itself that it means all");
    // Memories of several jobs share a statement.
    let again = holds.narrow(&Conditions::default());
    assert!(again.is_same(&by_ids) && Arc::ptr_eq(&again.query.unwrap(), &by_ids.query.unwrap()));
}

#[tokio::test]
async fn a_column_of_numbers_may_hold_a_person_by_a_text() {
    let rows = "CREATE TABLE memories (id TEXT PRIMARY KEY NOT NULL, user INTEGER);
        INSERT INTO memories VALUES ('a', 7), ('b', 8), ('c', 'ana'), ('d', NULL)";
    let world = World::new(rows, "columns = { id = \"id\", user = \"user\" }").await;
    assert_eq!(world.kept(persons(&["7", "9"]), &ALL).await, ["a"]);
    assert_eq!(world.kept(persons(&["ana"]), &ALL).await, ["c"]);
    assert_eq!(world.kept(persons(&["8", "ana"]), &ALL).await, ["b", "c"]);
}

#[tokio::test]
async fn a_uuid_is_kept_in_every_spelling() {
    let rows = "CREATE TABLE memories (id CHAR(32) PRIMARY KEY NOT NULL, user CHAR(32));
        INSERT INTO memories VALUES ('0190a0a000007000800000000000000a', '0190a0a000007000800000000000000b')";
    let world = World::new(rows, "columns = { id = \"id\", user = \"user\", uuids = \"hex\" }").await;
    let id = ["0190a0a0-0000-7000-8000-00000000000a"];
    for on in [
        HoldOn::Ids(texts(&["0190A0A0-0000-7000-8000-00000000000A"])),
        persons(&["0190A0A000007000800000000000000B"]),
    ] {
        assert_eq!(world.kept(on, &id).await, id);
    }
}

#[tokio::test]
async fn a_row_that_references_no_owner_is_kept() {
    let rows = "CREATE TABLE people (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE);
        CREATE TABLE memories (id TEXT PRIMARY KEY NOT NULL, user INTEGER);
        INSERT INTO people VALUES (1, 'ana'), (2, 'ben');
        INSERT INTO memories VALUES ('a', 1), ('b', 2), ('c', 3), ('d', NULL)";
    let columns =
        "columns = { id = \"id\", user = \"user\", owners = { table = \"people\", id = \"id\", name = \"name\" } }";
    let world = World::new(rows, columns).await;
    assert_eq!(world.kept(persons(&["ana"]), &ALL).await, ["a", "c"]);
}

/// The parts that a hold keeps of a mapping: rows, points without a row, points of rows.
fn parts(holds: &TableHolds) -> [bool; 3] {
    holds.all().map_or([false; 3], |all| {
        [
            all.free_rows().is_some(),
            all.keeps_points(),
            all.free_beside().is_some(),
        ]
    })
}

#[tokio::test]
async fn without_a_column_the_payload_decides_or_the_name_of_the_table() {
    let rows = "CREATE TABLE memories (id TEXT PRIMARY KEY NOT NULL)";
    let named = |on| Hold {
        table: Some("memories".to_owned()),
        ..hold(on)
    };
    let ana = || persons(&["ana"]);
    let payload = |payload: &str| {
        format!(
            "columns = {{ id = \"id\" }}\n\
             collection = {{ name = \"c\", point = \"uuid\", payload = {{ {payload} }} }}"
        )
    };

    let world = World::new(rows, &payload("")).await;
    assert_eq!(parts(&world.holds(vec![hold(ana())]).await), [false; 3], "not covered");
    assert_eq!(parts(&world.holds(vec![named(ana())]).await), [true, true, false]);
    assert_eq!(
        parts(&world.holds(vec![named(HoldOn::Everything)]).await),
        [true, true, false]
    );
    let other = Hold {
        target: Some("other".to_owned()),
        ..hold(HoldOn::Everything)
    };
    assert!(world.holds(vec![other]).await.all().is_none());

    let world = World::new(rows, &payload("user = \"who\"")).await;
    for hold in [hold(ana()), named(ana())] {
        let holds = world.holds(vec![hold]).await;
        assert_eq!(parts(&holds), [false, true, true]);
        assert!(holds.all().unwrap().asks_every_row());
    }
}

#[tokio::test]
async fn with_a_column_the_points_of_rows_without_an_owner_decide() {
    let collection = "collection = { name = \"c\", point = \"uuid\", payload = { user = \"who\" } }";
    let world = World::new(TEXTS, &format!("{COLUMNS}\n{collection}")).await;
    let holds = world.holds(vec![hold(persons(&["ana"]))]).await;
    assert_eq!(parts(&holds), [true, true, true]);
    assert!(!holds.all().unwrap().asks_every_row());
    let holds = world.holds(vec![hold(HoldOn::Workspaces(texts(&["x"])))]).await;
    assert_eq!(parts(&holds), [true, true, false], "no payload has the workspace");
}

#[tokio::test]
async fn points_without_a_row_are_kept_by_their_ids() {
    let rows = "CREATE TABLE memories (id TEXT PRIMARY KEY NOT NULL, user INTEGER)";
    let mapping = "columns = { id = \"id\", user = \"user\" }\ncollection = { name = \"c\", point = \"number\" }";
    let world = World::new(rows, mapping).await;
    let holds = world.holds(vec![hold(HoldOn::Ids(texts(&["7"])))]).await;
    let all = holds.all().unwrap();
    assert!(all.keeps_points() && all.free_points().is_none());
    assert!(all.names(Some("7")) && !all.names(Some("8")) && !all.names(None));
    assert!(all.names_point(PointId::Num(7)) && !all.names_point(PointId::Num(8)));
}

#[tokio::test]
async fn an_unknown_owner_keeps_a_point_unless_no_row_could_be_the_persons() {
    let rows = "CREATE TABLE memories (id TEXT PRIMARY KEY NOT NULL, user CHAR(32))";
    let mapping = "columns = { id = \"id\", user = \"user\", uuids = \"hex\" }\n\
        collection = { name = \"c\", point = \"uuid\" }";
    let world = World::new(rows, mapping).await;
    let nobody = world.holds(vec![hold(persons(&["ana"]))]).await;
    assert_eq!((parts(&nobody), nobody.rely_on_types()), ([false; 3], true));
    let person = persons(&["0190a0a0-0000-7000-8000-00000000000b"]);
    assert_eq!(parts(&world.holds(vec![hold(person)]).await), [true, true, false]);
}

#[test]
fn a_keeper_says_which_hold_it_was() {
    let keeper = Keeper::of(&hold(HoldOn::Everything));
    let count = keeper.count(3);
    assert_eq!((count.hold.as_str(), count.revision, count.n), ("case-7", 7, 3));
    assert_eq!(keeper.count(1).ground, HoldGround::Claims);
}

//! The stores against real databases: one suite over SQLite, PostgreSQL and MySQL, one over the vector
//! store's protocol.
//!
//! `LETHE_TEST_POSTGRES_URL` names a PostgreSQL server where databases may be created, and `LETHE_TEST_MYSQL_URL` one
//! of MySQL or MariaDB. Without them, those parts fail. `LETHE_TEST_QDRANT_URL` (with `LETHE_TEST_QDRANT_API_KEY`)
//! names a Qdrant server. Without it, the tests start the embedded one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod infer;
mod random;
mod sql;
mod vector;

use std::time::Duration;

use lethe_common::job::Field;
use lethe_worker::store::{Conditions, Item};

/// The time limit of calls: far above their needs, so that only a call that hangs meets it.
const TIMEOUT: Duration = Duration::from_mins(1);

fn conditions(demanded: &[(Field, &str)]) -> Conditions {
    Conditions::of(
        demanded
            .iter()
            .map(|(field, value)| (*field, (*value).to_owned()))
            .collect::<Vec<_>>(),
    )
}

fn of_user(user: &str) -> Conditions {
    conditions(&[(Field::User, user)])
}

fn item(id: &str, conditions: &Conditions) -> Item {
    Item::new(id, conditions)
}

fn items(ids: &[&str], conditions: &Conditions) -> Vec<Item> {
    ids.iter().map(|id| item(id, conditions)).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test's servers are named by its environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

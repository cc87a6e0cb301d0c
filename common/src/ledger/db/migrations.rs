//! The migrations that create the ledger's tables, in order.
//!
//! The list is written by hand: sqlx reads a directory only through its macros, which compile all of its drivers twice.
//! A test compares the list with the directory.

use std::borrow::Cow;

use sqlx::migrate::{Migrate as _, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, SqlSafeStr};

/// Version, description and text of each migration. sqlx stores a hash of the text, and refuses a changed text.
const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "ledger", include_str!("../../../migrations/0001_ledger.sql"))];

/// Returns all migrations. [`Migrator::run`] applies the missing ones.
pub(super) fn all() -> Migrator {
    Migrator::with_migrations(
        MIGRATIONS
            .into_iter()
            .map(|(version, description, text)| {
                Migration::new(
                    version,
                    Cow::Borrowed(description),
                    MigrationType::Simple,
                    text.into_sql_str(),
                    false,
                )
            })
            .collect(),
    )
}

/// The table in which sqlx notes what it has applied.
const APPLIED: &str = "_sqlx_migrations";

/// Returns whether exactly these migrations are applied. It only reads: [`Migrator::run`] creates its table before it
/// looks, which needs rights on the schema even if there is nothing to do.
pub(super) async fn are_applied(connection: &mut AnyConnection) -> bool {
    // If the table is missing or may not be read, a run says so.
    let Ok(applied) = connection.list_applied_migrations(APPLIED).await else {
        return false;
    };
    let all = all();
    let listed = all.iter().map(|migration| (migration.version, &migration.checksum));
    let applied = applied.iter().map(|migration| (migration.version, &migration.checksum));
    applied.eq(listed)
}

#[cfg(test)]
mod tests {
    use super::MIGRATIONS;

    #[test]
    fn every_file_of_the_directory_is_listed() {
        let mut files: Vec<String> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
            .expect("the directory of migrations")
            .map(|file| {
                file.expect("one file")
                    .file_name()
                    .into_string()
                    .expect("a name in UTF-8")
            })
            .collect();
        files.sort();
        let listed: Vec<String> = MIGRATIONS
            .iter()
            .map(|(version, description, _)| format!("{version:04}_{description}.sql"))
            .collect();
        assert_eq!(listed, files);
    }
}

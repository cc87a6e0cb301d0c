//! The migrations that create the ledger's tables, in order.
//!
//! The list is written by hand: sqlx reads a directory only through its macros, which compile all of its drivers twice.
//! A test compares the list with the directory.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

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

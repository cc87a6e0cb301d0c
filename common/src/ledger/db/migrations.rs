//! The migrations that create the ledger's tables, in order.
//!
//! The list is written by hand: sqlx reads a directory only through its macros, which compile all of its drivers twice.
//! A test compares the list with the directory.

use std::borrow::Cow;

use sqlx::migrate::{AppliedMigration, Migrate as _, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, SqlSafeStr};

use super::error::lacks_right;

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

/// Returns whether these migrations are applied. It only reads: [`Migrator::run`] creates its table before it looks, which
/// needs rights on the schema even if there is nothing to do.
///
/// # Errors
///
/// The user may not read what is applied, or another version of Lethe has migrated the ledger.
pub(super) async fn are_applied(connection: &mut AnyConnection) -> Result<bool, MigrateError> {
    match connection.list_applied_migrations(APPLIED).await {
        Ok(applied) => are_all_in(&applied),
        // A run would be refused too.
        Err(MigrateError::Execute(error)) if lacks_right(&error) => Err(MigrateError::Execute(error)),
        // If the table is missing, a run creates it. Otherwise a run says what is wrong.
        Err(_) => Ok(false),
    }
}

/// Returns whether all of these migrations are in `applied`.
///
/// # Errors
///
/// One that is applied is not in the list, or has another text there.
fn are_all_in(applied: &[AppliedMigration]) -> Result<bool, MigrateError> {
    let all = all();
    for applied in applied {
        let Some(own) = all.iter().find(|migration| migration.version == applied.version) else {
            return Err(MigrateError::VersionMissing(applied.version));
        };
        if own.checksum != applied.checksum {
            return Err(MigrateError::VersionMismatch(applied.version));
        }
    }
    Ok(applied.len() == MIGRATIONS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_of_another_version_is_told_from_one_that_lacks_migrations() {
        let known = || -> Vec<AppliedMigration> {
            let of = |migration: &Migration| AppliedMigration {
                version: migration.version,
                checksum: migration.checksum.clone(),
            };
            all().iter().map(of).collect()
        };
        assert!(matches!(are_all_in(&[]), Ok(false)));
        assert!(matches!(are_all_in(&known()), Ok(true)));
        let mut newer = known();
        newer.push(AppliedMigration {
            version: 99,
            checksum: Cow::Borrowed(&[]),
        });
        assert!(matches!(are_all_in(&newer), Err(MigrateError::VersionMissing(99))));
        let mut changed = known();
        changed[0].checksum = Cow::Borrowed(&[]);
        assert!(matches!(are_all_in(&changed), Err(MigrateError::VersionMismatch(1))));
    }

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

//! The place of a mapping's memories: the table of a database, and the collection of a vector store.
//!
//! A place is a text without credentials that is the same for every process. Two names of one server
//! (an alias in DNS, a tunnel) are two places: this module cannot know that they mean one server.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::ExposeSecret;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::target::{Table, Target};

impl Target {
    /// Returns the place of a table's rows, if it has any.
    pub fn table_place(&self, table: &Table) -> Option<String> {
        table.columns.as_ref()?;
        self.sql_place(table.sql_table())
    }

    /// Returns the place of a table of its database, by the table's name there.
    pub(super) fn sql_place(&self, name: &str) -> Option<String> {
        let url = self.sql.as_ref()?.url.expose_secret();
        if url.starts_with("postgres") {
            let options = PgConnectOptions::from_str(url).ok()?;
            let (host, port) = (same_host(options.get_host()), options.get_port());
            let database = options.get_database().unwrap_or_else(|| options.get_username());
            // The default schema of a name without one.
            let name = name.strip_prefix("public.").unwrap_or(name);
            return Some(format!("postgres {host}:{port} {database} {name}"));
        }
        // Both ignore the case of table names: SQLite always, MySQL on some systems.
        let name = name.to_lowercase();
        if let Some(rest) = url.strip_prefix("mysql://").or_else(|| url.strip_prefix("mariadb://")) {
            let options = MySqlConnectOptions::from_str(&format!("mysql://{rest}")).ok()?;
            let (host, port) = (same_host(options.get_host()), options.get_port());
            let database = options.get_database().unwrap_or_default();
            let name = name
                .strip_prefix(&format!("{}.", database.to_lowercase()))
                .unwrap_or(&name);
            return Some(format!("mysql {host}:{port} {database} {name}"));
        }
        let file = sqlite_file(url)?;
        let name = name.strip_prefix("main.").unwrap_or(&name);
        Some(format!("sqlite {} {name}", file.display()))
    }

    /// Returns the place of a table's points, if it has any.
    pub fn collection_place(&self, table: &Table) -> Option<String> {
        let collection = table.collection.as_ref()?;
        let url = self.vector.as_ref()?.url.to_lowercase();
        let (scheme, authority) = url.trim_end_matches('/').split_once("://")?;
        let port = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
        let default = if scheme == "https" { "443" } else { "80" };
        let (host, port) = port.unwrap_or((authority, default));
        Some(format!("qdrant {}:{port} {}", same_host(host), collection.name))
    }
}

/// Returns the one absolute path of the file that a SQLite URL names; `None` for another URL.
// One file may have many paths, and many URLs.
pub(super) fn sqlite_file(url: &str) -> Option<PathBuf> {
    if !url.starts_with("sqlite:") {
        return None;
    }
    let options = SqliteConnectOptions::from_str(url).ok()?;
    let file = options.get_filename();
    // The file may not exist yet. Then its directory has one path.
    let in_directory = || {
        let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(directory.join(file.file_name()?))
    };
    let resolved = file.canonicalize().ok().or_else(in_directory);
    Some(resolved.unwrap_or_else(|| std::path::absolute(file).unwrap_or_else(|_| file.to_owned())))
}

// All names of the machine itself are one host.
fn same_host(host: &str) -> String {
    match host.to_lowercase().as_str() {
        "127.0.0.1" | "[::1]" | "::1" => "localhost".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn places(sql: &str, table: &str, vector: &str) -> (String, String) {
        let text = format!(
            "[[target]]\nname = \"a\"\nsql = {{ url = \"{sql}\" }}\nvector = {{ url = \"{vector}\" }}\n\
             [[target.table]]\nname = \"t\"\nsql_table = \"{table}\"\ncolumns = {{ id = \"id\" }}\n\
             collection = {{ name = \"c\", point = \"uuid\" }}\n"
        );
        let config = Config::from_toml(&text).unwrap();
        let (target, table) = (&config.targets[0], &config.targets[0].tables[0]);
        (
            target.table_place(table).unwrap(),
            target.collection_place(table).unwrap(),
        )
    }

    #[test]
    fn a_place_does_not_depend_on_how_it_is_written_and_holds_no_credentials() {
        let (pg, qdrant) = places("postgres://u:secret@DB:5432/x", "public.t", "https://Q:6334/");
        assert_eq!(
            (pg.as_str(), qdrant.as_str()),
            ("postgres db:5432 x t", "qdrant q:6334 c")
        );
        assert_eq!(places("postgresql://v@db/x", "t", "https://q:6334").0, pg);
        assert_ne!(places("postgres://v@db/x", "other.t", "https://q:6334").0, pg);
        let my = places("mysql://u:secret@db/x", "T", "http://localhost:6334");
        assert_eq!(my, places("mariadb://db:3306/x", "x.t", "http://127.0.0.1:6334"));
        assert_eq!(my.0, "mysql db:3306 x t");
        let lite = places("sqlite://no/such.db", "Main.T", "https://q");
        let file = std::path::absolute("no/such.db").unwrap();
        assert_eq!(lite.0, format!("sqlite {} t", file.display()));
        assert_eq!(lite.1, "qdrant q:443 c");
    }
}

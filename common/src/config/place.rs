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
        let database = Database::of(self.sql.as_ref()?.url.expose_secret())?;
        // SQLite ignores the case of table names, and so does MySQL on some systems.
        let lower = name.to_lowercase();
        let (name, schema) = match &database {
            // The default schema of a name without one.
            Database::Postgres { .. } => (name, "public.".to_owned()),
            Database::Mysql { name, .. } => (lower.as_str(), format!("{}.", name.to_lowercase())),
            Database::Sqlite(_) => (lower.as_str(), "main.".to_owned()),
        };
        let name = name.strip_prefix(&schema).unwrap_or(name);
        Some(match &database {
            Database::Postgres { server, name: database } => format!("postgres {server} {database} {name}"),
            Database::Mysql { server, name: database } => format!("mysql {server} {database} {name}"),
            Database::Sqlite(file) => format!("sqlite {} {name}", file.display()),
        })
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

/// A SQL database, without the credentials of its URL.
#[derive(PartialEq, Eq)]
enum Database {
    /// The host with the port, and the name.
    Postgres { server: String, name: String },
    /// The host with the port, and the name.
    Mysql { server: String, name: String },
    /// The file.
    Sqlite(PathBuf),
}

impl Database {
    /// Returns the database of a URL; `None` for a URL that cannot be read.
    fn of(url: &str) -> Option<Self> {
        let server = |host: &str, port: u16| format!("{}:{port}", same_host(host));
        if url.starts_with("postgres") {
            let options = PgConnectOptions::from_str(url).ok()?;
            let name = options.get_database().unwrap_or_else(|| options.get_username());
            return Some(Self::Postgres {
                server: server(options.get_host(), options.get_port()),
                name: name.to_owned(),
            });
        }
        if let Some(rest) = url.strip_prefix("mysql://").or_else(|| url.strip_prefix("mariadb://")) {
            let options = MySqlConnectOptions::from_str(&format!("mysql://{rest}")).ok()?;
            return Some(Self::Mysql {
                server: server(options.get_host(), options.get_port()),
                name: options.get_database().unwrap_or_default().to_owned(),
            });
        }
        sqlite_file(url).map(Self::Sqlite)
    }
}

/// Returns whether two URLs name one database, whatever their credentials. A URL that cannot be read is refused
/// elsewhere.
pub(super) fn is_same_database(one: &str, other: &str) -> bool {
    let (one, other) = (Database::of(one), Database::of(other));
    one.is_none() || other.is_none() || one == other
}

/// Returns whether the URL of a database holds a password.
pub(super) fn has_password(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let is_password = |parameter: &str| {
        let name = parameter.split('=').next().unwrap_or_default();
        name.eq_ignore_ascii_case("password")
    };
    scheme != "sqlite"
        && (place.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
            || parameters.split('&').any(is_password))
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
        let directory = directory.unwrap_or_else(|| Path::new(".")).canonicalize().ok()?;
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
    use super::*;

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

    #[test]
    fn a_database_is_the_same_whoever_connects() {
        let worker = "postgres://eraser:secret@DB/x?sslmode=require";
        assert!(is_same_database("postgresql://lethe@db:5432/x", worker));
        for other in ["postgres://db/y", "postgres://db:6432/x", "mysql://db/x", "sqlite://x"] {
            assert!(!is_same_database(other, worker), "{other}");
        }
        assert!(is_same_database("nothing", worker), "it is refused elsewhere");
    }

    #[test]
    fn a_password_is_found_wherever_a_url_may_hold_it() {
        for url in [
            "postgres://u:p@db/x",
            "mysql://:p@db/x",
            "postgres://db/x?user=u&password=p",
        ] {
            assert!(has_password(url), "{url}");
        }
        for url in [
            "postgres://u@db:5432/x?sslmode=require",
            "postgres://db/x",
            "sqlite://C:/a@b.db",
        ] {
            assert!(!has_password(url), "{url}");
        }
    }
}

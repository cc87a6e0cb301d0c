//! The server of a store, as traces name it.

use secrecy::ExposeSecret;

use super::target::{SqlEndpoint, VectorEndpoint};
use super::tls::{self, Server};

/// The server of a store, without credentials and without the name of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreServer {
    /// Its kind: a value of `db.system.name`.
    pub system: &'static str,
    /// Its host, without a port. Absent: a file, or a Unix socket.
    pub address: Option<String>,
}

impl SqlEndpoint {
    /// Returns the server of the database.
    pub fn server(&self) -> StoreServer {
        match Server::of(self.url.expose_secret()) {
            Some(server) => StoreServer {
                system: server.system,
                address: server.host,
            },
            None => StoreServer {
                system: "sqlite",
                address: None,
            },
        }
    }
}

impl VectorEndpoint {
    /// Returns the vector store's server.
    pub fn server(&self) -> StoreServer {
        let rest = self.url.split_once("://").map(|(_, rest)| rest);
        StoreServer {
            system: "qdrant",
            address: rest.map(|rest| tls::without_port(tls::authority(rest)).to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn servers(sql: &str, vector: &str) -> (StoreServer, StoreServer) {
        let text = format!(
            "[[target]]\nname = \"main\"\nsql = {{ url = \"{sql}\" }}\nvector = {{ url = \"{vector}\" }}\n\
             [[target.table]]\nname = \"memories\"\ncolumns = {{ id = \"id\" }}\n"
        );
        let config = Config::from_toml(&text).unwrap();
        let target = &config.targets[0];
        (
            target.sql.as_ref().unwrap().server(),
            target.vector.as_ref().unwrap().server(),
        )
    }

    fn server(system: &'static str, address: Option<&str>) -> StoreServer {
        StoreServer {
            system,
            address: address.map(str::to_owned),
        }
    }

    #[test]
    fn a_server_has_a_kind_and_a_host_and_no_credentials() {
        for (sql, expected) in [
            (
                "postgres://u:p@db.example:5433/x",
                server("postgresql", Some("db.example")),
            ),
            ("postgres:///x?host=/run/postgresql", server("postgresql", None)),
            ("mysql://u:p@10.0.0.1:3307/x", server("mysql", Some("10.0.0.1"))),
            ("mariadb://u:p@db/x", server("mariadb", Some("db"))),
            ("sqlite://x.db", server("sqlite", None)),
        ] {
            assert_eq!(servers(sql, "https://q:6334").0, expected, "{sql}");
        }
        for (vector, host) in [
            ("https://q.example:6334", "q.example"),
            ("http://127.0.0.1:6334/", "127.0.0.1"),
            ("http://[::1]:6334", "[::1]"),
        ] {
            let (_, found) = servers("sqlite://x.db", vector);
            assert_eq!(found, server("qdrant", Some(host)), "{vector}");
        }
    }
}

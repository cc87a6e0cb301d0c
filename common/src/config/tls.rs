//! TLS to servers: the servers that have to prove their names.
//!
//! A password that is sent in the clear, or to an impostor, opens all data that Lethe may erase. A server on another
//! machine has to prove its name by a certificate, unless the configuration exempts this server.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use strum::{EnumString, VariantNames};

use super::Config;
use super::error::ConfigErrors;
use super::target::{SqlEndpoint, VectorEndpoint};
use super::text;

/// Whether TLS verifies the server's name. Absent: yes, unless the server is on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, VariantNames)]
#[serde(try_from = "String")]
#[strum(serialize_all = "lowercase")]
pub enum Tls {
    /// Connections are encrypted. The server's certificate has its name and comes from a known authority.
    Verify,
    /// The network is trusted. The TLS settings of the URL hold.
    Off,
}

impl TryFrom<String> for Tls {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text::word(&text)
    }
}

/// The advice for a database's URL that asks for less.
const DATABASE: &str = "remove the SSL mode and the part after # from the URL, or write sslmode=verify-full (ssl-mode=VERIFY_IDENTITY): the \
     server is not on this machine. If its network is trusted, write tls = \"off\" beside it";

/// The advice for another URL that asks for less.
const OTHER: &str = "write https:// (rediss:// for Redis, without #insecure): the server is not on this machine. If its network is trusted, write \
     tls = \"off\" beside it";

impl SqlEndpoint {
    /// Makes connections verify the server's name, if they have to. A URL that cannot be read is not refused here.
    ///
    /// # Errors
    /// The advice for a URL that asks for less.
    pub fn secure(&mut self) -> Result<(), &'static str> {
        secure_database(&mut self.url, self.tls)
    }
}

impl VectorEndpoint {
    /// Checks that connections verify the server's name, if they have to.
    ///
    /// # Errors
    /// The advice for a URL that asks for less.
    pub fn check_tls(&self) -> Result<(), &'static str> {
        check_scheme(&self.url, "https://", self.tls)
    }
}

/// Makes connections to other machines verify the server's name, and notes the exempted settings.
pub(super) fn check(config: &mut Config, errors: &mut ConfigErrors) {
    let mut waived = Vec::new();
    let mut database = |path: String, url: &mut SecretString, tls: Option<Tls>| {
        if is_database_waived(url.expose_secret(), tls) {
            waived.push(format!("{path}.tls"));
        }
        if let Err(change) = secure_database(url, tls) {
            errors.push(format_args!("{path}.url"), change);
        }
    };
    if let Some(url) = &mut config.ledger.url {
        database("ledger".to_owned(), url, config.ledger.tls);
    }
    for (n, target) in config.targets.iter_mut().enumerate() {
        if let Some(SqlEndpoint { url, tls, .. }) = &mut target.sql {
            database(format!("target[{n}].sql"), url, *tls);
        }
    }
    let mut other = |path: String, key: &str, url: &str, secure: &str, tls: Option<Tls>| {
        if is_waived(url, secure, tls) {
            waived.push(format!("{path}.tls"));
        }
        if let Err(change) = check_scheme(url, secure, tls) {
            errors.push(format_args!("{path}.{key}"), change);
        }
    };
    if let Some(url) = &config.doorbell.url {
        other(
            "doorbell".to_owned(),
            "url",
            url.expose_secret(),
            "rediss://",
            config.doorbell.tls,
        );
    }
    if let Some(otlp) = &config.telemetry.otlp {
        let path = "telemetry.otlp".to_owned();
        other(path, "endpoint", &otlp.endpoint, "https://", otlp.tls);
    }
    for (n, jwt) in config.auth.jwts.iter().enumerate() {
        if let Some(url) = &jwt.jwks_url {
            other(format!("auth.jwt[{n}]"), "jwks_url", url, "https://", jwt.tls);
        }
    }
    for (n, target) in config.targets.iter().enumerate() {
        if let Some(VectorEndpoint { url, tls, .. }) = &target.vector {
            other(format!("target[{n}].vector"), "url", url, "https://", *tls);
        }
    }
    config.unverified = waived;
}

/// Makes connections verify a database's name, if they have to.
fn secure_database(url: &mut SecretString, tls: Option<Tls>) -> Result<(), &'static str> {
    let text = url.expose_secret();
    let Some(server) = Server::of(text) else { return Ok(()) };
    if !is_needed(server.is_here, tls) || server.is_verified {
        return Ok(());
    }
    let query = text.split_once('?').map(|(_, query)| query);
    let says = |parameter: &str| parameter.starts_with("sslmode=") || parameter.starts_with("ssl-mode=");
    if query.is_some_and(|query| query.split('&').any(says)) {
        return Err(DATABASE);
    }
    let separator = if query.is_some() { '&' } else { '?' };
    let verified = format!("{text}{separator}{}", server.verify);
    // Parameters after a `#` have no effect.
    if !Server::of(&verified).is_some_and(|server| server.is_verified) {
        return Err(DATABASE);
    }
    *url = verified.into();
    Ok(())
}

/// Checks that a URL begins with `secure`, if it has to.
fn check_scheme(url: &str, secure: &str, tls: Option<Tls>) -> Result<(), &'static str> {
    let Some((_, rest)) = url.split_once("://") else {
        return Ok(());
    };
    // With `#insecure` the Redis client accepts any server.
    let is_verified = url.to_lowercase().starts_with(secure) && !rest.ends_with("#insecure");
    if is_verified || !is_needed(is_here(authority(rest)), tls) {
        Ok(())
    } else {
        Err(OTHER)
    }
}

/// Returns whether the configuration exempts a database on another machine from proving its name.
fn is_database_waived(url: &str, tls: Option<Tls>) -> bool {
    tls == Some(Tls::Off) && Server::of(url).is_some_and(|server| !server.is_here && !server.is_verified)
}

/// Returns whether the configuration exempts another server on another machine.
fn is_waived(url: &str, secure: &str, tls: Option<Tls>) -> bool {
    tls == Some(Tls::Off) && check_scheme(url, secure, None).is_err()
}

fn is_needed(is_here: bool, tls: Option<Tls>) -> bool {
    tls.map_or(!is_here, |tls| tls == Tls::Verify)
}

/// The server in a database's URL.
pub(super) struct Server {
    is_here: bool,
    is_verified: bool,
    /// The parameter to add to the URL.
    verify: &'static str,
    /// Its kind, as traces name it.
    pub(super) system: &'static str,
    /// Its host; `None` for a Unix socket.
    pub(super) host: Option<String>,
}

impl Server {
    /// Returns the server of a URL; `None` for a file, and for a URL that cannot be read.
    pub(super) fn of(url: &str) -> Option<Self> {
        if url.starts_with("postgres") {
            let options = PgConnectOptions::from_str(url).ok()?;
            return Some(Self {
                is_here: options.get_socket().is_some() || is_here(options.get_host()),
                is_verified: matches!(options.get_ssl_mode(), PgSslMode::VerifyFull),
                verify: "sslmode=verify-full",
                system: "postgresql",
                host: tcp_host(options.get_socket(), options.get_host()),
            });
        }
        let rest = url
            .strip_prefix("mysql://")
            .or_else(|| url.strip_prefix("mariadb://"))?;
        let options = MySqlConnectOptions::from_str(&format!("mysql://{rest}")).ok()?;
        Some(Self {
            is_here: options.get_socket().is_some() || is_here(options.get_host()),
            is_verified: matches!(options.get_ssl_mode(), MySqlSslMode::VerifyIdentity),
            verify: "ssl-mode=VERIFY_IDENTITY",
            system: if url.starts_with("mariadb") { "mariadb" } else { "mysql" },
            host: tcp_host(options.get_socket(), options.get_host()),
        })
    }
}

/// Returns a host that is not the directory of a socket.
fn tcp_host(socket: Option<&PathBuf>, host: &str) -> Option<String> {
    (socket.is_none() && !host.starts_with('/')).then(|| host.to_owned())
}

/// Returns the host of a URL without its scheme, with its port.
pub(super) fn authority(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// Returns a host without its port.
pub(super) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if address(host).is_none() && port.parse::<u16>().is_ok() => name,
        _ => host,
    }
}

/// Returns the IP address that a host is.
fn address(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

/// Returns whether a host, with or without a port, is this machine.
fn is_here(host: &str) -> bool {
    let name = without_port(host);
    // The directory of a socket.
    name.starts_with('/')
        || name.eq_ignore_ascii_case("localhost")
        || address(name).is_some_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secured(url: &str, tls: Option<Tls>) -> Result<String, &'static str> {
        let mut secret: SecretString = url.to_owned().into();
        secure_database(&mut secret, tls).map(|()| secret.expose_secret().to_owned())
    }

    #[test]
    fn a_database_elsewhere_proves_its_name() {
        for (url, expected) in [
            ("postgres://u:p@db/x", "postgres://u:p@db/x?sslmode=verify-full"),
            (
                "postgresql://u@10.0.0.1:5432/x?application_name=a",
                "postgresql://u@10.0.0.1:5432/x?application_name=a&sslmode=verify-full",
            ),
            ("mysql://u@db/x", "mysql://u@db/x?ssl-mode=VERIFY_IDENTITY"),
            ("mariadb://u@db/x", "mariadb://u@db/x?ssl-mode=VERIFY_IDENTITY"),
        ] {
            assert_eq!(secured(url, None).unwrap(), expected);
            assert_eq!(secured(expected, None).unwrap(), expected, "it says so already");
            assert_eq!(secured(url, Some(Tls::Off)).unwrap(), url);
        }
        for url in [
            "postgres://u@db/x?sslmode=require",
            "postgres://u@db/x#",
            "postgres://u@db/x#a?b=c",
            "postgres://u@db/x?sslmode=prefer",
            "postgres://u@db/x?ssl-mode=verify-ca",
            "mysql://u@db/x?ssl-mode=required",
            "mysql://u@db/x#",
            "mysql://u@db/x?sslmode=disabled",
        ] {
            assert_eq!(secured(url, None), Err(DATABASE), "{url}");
            assert_eq!(secured(url, Some(Tls::Off)).unwrap(), url);
            assert!(
                is_database_waived(url, Some(Tls::Off)) && !is_database_waived(url, None),
                "{url}"
            );
        }
    }

    #[test]
    fn a_database_on_this_machine_need_not_unless_it_is_said() {
        for url in [
            "postgres://u@localhost/x",
            "postgres://u@127.0.0.1:5432/x",
            "postgres://u@[::1]/x",
            "postgres:///x?host=/run/postgresql",
            "mysql://u@127.3.2.1/x?ssl-mode=preferred",
        ] {
            assert_eq!(secured(url, None).unwrap(), url);
            assert!(!is_database_waived(url, Some(Tls::Off)), "{url}");
        }
        assert_eq!(
            secured("postgres://u@localhost/x", Some(Tls::Verify)).unwrap(),
            "postgres://u@localhost/x?sslmode=verify-full"
        );
        assert_eq!(secured("sqlite://x.db", Some(Tls::Verify)).unwrap(), "sqlite://x.db");
    }

    #[test]
    fn other_servers_elsewhere_are_asked_over_tls() {
        for (url, secure) in [
            ("https://q:6334", "https://"),
            ("HTTPS://q", "https://"),
            ("http://localhost:6334", "https://"),
            ("http://[::1]:6334", "https://"),
            ("rediss://:p@r:6380", "rediss://"),
            ("redis://127.0.0.1", "rediss://"),
            ("redis://u:p@localhost:6379/1", "rediss://"),
        ] {
            assert_eq!(check_scheme(url, secure, None), Ok(()), "{url}");
        }
        for (url, secure) in [
            ("http://q:6334", "https://"),
            ("http://localhost.example:6334", "https://"),
            ("http://localhost@q", "https://"),
            ("redis://:p@r", "rediss://"),
            ("rediss://:p@r/#insecure", "rediss://"),
        ] {
            assert_eq!(check_scheme(url, secure, None), Err(OTHER), "{url}");
            assert_eq!(check_scheme(url, secure, Some(Tls::Off)), Ok(()), "{url}");
            assert!(
                is_waived(url, secure, Some(Tls::Off)) && !is_waived(url, secure, None),
                "{url}"
            );
        }
        let here = check_scheme("http://localhost:6334", "https://", Some(Tls::Verify));
        assert_eq!(here, Err(OTHER));
    }
}

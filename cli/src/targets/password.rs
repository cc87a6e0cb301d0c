//! The password in the URL of a database: added and removed.

use anyhow::Context;
use reqwest::Url;

/// Puts a password into the URL of a server.
pub(super) fn with_password(url: &str, password: &str) -> anyhow::Result<String> {
    if url.starts_with("sqlite:") || without_password(url) != url {
        return Ok(url.to_owned());
    }
    let with = Url::parse(url).ok().and_then(|mut url| {
        url.set_password(Some(password)).ok()?;
        Some(url.to_string())
    });
    with.context("a password needs a URL such as postgres://user@host/database")
}

/// Returns a URL without its password.
// PostgreSQL also accepts a password among the parameters.
pub(super) fn without_password(url: &str) -> String {
    let is_password = |name: &str| name.eq_ignore_ascii_case("password");
    let plain = Url::parse(url).ok().and_then(|mut plain| {
        let parameters: Vec<(String, String)> = plain.query_pairs().into_owned().collect();
        let hidden = parameters.iter().any(|(name, _)| is_password(name));
        if !hidden && plain.password().is_none() {
            return None;
        }
        plain.set_password(None).ok()?;
        if hidden {
            let shown = parameters.iter().filter(|(name, _)| !is_password(name));
            plain.query_pairs_mut().clear().extend_pairs(shown);
        }
        Some(plain.to_string())
    });
    plain.unwrap_or_else(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_put_where_the_url_has_a_host() {
        assert_eq!(
            with_password("postgres://lethe@db/memories?sslmode=require", "a/b@c:ü").unwrap(),
            "postgres://lethe:a%2Fb%40c%3A%C3%BC@db/memories?sslmode=require"
        );
        assert_eq!(
            with_password("sqlite://memories.db", "x").unwrap(),
            "sqlite://memories.db"
        );
        for has_one in ["postgres://u:own@db/x", "postgres://u@db/x?password=own"] {
            assert_eq!(with_password(has_one, "x").unwrap(), has_one);
        }
        assert!(with_password("memories", "x").is_err());
    }

    #[test]
    fn a_password_is_left_out_and_nothing_else_is() {
        for (url, plain) in [
            (
                "postgres://lethe:s3cret@db:5432/memories?sslmode=require",
                "postgres://lethe@db:5432/memories?sslmode=require",
            ),
            (
                "postgres://lethe@db/memories?password=s3cret&sslmode=require",
                "postgres://lethe@db/memories?sslmode=require",
            ),
            ("mysql://root:s3cret@db/memories", "mysql://root@db/memories"),
            ("sqlite://memories.db", "sqlite://memories.db"),
            ("sqlite:///var/lib/a b.db", "sqlite:///var/lib/a b.db"),
        ] {
            assert_eq!(without_password(url), plain);
        }
    }
}

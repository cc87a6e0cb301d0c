//! What to do about an error whose own text does not say it.

use lethe_common::ledger::LedgerError;
use lethe_worker::store::StoreError;
use reqwest::Url;

/// Returns what to do about an error of the ledger or of a store.
pub(crate) fn of(error: &anyhow::Error) -> Option<&'static str> {
    error.chain().find_map(|cause| {
        let ledger = cause.downcast_ref::<LedgerError>().and_then(LedgerError::advice);
        ledger.or_else(|| cause.downcast_ref::<StoreError>().and_then(of_store))
    })
}

/// Returns what to do about an error of a store.
pub(crate) fn of_store(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::Unavailable { .. } => Some(
            "check that the store runs, that its host name resolves, and its port (of Qdrant the gRPC port) and database",
        ),
        StoreError::Timeout { .. } => {
            Some("check the host, the port and the firewall; a slow store needs a longer worker.store_timeout")
        }
        StoreError::Unauthorized { .. } => Some("correct the user, the password or the API key of the store"),
        StoreError::Forbidden { .. } => Some("grant the missing right: docs/src/how-to/grants.md lists the rights"),
        _ => None,
    }
}

/// Returns whether the host name of a URL resolves. A URL without such a name does.
pub(crate) async fn resolves(url: &str) -> bool {
    let url = Url::parse(url);
    // SQLite's URLs hold a path where others have a host.
    let url = url.as_ref().ok().filter(|url| url.scheme() != "sqlite");
    // An escaped name is the path of a socket.
    let name = url.and_then(Url::domain).filter(|name| !name.contains('%'));
    match name.filter(|name| !name.is_empty()) {
        Some(name) => tokio::net::lookup_host((name, 0)).await.is_ok(),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn advice_is_found_below_the_context_of_an_error() {
        let ledger: Result<(), LedgerError> = Err(LedgerError::Unavailable(sqlx::Error::PoolTimedOut));
        let error = ledger.context("migrate the ledger").unwrap_err();
        assert!(of(&error).is_some_and(|advice| advice.contains("ledger.url")));
        assert!(of(&anyhow::anyhow!("another error")).is_none());
    }

    #[tokio::test]
    async fn only_a_name_can_fail_to_resolve() {
        for url in [
            "sqlite://memories.db",
            "postgres://u:p@127.0.0.1:1/x",
            "postgres://%2Frun%2Fpostgresql/x",
            "http://[::1]:6334",
            "no URL",
        ] {
            assert!(resolves(url).await, "{url}");
        }
        // Longer than any name can be: no name server is asked.
        let nowhere = format!("postgres://u:p@{}.invalid/x", "x".repeat(64));
        assert!(!resolves(&nowhere).await);
    }
}

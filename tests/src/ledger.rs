//! The ledger of a site, opened beside its processes.

use lethe_common::config::Config;
use lethe_common::ledger::{Ledger, LedgerOptions};

use crate::service::Site;

/// Returns the ledger of a site, as its processes open it.
pub fn beside(site: &Site) -> Ledger {
    let config = Config::from_toml(&site.config.text()).unwrap();
    let file = site.directory.path().join("data/ledger.sqlite");
    let url = config
        .ledger
        .url
        .unwrap_or_else(|| format!("sqlite://{}", file.display()).into());
    Ledger::open(LedgerOptions {
        url,
        max_connections: 2,
        lease: config.lease.duration,
        max_rounds: config.retry.rounds,
        give_up_after: config.retry.give_up_after,
        rescues: config.lease.rescues,
    })
    .unwrap()
}

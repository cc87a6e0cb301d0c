//! The limit of each caller's schedules.

use lethe_common::config::Api;
use lethe_common::ledger::Ledger;

use crate::http::problem::{Kind, Problem};

/// Refuses one more schedule to a caller that has as many as it may have.
// Requests that are served at the same time may exceed the limit, each by one. The next request is refused.
pub(crate) async fn admit(ledger: &Ledger, limits: &Api, caller: &str) -> Result<(), Problem> {
    let most = limits.max_schedules_per_caller;
    if most == 0 || ledger.schedules_of(caller, most).await? < u64::from(most) {
        return Ok(());
    }
    let detail =
        format!("delete or replace one of your schedules: one caller may have {most} (`api.max_schedules_per_caller`)");
    Err(Problem::new(Kind::TooManySchedules, detail))
}

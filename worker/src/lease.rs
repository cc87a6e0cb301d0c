//! The leases of tasks, and the [`Environment`] that tasks share: renewals, writes under a lease, and its end.
//!
//! A [`LeaseGuard`] is one lease, owned by the task that works under it. Methods that end a lease consume its guard:
//! [`LeaseGuard::record`], [`LeaseGuard::fail`], [`LeaseGuard::release`]. Steps of several leases in one ledger call
//! have functions: [`record`], [`intend`], [`release`], [`Environment::keep`]. Dropping a guard does not release its
//! lease: the task releases the leases that [`Leases`] still holds. If the process dies, its leases expire.
//!
//! Every write carries the present fence of its lease, and every record increments the fence by one.
//!
//! [`Leases`]: leases::Leases
//! [`release`]: release::release

mod back;
mod claim;
mod codes;
mod environment;
mod guard;
mod holds;
mod insist;
mod intend;
mod keep;
mod leases;
mod observe;
mod outlast;
pub(crate) mod put_back;
mod record;
mod release;
pub(crate) mod retry;
mod stop;
pub(crate) mod window;

pub(crate) use back::Back;
pub use codes::retry_reasons;
pub use environment::Environment;
pub(crate) use guard::{LeaseGuard, fences};
pub(crate) use intend::intend;
pub(crate) use record::{CORRUPT, LEDGER_REFUSED, Next, Step, record};
pub(crate) use stop::Stop;

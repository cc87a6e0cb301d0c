//! The leases of tasks, and the [`Environment`] that tasks share: how long leases last, what is written under them, and how
//! each ends.
//!
//! A [`LeaseGuard`] is one lease in the hands of the task that works under it. What ends a lease takes its guard:
//! [`LeaseGuard::record`], [`LeaseGuard::fail`], [`LeaseGuard::release`]. What several leases do in one step of the
//! ledger has a function of its own: [`record`], [`intend`], [`release`], [`Environment::keep`]. A guard that is dropped
//! leaves its lease to its task, which puts back what [`Leases`] says is still held. If the process dies, leases run out.
//!
//! Every write carries the fence of its lease as it is now, and every record moves that on by one.
//!
//! [`Leases`]: leases::Leases
//! [`release`]: release::release

mod back;
mod codes;
mod environment;
mod guard;
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
pub use codes::error_codes;
pub use environment::Environment;
pub(crate) use guard::{LeaseGuard, fences};
pub(crate) use intend::intend;
pub(crate) use record::{CORRUPT, LEDGER_REFUSED, Next, Step, record};
pub(crate) use stop::Stop;

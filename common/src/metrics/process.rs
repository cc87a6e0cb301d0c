//! The metrics of this process.

#![expect(
    clippy::disallowed_macros,
    reason = "this is the module that the ban of them points to"
)]

use std::borrow::Cow;
use std::time::Duration;

use metrics::{counter, gauge, histogram};
use strum::{EnumIter, IntoEnumIterator as _, IntoStaticStr};

use super::names;
use crate::error_code::ErrorCode;
use crate::job::StoreKind;
use crate::ledger::Kind;

/// The label of an attempt without an error.
const NO_CODE: &str = "none";

/// The reason why an attempt did not finish its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum RetryClass {
    /// It will be retried.
    Transient,
    /// It was given up.
    Permanent,
    /// It was taken over from a worker that died.
    Rescue,
    /// Another worker has it.
    LeaseLost,
}

impl RetryClass {
    fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The kind of a call to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum StoreCall {
    /// Finds the ids of a list that are there, under the job's conditions.
    Find,
    /// Deletes the ids of a list.
    Delete,
    /// Finds the ids of a list that are still there.
    ReadBack,
    /// Lists the next ids under the job's conditions.
    Page,
    /// Counts the memories.
    Count,
}

impl StoreCall {
    /// Returns the word used in metrics and spans.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A dependency of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependency<'a> {
    /// The ledger's database.
    Ledger,
    /// The doorbell's Redis.
    Doorbell,
    /// A store of a target.
    Store(&'a str, StoreKind),
}

impl Dependency<'_> {
    /// Returns the word used in metric labels and health answers: `ledger`, `doorbell`, `main/sql`.
    pub fn label(&self) -> Cow<'static, str> {
        match self {
            Self::Ledger => "ledger".into(),
            Self::Doorbell => "doorbell".into(),
            Self::Store(target, store) => format!("{target}/{}", store.as_str()).into(),
        }
    }
}

/// Puts the series that an api and a worker share at 0.
pub(super) fn expose_shared(redis: bool) {
    gauge!(names::BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1);
    doorbell_sent(0);
    doorbell_received(0);
    doorbell_failed(0);
    // A histogram that was requested is rendered, even if empty. An API ends jobs too: it cancels them and gives them up.
    drop(histogram!(names::JOB_DURATION));
    dependency(Dependency::Ledger, false, None);
    if redis {
        dependency(Dependency::Doorbell, false, None);
    }
}

/// Puts the series of a worker at 0.
pub(super) fn expose_worker(stores: &[(String, StoreKind)], reasons: &[(RetryClass, ErrorCode)]) {
    for kind in Kind::iter() {
        counter!(names::ATTEMPTS, "kind" => kind.as_str()).increment(0);
    }
    for (class, code) in reasons {
        counter!(names::RETRIES, "class" => class.as_str(), "code" => code.as_str()).increment(0);
    }
    for class in [RetryClass::Rescue, RetryClass::LeaseLost] {
        counter!(names::RETRIES, "class" => class.as_str(), "code" => NO_CODE).increment(0);
    }
    counter!(names::MISSES).increment(0);
    gauge!(names::IN_PROGRESS).set(0);
    gauge!(names::LAST_CLAIM).set(0);
    drop(histogram!(names::QUEUE_WAIT));
    for (target, store) in stores {
        breaker(target, *store, false);
        dependency(Dependency::Store(target, *store), false, None);
        for call in StoreCall::iter() {
            drop(call_duration(target, *store, call));
        }
    }
}

/// Counts an attempt at a partition.
pub fn attempt(kind: Kind) {
    counter!(names::ATTEMPTS, "kind" => kind.as_str()).increment(1);
}

/// Counts an attempt that did not finish its partition. A rescue and a lost lease have no code.
pub fn retry(class: RetryClass, code: Option<ErrorCode>) {
    let code = code.map_or(NO_CODE, ErrorCode::as_str);
    counter!(names::RETRIES, "class" => class.as_str(), "code" => code).increment(1);
}

/// Sets the number of partitions that this worker holds.
pub fn in_progress(partitions: usize) {
    gauge!(names::IN_PROGRESS).set(float(partitions as u64));
}

/// Observes the time from the moment when a job could start to the first claim of its work.
pub fn queue_wait(wait: Duration) {
    histogram!(names::QUEUE_WAIT).record(wait);
}

/// Observes the time from the moment when a job could start to its end.
pub fn job_ended(duration: Duration) {
    histogram!(names::JOB_DURATION).record(duration);
}

/// Observes the duration of a store call, successful or not.
pub fn store_call(target: &str, store: StoreKind, call: StoreCall, duration: Duration) {
    call_duration(target, store, call).record(duration);
}

fn call_duration(target: &str, store: StoreKind, call: StoreCall) -> metrics::Histogram {
    histogram!(names::STORE_CALL, "target" => target.to_owned(), "store" => store.as_str(), "call" => call.as_str())
}

/// Sets whether the breaker of a store is open.
pub fn breaker(target: &str, store: StoreKind, open: bool) {
    gauge!(names::BREAKER, "target" => target.to_owned(), "store" => store.as_str()).set(flag(open));
}

/// Notes that the ledger answered a claim.
pub fn claimed(at: jiff::Timestamp) {
    gauge!(names::LAST_CLAIM).set(at.as_duration().as_secs_f64());
}

/// Sets whether a dependency answers, and the duration of its last answer.
pub fn dependency(dependency: Dependency<'_>, up: bool, latency: Option<Duration>) {
    let label = dependency.label();
    gauge!(names::DEPENDENCY_UP, "dependency" => label.clone()).set(flag(up));
    let latency_gauge = gauge!(names::DEPENDENCY_LATENCY, "dependency" => label);
    if let Some(latency) = latency {
        latency_gauge.set(latency);
    }
}

/// Counts rings (notifications) that were sent to other processes.
pub fn doorbell_sent(rings: u64) {
    counter!(names::RINGS, "direction" => "sent").increment(rings);
}

/// Counts rings that came from Redis, including those of this process.
pub fn doorbell_received(rings: u64) {
    counter!(names::RINGS, "direction" => "received").increment(rings);
}

/// Counts rings that could not be sent at once.
pub fn doorbell_failed(rings: u64) {
    counter!(names::RINGS, "direction" => "failed").increment(rings);
}

/// Counts due work that polling found without a ring.
pub fn doorbell_miss() {
    counter!(names::MISSES).increment(1);
}

/// Counts a request and observes its duration; `route` is a template such as `/v1/jobs/{id}`.
pub fn http_request(route: String, method: &'static str, status: u16, duration: Duration) {
    counter!(names::HTTP_REQUESTS, "route" => route.clone(), "method" => method, "status" => status.to_string())
        .increment(1);
    histogram!(names::HTTP_DURATION, "route" => route, "method" => method).record(duration);
}

fn flag(on: bool) -> f64 {
    if on { 1.0 } else { 0.0 }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus' samples are floats; exact to 2^53"
)]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

//! What this process saw.

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

/// The label of an attempt that met no error.
const NO_CODE: &str = "none";

/// Why an attempt did not finish its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum RetryClass {
    /// It will be tried again.
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

/// What a store was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum StoreCall {
    /// Which of these ids are there, under the job's conditions.
    Find,
    /// Delete these ids.
    Delete,
    /// Which of these ids are still there.
    ReadBack,
    /// The next ids under the job's conditions.
    Page,
    /// How many there are.
    Count,
}

impl StoreCall {
    /// Returns its word in metrics and spans.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a process depends on.
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

/// Puts what an api and a worker share at 0.
pub(super) fn expose_shared(redis: bool) {
    gauge!(names::BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1);
    doorbell_sent(0);
    doorbell_received(0);
    doorbell_failed(0);
    dependency(Dependency::Ledger, false, None);
    if redis {
        dependency(Dependency::Doorbell, false, None);
    }
}

/// Puts what a worker sees at 0.
pub(super) fn expose_worker(stores: &[(String, StoreKind)], codes: &[ErrorCode]) {
    for kind in Kind::iter() {
        counter!(names::ATTEMPTS, "kind" => kind.as_str()).increment(0);
    }
    for code in codes {
        for class in [RetryClass::Transient, RetryClass::Permanent] {
            counter!(names::RETRIES, "class" => class.as_str(), "code" => code.as_str()).increment(0);
        }
    }
    for class in [RetryClass::Rescue, RetryClass::LeaseLost] {
        counter!(names::RETRIES, "class" => class.as_str(), "code" => NO_CODE).increment(0);
    }
    counter!(names::MISSES).increment(0);
    gauge!(names::IN_PROGRESS).set(0);
    gauge!(names::LAST_CLAIM).set(0);
    // Asking for a histogram is enough: it is rendered, empty.
    drop(histogram!(names::QUEUE_WAIT));
    drop(histogram!(names::JOB_DURATION));
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

/// Counts an attempt that did not finish its partition; a rescue and a lost lease have no code.
pub fn retry(class: RetryClass, code: Option<ErrorCode>) {
    let code = code.map_or(NO_CODE, ErrorCode::as_str);
    counter!(names::RETRIES, "class" => class.as_str(), "code" => code).increment(1);
}

/// Sets how many partitions this worker holds.
pub fn in_progress(partitions: usize) {
    gauge!(names::IN_PROGRESS).set(float(partitions as u64));
}

/// Observes how long a partition was due before it was claimed.
pub fn queue_wait(wait: Duration) {
    histogram!(names::QUEUE_WAIT).record(wait);
}

/// Observes how long a job took from its acceptance to its end.
pub fn job_ended(duration: Duration) {
    histogram!(names::JOB_DURATION).record(duration);
}

/// Observes how long a call to a store took, whether it succeeded or not.
pub fn store_call(target: &str, store: StoreKind, call: StoreCall, duration: Duration) {
    call_duration(target, store, call).record(duration);
}

fn call_duration(target: &str, store: StoreKind, call: StoreCall) -> metrics::Histogram {
    histogram!(names::STORE_CALL, "target" => target.to_owned(), "store" => store.as_str(), "call" => call.as_str())
}

/// Sets whether a store is left alone.
pub fn breaker(target: &str, store: StoreKind, open: bool) {
    gauge!(names::BREAKER, "target" => target.to_owned(), "store" => store.as_str()).set(flag(open));
}

/// Notes that the ledger was asked for work and answered.
pub fn claimed(at: jiff::Timestamp) {
    gauge!(names::LAST_CLAIM).set(at.as_duration().as_secs_f64());
}

/// Sets whether a dependency answers, and how long its last answer took.
pub fn dependency(dependency: Dependency<'_>, up: bool, latency: Option<Duration>) {
    let label = dependency.label();
    gauge!(names::DEPENDENCY_UP, "dependency" => label.clone()).set(flag(up));
    let latency_gauge = gauge!(names::DEPENDENCY_LATENCY, "dependency" => label);
    if let Some(latency) = latency {
        latency_gauge.set(latency);
    }
}

/// Counts rings that other processes were sent.
pub fn doorbell_sent(rings: u64) {
    counter!(names::RINGS, "direction" => "sent").increment(rings);
}

/// Counts rings that came from Redis, this process' own included.
pub fn doorbell_received(rings: u64) {
    counter!(names::RINGS, "direction" => "received").increment(rings);
}

/// Counts rings that could not be sent at once.
pub fn doorbell_failed(rings: u64) {
    counter!(names::RINGS, "direction" => "failed").increment(rings);
}

/// Counts due work that polling found and no ring had announced.
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
fn float(number: u64) -> f64 {
    number as f64
}

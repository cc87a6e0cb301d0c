//! The limits of requests to the HTTP port of this process.

#![expect(
    clippy::disallowed_macros,
    reason = "a part of the module that the ban of them points to"
)]

use metrics::{counter, gauge};
use strum::{EnumIter, IntoEnumIterator as _, IntoStaticStr};

use super::names;
use super::process::float;

/// The limit for which a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum RefusedFor {
    /// No room for its body, or for the next ids of its upload.
    BodyBytes,
    /// Its caller has too many unfinished jobs.
    CallerJobs,
    /// The unfinished jobs of its caller have too many ids.
    CallerIds,
}

/// Counts a request that was refused.
pub fn request_refused(why: RefusedFor) {
    counter!(names::REQUESTS_REFUSED, "reason" => <&str>::from(why)).increment(1);
}

/// Adds bytes of bodies that are in memory.
pub fn body_bytes_taken(bytes: usize) {
    gauge!(names::BODY_BYTES).increment(float(bytes as u64));
}

/// Subtracts bytes of bodies that are in memory no more.
pub fn body_bytes_given_back(bytes: usize) {
    gauge!(names::BODY_BYTES).decrement(float(bytes as u64));
}

/// Puts all series at 0.
pub(super) fn expose() {
    gauge!(names::BODY_BYTES).set(0);
    for why in RefusedFor::iter() {
        counter!(names::REQUESTS_REFUSED, "reason" => <&str>::from(why)).increment(0);
    }
}

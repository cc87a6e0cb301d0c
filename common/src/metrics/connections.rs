//! The connections of the HTTP port of this process.

#![expect(
    clippy::disallowed_macros,
    reason = "a part of the module that the ban of them points to"
)]

use jiff::Timestamp;
use metrics::{counter, gauge};
use strum::{EnumIter, IntoEnumIterator as _, IntoStaticStr};

use super::names;

/// The reason why a connection was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Crowded {
    /// All connections are taken.
    All,
    /// Its address holds as many connections as are free.
    Address,
}

/// Counts a connection that opens.
pub fn connection_opened() {
    gauge!(names::CONNECTIONS).increment(1);
}

/// Counts a connection that closes.
pub fn connection_closed() {
    gauge!(names::CONNECTIONS).decrement(1);
}

/// Sets the time at which the certificate of the port ends.
pub fn certificate_ends(at: Timestamp) {
    gauge!(names::CERTIFICATE).set(at.as_duration().as_secs_f64());
}

/// Counts a connection that was refused.
pub fn turned_away(why: Crowded) {
    counter!(names::TURNED_AWAY, "reason" => <&str>::from(why)).increment(1);
}

/// Puts all series at 0.
pub(super) fn expose() {
    gauge!(names::CONNECTIONS).set(0);
    for why in Crowded::iter() {
        counter!(names::TURNED_AWAY, "reason" => <&str>::from(why)).increment(0);
    }
}

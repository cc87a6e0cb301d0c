//! The connections of this process' HTTP port.

#![expect(
    clippy::disallowed_macros,
    reason = "a part of the module that the ban of them points to"
)]

use metrics::{counter, gauge};
use strum::{EnumIter, IntoEnumIterator as _, IntoStaticStr};

use super::names;

/// Why a connection was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Crowded {
    /// All that there may be are taken.
    All,
    /// Its address has as many as are free.
    Address,
}

/// Sets how many connections there are.
pub fn connections(open: usize) {
    gauge!(names::CONNECTIONS).set(super::process::float(open as u64));
}

/// Counts a connection that was turned away.
pub fn turned_away(why: Crowded) {
    counter!(names::TURNED_AWAY, "reason" => <&str>::from(why)).increment(1);
}

/// Puts all of it at 0.
pub(super) fn expose() {
    connections(0);
    for why in Crowded::iter() {
        counter!(names::TURNED_AWAY, "reason" => <&str>::from(why)).increment(0);
    }
}

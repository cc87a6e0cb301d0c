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

/// Counts a connection that is open from now on.
pub fn connection_opened() {
    gauge!(names::CONNECTIONS).increment(1);
}

/// Counts one that is open no more.
pub fn connection_closed() {
    gauge!(names::CONNECTIONS).decrement(1);
}

/// Counts a connection that was turned away.
pub fn turned_away(why: Crowded) {
    counter!(names::TURNED_AWAY, "reason" => <&str>::from(why)).increment(1);
}

/// Puts all of it at 0.
pub(super) fn expose() {
    gauge!(names::CONNECTIONS).set(0);
    for why in Crowded::iter() {
        counter!(names::TURNED_AWAY, "reason" => <&str>::from(why)).increment(0);
    }
}

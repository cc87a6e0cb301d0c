//! Recurrence in local time: the times of a schedule, and the windows in which batches may begin.
//!
//! This module is pure: it reads no clock and stores nothing.

mod times;
mod windows;

pub use times::{Times, TimesError};
pub use windows::{Window, Windows, WindowsError};

use jiff::tz::TimeZone;

/// Returns the time zone with the IANA name `name`, in any case.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    // jiff also finds zones without an IANA name: `Etc/Unknown` is a guess.
    TimeZone::get(name)
        .ok()
        .filter(|zone| !zone.is_unknown() && zone.iana_name().is_some())
}

//! When something recurs, by a clock on a wall: the times of a schedule, and the windows in which
//! batches may begin.
//!
//! Pure: nothing here asks what time it is, and nothing is stored.

mod times;
mod windows;

pub use times::{Times, TimesError};
pub use windows::{Window, Windows, WindowsError};

use jiff::tz::TimeZone;

/// Returns the time zone that IANA calls `name`, whatever its case.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    // Of what jiff finds some has no name in IANA's list: `Etc/Unknown` is a guess.
    TimeZone::get(name)
        .ok()
        .filter(|zone| !zone.is_unknown() && zone.iana_name().is_some())
}

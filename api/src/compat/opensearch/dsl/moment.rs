//! Moments as OpenSearch reads them: dates, numbers since 1970, and date math (`now-90d/d`, `2024-01-01||-1M`).
//!
//! Bounds round as in OpenSearch's `JavaDateMathParser` and `JavaDateFormatter`: up for `gt` and `lte`, otherwise down.
//! Dates there have milliseconds, so each bound becomes the first millisecond inside or outside the range.

mod date;
mod math;
mod reading;
#[cfg(test)]
mod tests;

pub(super) use date::{is_vague, zone};
pub(super) use reading::{Count, Edge, Reading, TimeFormat};

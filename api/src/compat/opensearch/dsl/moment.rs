//! Moments as OpenSearch reads them: dates, numbers since 1970, and date math (`now-90d/d`, `2024-01-01||-1M`).
//!
//! A bound is rounded as OpenSearch's `JavaDateMathParser` and `JavaDateFormatter` round it: up for `gt` and `lte`,
//! else down. Dates there have milliseconds, so that every bound is the first millisecond that is in, or out.

mod date;
mod math;
mod reading;
#[cfg(test)]
mod tests;

pub(super) use date::{is_vague, zone};
pub(super) use reading::{Count, Edge, Reading, TimeFormat};

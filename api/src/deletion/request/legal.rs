//! The legal fields of a request: the regime, the ground, and the arrival of the person's request.

use jiff::{Timestamp, ToSpan};
use lethe_common::receipt::ErasureGround;
use strum::VariantNames as _;

use super::options::time;
use crate::http::problem::Problem;

/// How far in the past a request may have arrived, in hours: ten years. An older time is most likely a typing error.
const OLDEST: i64 = 10 * 366 * 24;

/// How far in the future a request may have arrived, in seconds. Clocks differ a little.
const FUTURE: i64 = 60;

/// The legal fields of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AskedLegal {
    /// The name of the regime, unchecked.
    pub(crate) regulation: Option<String>,
    pub(crate) ground: Option<ErasureGround>,
    pub(crate) received_at: Option<Timestamp>,
}

impl AskedLegal {
    /// Reads the fields of a request. The configuration knows the regimes, so their names are checked later.
    pub(super) fn read(
        regulation: Option<String>,
        ground: Option<&str>,
        received_at: Option<&str>,
    ) -> Result<Self, Problem> {
        Ok(Self {
            regulation,
            ground: ground.map(self::ground).transpose()?,
            received_at: received_at.map(|text| time("received_at", text)).transpose()?,
        })
    }

    /// Refuses an arrival that is too far from `now`.
    pub(crate) fn check_arrival(&self, now: Timestamp) -> Result<(), Problem> {
        let Some(at) = self.received_at else { return Ok(()) };
        let latest = now.saturating_add(FUTURE.seconds()).expect("seconds have no calendar");
        let oldest = now.saturating_sub(OLDEST.hours()).expect("hours have no calendar");
        if at > latest || at < oldest {
            return Err(Problem::invalid(
                "received_at",
                "write the time at which the person's request arrived: it has passed, less than ten years ago",
            ));
        }
        Ok(())
    }
}

fn ground(word: &str) -> Result<ErasureGround, Problem> {
    word.parse().map_err(|_| {
        let words: Vec<_> = ErasureGround::VARIANTS.iter().map(|word| format!("`{word}`")).collect();
        Problem::invalid("ground", format_args!("write one of {}", words.join(", ")))
    })
}

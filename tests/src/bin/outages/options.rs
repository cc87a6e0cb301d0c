//! The options of a run.

use std::time::Duration;

use crate::times::Times;

pub(crate) const USAGE: &str = "usage: tests/run outages [--seed N] [--minutes M] [--scale X]
  --seed N     the seed of all random choices (default: random)
  --minutes M  how long jobs arrive and stores fail (default: 5, fractions allowed). A time without outages follows
  --scale X    divide outages, limits, leases and timeouts by X (default: 1) for more events per minute";

/// The options of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) time: Duration,
    pub(crate) times: Times,
}

impl Options {
    /// Reads the arguments. Returns `None` if they are invalid.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            seed: u64::from(uuid::Uuid::new_v4().as_fields().0),
            time: Duration::from_mins(5),
            times: Times::new(1.0)?,
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next()?;
            match name.as_str() {
                "--seed" => options.seed = value.parse().ok()?,
                "--minutes" => {
                    let minutes: f64 = value.parse().ok()?;
                    options.time = Duration::try_from_secs_f64(minutes * 60.0).ok()?;
                }
                "--scale" => options.times = Times::new(value.parse().ok()?)?,
                _ => return None,
            }
        }
        Some(options)
    }
}

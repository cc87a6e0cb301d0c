//! The options of a run.

use std::time::Duration;

use crate::fleet::Mode;
use crate::site::Site;

pub(crate) const USAGE: &str =
    "usage: tests/run hunt [--seed N] [--minutes M] [--world K] [--mode calm|changing|dying] [--site NAMES]
  --seed N      the seed of all random choices (default: random)
  --minutes M   the duration (default: 1, fractions allowed)
  --world K     only this world of the seed
  --mode MODE   only calm, changing or dying
  --site NAMES  only sites with these name prefixes, such as chunks or chunks-postgres,agno";

/// The options of a run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) time: Duration,
    pub(crate) world: Option<u64>,
    mode: Option<Mode>,
    site: String,
}

impl Options {
    /// Reads the arguments. Returns `None` if they are invalid.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            seed: u64::from(uuid::Uuid::new_v4().as_fields().0),
            time: Duration::from_mins(1),
            world: None,
            mode: None,
            site: String::new(),
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next()?;
            match name.as_str() {
                "--seed" => options.seed = value.parse().ok()?,
                "--minutes" => {
                    let minutes: f64 = value.parse().ok()?;
                    options.time = Duration::try_from_secs_f64(minutes * 60.0).ok()?;
                }
                "--world" => options.world = Some(value.parse().ok()?),
                "--mode" => {
                    let mode = Mode::ALL
                        .into_iter()
                        .find(|mode| format!("{mode:?}").eq_ignore_ascii_case(&value));
                    options.mode = Some(mode?);
                }
                "--site" => options.site = value,
                _ => return None,
            }
        }
        Some(options)
    }

    /// Returns whether the options select a site in a mode.
    pub(crate) fn takes(&self, mode: Mode, site: &Site) -> bool {
        self.mode.is_none_or(|wanted| wanted == mode) && self.site.split(',').any(|name| site.name.starts_with(name))
    }
}

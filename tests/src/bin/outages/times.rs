//! All times of a run: the settings of the processes, the lengths of outages, and the bounds of the judge.

use std::time::Duration;

use lethe_tests::config::Config;

/// The interval of a worker's sweeps for passed limits, which is no setting.
const SWEEP: Duration = Duration::from_secs(5);

/// The time that a busy machine may add to any step.
const BUSY: Duration = Duration::from_secs(2);

/// The times of a run, divided by its scale where a setting permits it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) scale: f64,
}

impl Times {
    /// Returns the times of a scale, which is 1 or more.
    pub(crate) fn new(scale: f64) -> Option<Self> {
        (scale.is_finite() && scale >= 1.0).then_some(Self { scale })
    }

    /// Returns so many seconds, divided by the scale.
    pub(crate) fn seconds(self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds / self.scale)
    }

    /// Returns two such times.
    pub(crate) fn between(self, from: f64, to: f64) -> [Duration; 2] {
        [self.seconds(from), self.seconds(to)]
    }

    /// Returns how long a job is tried without progress: shorter than the longest outages.
    pub(crate) fn limit(self) -> Duration {
        self.seconds(120.0)
    }

    /// Returns the time limit of a store call. Under a second, a busy machine would cause timeouts.
    pub(crate) fn store_timeout(self) -> Duration {
        self.seconds(8.0).max(Duration::from_secs(1))
    }

    fn lease(self) -> Duration {
        self.seconds(30.0).max(self.store_timeout() * 3)
    }

    fn retry_cap(self) -> Duration {
        self.seconds(10.0)
    }

    fn breaker_pause_cap(self) -> Duration {
        self.seconds(15.0)
    }

    fn poll(self) -> Duration {
        self.seconds(1.0).max(Duration::from_millis(100))
    }

    /// Returns how much later than its limit a job may end: a lease has to expire or a call to time out, and a worker
    /// has to sweep.
    pub(crate) fn tolerance(self) -> Duration {
        self.lease() + self.store_timeout() + self.poll() + SWEEP + BUSY
    }

    /// Returns how long stores are healthy before each job must have continued: the longest waits between two retries,
    /// a dead worker's lease, and two calls.
    pub(crate) fn recovery(self) -> Duration {
        self.retry_cap() + self.breaker_pause_cap() + self.lease() + self.store_timeout() * 2 + self.poll() + BUSY
    }

    /// Returns how long an outage hinders workers after its end: a lost lease, a starting process.
    pub(crate) fn aftermath(self) -> Duration {
        self.lease() + self.store_timeout() + BUSY
    }

    /// Writes the times into the configuration of the processes.
    pub(crate) fn configure(self, config: Config) -> Config {
        let settings = [
            ("api.request_timeout", self.seconds(30.0).max(Duration::from_secs(3))),
            ("worker.poll", self.poll()),
            ("worker.store_timeout", self.store_timeout()),
            ("lease.duration", self.lease()),
            ("lease.renew_every", self.lease() / 3),
            ("retry.base", self.seconds(0.5).max(Duration::from_millis(20))),
            ("retry.cap", self.retry_cap()),
            ("retry.give_up_after", self.limit()),
            ("retry.breaker_pause", self.seconds(5.0)),
            ("retry.breaker_pause_cap", self.breaker_pause_cap()),
        ];
        settings.into_iter().fold(config, |config, (key, time)| {
            config.set(key, format!("{}ms", time.as_millis()))
        })
    }
}

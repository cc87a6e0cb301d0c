//! Every time of a run: what the processes are configured with, how long outages last, and what follows for the judge.

use std::time::Duration;

use lethe_tests::config::Config;

/// How often a worker looks for what has passed its limit; no setting.
const SWEEP: Duration = Duration::from_secs(5);

/// What a machine that is busy may add to anything.
const BUSY: Duration = Duration::from_secs(2);

/// The times of a run, all divided by its scale where a setting permits it.
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

    /// Returns two of these.
    pub(crate) fn between(self, from: f64, to: f64) -> [Duration; 2] {
        [self.seconds(from), self.seconds(to)]
    }

    /// How long a job is tried without progress: shorter than the longest outages.
    pub(crate) fn limit(self) -> Duration {
        self.seconds(120.0)
    }

    /// How long one call to a store may take; less than a second would be the machine's fault.
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

    /// How much later than its limit says a job may end: a lease has to end or a call has to be given up, and somebody has
    /// to look.
    pub(crate) fn tolerance(self) -> Duration {
        self.lease() + self.store_timeout() + self.poll() + SWEEP + BUSY
    }

    /// How long stores are well before each job must have gone on: the longest waits between two tries, a lease of a
    /// worker that died, and two calls.
    pub(crate) fn recovery(self) -> Duration {
        self.retry_cap() + self.breaker_pause_cap() + self.lease() + self.store_timeout() * 2 + self.poll() + BUSY
    }

    /// How long what hindered workers goes on to do so after its end: a lease that is lost, a process that starts.
    pub(crate) fn aftermath(self) -> Duration {
        self.lease() + self.store_timeout() + BUSY
    }

    /// Writes them into the configuration of the processes.
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

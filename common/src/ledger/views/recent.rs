//! The rate of a job over its last seconds: a moving average, which each record updates.

/// The milliseconds over which the rate is averaged. A job without progress for that long has the rate 0.
// A few batches of a large job, and long enough for a store that stalls for a moment.
const SPAN_MS: i64 = 10_000;

/// Returns the SQL expression for the rate of a job that has just accounted for `n` memories.
///
/// Older progress counts less the longer it is ago. With `n` memories every `dt` milliseconds the rate tends to `n / dt`.
// No record may fail by this. So no time counts that is in the future, after a clock was set back. And a rate near 0
// becomes 0: PostgreSQL refuses a quotient that is too small. Thousands of records without a memory would lead there.
pub(in crate::ledger) fn after(n: &str) -> String {
    format!(
        "(CASE WHEN rate < 0.000001 THEN 0.0 ELSE rate END * {SPAN_MS} + {n} * 1000)
            / ({SPAN_MS} + CASE WHEN progressed_at < {{now}} THEN {{now}} - progressed_at ELSE 0 END)"
    )
}

/// Returns the rate now, from the rate at the last progress. `started_ms` and `idle_ms` are the milliseconds since the
/// start and since the last progress.
#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
pub(super) fn now(rate: f64, started_ms: i64, idle_ms: i64) -> f64 {
    let (started_ms, idle_ms) = (started_ms.max(1), idle_ms.max(0));
    if idle_ms > SPAN_MS {
        return 0.0;
    }
    let span = SPAN_MS as f64;
    // The average began with 0. A young job would seem slow.
    let known = 1.0 - (-(started_ms as f64) / span).exp();
    rate * span / (span + idle_ms as f64) / known
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the rate of a job that records 100 memories a second, `seconds` after its start.
    #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
    fn steady(seconds: i64) -> f64 {
        let (mut rate, mut last) = (0.0, None);
        for second in 1..=seconds {
            let idle = last.map_or(0.0, |last: i64| (second - last) as f64 * 1_000.0);
            rate = (rate * 10_000.0 + 100.0 * 1_000.0) / (10_000.0 + idle);
            last = Some(second);
        }
        now(rate, seconds * 1_000, 0)
    }

    #[test]
    fn a_steady_job_has_its_rate_from_the_start() {
        for seconds in [1, 2, 5, 10, 60, 600] {
            let rate = steady(seconds);
            assert!((90.0..=115.0).contains(&rate), "{rate} after {seconds} s");
        }
    }

    #[test]
    fn the_rate_falls_while_nothing_moves_and_ends_at_none() {
        let rates = [0, 1_000, 5_000, 10_000, 10_001].map(|idle| now(100.0, 60_000, idle));
        assert!(rates.windows(2).all(|pair| pair[0] > pair[1]), "{rates:?}");
        assert!(rates[4].abs() < f64::EPSILON && rates[3] > 40.0, "{rates:?}");
        assert!(now(100.0, 0, -5_000).is_finite());
    }
}

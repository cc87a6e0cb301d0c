//! Whether the last due time of a schedule came before its last change. A refusal of that time may no longer hold.

use lethe_common::clock::{from_millis, to_millis};
use lethe_common::ledger::ScheduleRow;
use lethe_common::schedule::Times;

/// Returns whether the last due time of a schedule came before its last change.
// The ledger keeps no time of a refusal. The next time tells it: each run moves it on.
pub(in crate::console) fn is_due_before_change(row: &ScheduleRow) -> bool {
    let schedule = &row.schedule;
    row.next_run_at
        .is_some_and(|next| is_first_after(&schedule.cron, &schedule.time_zone, row.changed_at, next))
}

/// Returns whether `next` is the first time after the change, or an earlier time that was missed. Then no time after the
/// change has been due. Times that cannot be read tell nothing.
fn is_first_after(cron: &str, time_zone: &str, changed_at: i64, next: i64) -> bool {
    let (Ok(times), Some(changed)) = (Times::read(cron, time_zone), from_millis(changed_at)) else {
        return false;
    };
    let first = times.next_after(changed).map(to_millis);
    first.is_some_and(|first| next <= first)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn only_a_next_time_beyond_the_first_one_shows_a_run_since_the_change() {
        let millis = |at: &str| at.parse::<Timestamp>().unwrap().as_millisecond();
        let changed = millis("2030-01-31T12:00:00Z");
        for (next, expected) in [
            // It was missed, and is still due.
            ("2030-01-31T03:00:00Z", true),
            ("2030-02-01T03:00:00Z", true),
            ("2030-02-02T03:00:00Z", false),
        ] {
            let told = is_first_after("0 3 * * *", "UTC", changed, millis(next));
            assert_eq!(told, expected, "{next}");
        }
        assert!(!is_first_after("often", "UTC", changed, changed));
    }
}

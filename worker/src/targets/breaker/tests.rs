//! Tests of the breaker's pauses, pings and probes.

use futures::FutureExt as _;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const DOWN: Failure = of_vectors(ErrorCode::Unavailable);
const OTHER: TrialRole = TrialRole::Other;

/// Returns the failure of a vector store.
const fn of_vectors(code: ErrorCode) -> Failure {
    Failure {
        code,
        store: Some(StoreKind::Vector),
    }
}

/// Claims a partition as a probe.
fn probe(breakers: &Breakers, now: Instant) -> TrialRole {
    TrialRole::Probe(breakers.probes("main", now).unwrap())
}

/// Pings the stores, and gets an answer or none.
fn ping(breakers: &Breakers, answered: bool, now: Instant) {
    let trial = breakers.pings("main", now).unwrap();
    breakers.pinged("main", trial, answered, now);
}

#[test]
fn a_breaker_opens_probes_and_closes() {
    let breakers = Breakers::new(2, SECOND, 3 * SECOND);
    let start = Instant::now();
    breakers.failed("main", OTHER, DOWN, start);
    assert_eq!(breakers.allowed("main", start), Allowed::Yes, "one failure is none");
    assert_eq!(breakers.failed("main", OTHER, DOWN, start), SECOND);
    assert_eq!(breakers.allowed("main", start), Allowed::No);
    assert_eq!(breakers.allowed("other", start), Allowed::Yes);
    let later = start + SECOND;
    assert_eq!(breakers.allowed("main", later), Allowed::Ping);
    let trial = breakers.pings("main", later).unwrap();
    assert_eq!(breakers.allowed("main", later), Allowed::No, "one is on its way");
    breakers.pinged("main", trial, true, later);
    assert_eq!(breakers.allowed("main", later), Allowed::Probe);
    let probe = probe(&breakers, later);
    assert!(breakers.succeeded("main", probe));
    assert_eq!(breakers.allowed("main", start), Allowed::Yes);
    assert!(breakers.probes("main", later).is_none(), "it is closed");
}

#[test]
fn one_partition_probes_at_a_time() {
    let breakers = Breakers::new(1, SECOND, 3 * SECOND);
    let start = Instant::now();
    breakers.failed("main", OTHER, DOWN, start);
    let probed = start + SECOND;
    ping(&breakers, true, probed);
    assert_eq!(breakers.allowed("main", probed), Allowed::Probe);
    let probe = probe(&breakers, probed);
    assert_eq!(breakers.allowed("main", probed), Allowed::No, "one is on its way");
    assert_eq!(
        breakers.allowed("main", probed + SECOND),
        Allowed::Probe,
        "nothing was heard of it"
    );
    assert_eq!(
        breakers.failed("main", probe, DOWN, probed),
        2 * SECOND,
        "it says something new"
    );
    assert_eq!(
        breakers.failed("main", probe, DOWN, probed),
        2 * SECOND,
        "a second one does not"
    );
}

#[test]
fn a_partition_from_before_is_not_taken_for_the_probe() {
    let breakers = Breakers::new(1, SECOND, 3 * SECOND);
    let start = Instant::now();
    breakers.failed("main", OTHER, DOWN, start);
    let probed = start + SECOND;
    ping(&breakers, true, probed);
    let probe = probe(&breakers, probed);
    assert!(!breakers.succeeded("main", OTHER), "it may have used one store only");
    assert_eq!(
        breakers.failed("main", OTHER, DOWN, probed),
        SECOND,
        "the probe's pause"
    );
    let late = probed + 2 * SECOND;
    assert_eq!(breakers.went_down("main", OTHER, DOWN, late), Duration::ZERO);
    assert_eq!(breakers.allowed("main", late), Allowed::Probe, "no ping is needed");
    assert!(breakers.succeeded("main", probe), "it is still the probe");
    assert_eq!(breakers.allowed("main", late), Allowed::Yes);
}

#[test]
fn a_probe_that_works_on_is_not_taken_for_the_probe_of_a_later_trial() {
    let breakers = Breakers::new(1, SECOND, 3 * SECOND);
    let start = Instant::now();
    breakers.failed("main", OTHER, DOWN, start);
    ping(&breakers, true, start);
    let old = probe(&breakers, start);
    assert!(breakers.succeeded("main", old), "its first batch");
    breakers.failed("main", OTHER, DOWN, start);
    ping(&breakers, true, start);
    let new = probe(&breakers, start);

    assert!(!breakers.succeeded("main", old), "it may use one store only");
    assert_eq!(
        breakers.failed("main", old, DOWN, start),
        SECOND,
        "the pause of the new probe"
    );
    assert!(!breakers.learnt_nothing("main", old, start));
    assert_eq!(
        breakers.allowed("main", start),
        Allowed::No,
        "the new probe is on its way"
    );
    assert!(breakers.succeeded("main", new));
    assert_eq!(breakers.allowed("main", start), Allowed::Yes);
}

#[test]
fn a_late_ping_says_nothing_about_a_later_trial() {
    let breakers = Breakers::new(1, SECOND, 3 * SECOND);
    let start = Instant::now();
    breakers.failed("main", OTHER, DOWN, start);
    let slow = breakers.pings("main", start).unwrap();
    assert_eq!(breakers.pings("main", start + SECOND), Some(slow), "of the same trial");
    breakers.pinged("main", slow, true, start + SECOND);
    assert_eq!(breakers.pings("main", start + SECOND), None, "it was answered");
    let probe = probe(&breakers, start + SECOND);
    breakers.pinged("main", slow, true, start + SECOND);
    assert_eq!(
        breakers.allowed("main", start + SECOND),
        Allowed::No,
        "the probe goes on"
    );
    assert!(breakers.succeeded("main", probe));

    breakers.failed("main", OTHER, DOWN, start + SECOND);
    for answered in [true, false] {
        breakers.pinged("main", slow, answered, start + SECOND);
        assert_eq!(breakers.allowed("main", start + SECOND), Allowed::No);
        assert_eq!(breakers.allowed("main", start + 2 * SECOND), Allowed::Ping);
    }
    ping(&breakers, true, start + 2 * SECOND);
    assert_eq!(breakers.allowed("main", start + 2 * SECOND), Allowed::Probe);
}

#[test]
fn a_slow_probe_counts_though_another_one_followed() {
    let breakers = Breakers::new(1, SECOND, 3 * SECOND);
    let start = Instant::now();
    breakers.failed("main", OTHER, DOWN, start);
    ping(&breakers, true, start);
    let slow = probe(&breakers, start);
    probe(&breakers, start + SECOND);
    assert!(breakers.succeeded("main", slow));
}

#[test]
fn a_probe_that_asks_no_store_makes_room_for_another() {
    let breakers = Breakers::new(1, SECOND, 3 * SECOND);
    let start = Instant::now();
    breakers.failed("main", OTHER, DOWN, start);
    assert!(!breakers.learnt_nothing("main", OTHER, start), "it was no probe");
    assert_eq!(breakers.allowed("main", start), Allowed::No);
    let probed = start + SECOND;
    ping(&breakers, true, probed);
    let first = probe(&breakers, probed);
    assert!(breakers.learnt_nothing("main", first, probed));
    assert_eq!(breakers.allowed("main", probed), Allowed::Probe);
    let second = probe(&breakers, probed);
    assert!(breakers.succeeded("main", second));
    assert!(!breakers.learnt_nothing("main", second, probed));
    assert_eq!(breakers.allowed("main", probed), Allowed::Yes);
}

#[test]
fn a_breaker_with_nothing_to_probe_closes_and_opens_at_the_first_failure() {
    let breakers = Breakers::new(3, SECOND, 3 * SECOND);
    let start = Instant::now();
    breakers.went_down("main", OTHER, DOWN, start);
    breakers.idles("main", start);
    assert_eq!(breakers.allowed("main", start), Allowed::No, "no ping was answered");
    let answered = start + SECOND;
    ping(&breakers, true, answered);
    breakers.idles("main", answered);
    assert_eq!(breakers.allowed("main", answered), Allowed::Yes);
    assert_eq!(breakers.illness("main"), Some(DOWN.code));
    assert_eq!(
        breakers.failed("main", OTHER, DOWN, answered),
        2 * SECOND,
        "as if it had been a probe"
    );
    assert_eq!(
        breakers.failed("main", OTHER, DOWN, answered),
        2 * SECOND,
        "a second one says nothing new"
    );
    assert_eq!(breakers.allowed("main", answered), Allowed::No);
    assert_eq!(breakers.allowed("main", answered + 2 * SECOND), Allowed::Ping);
}

#[test]
fn a_breaker_waits_for_its_probe_while_nothing_else_is_due() {
    let breakers = Breakers::new(1, SECOND, 3 * SECOND);
    let start = Instant::now();
    breakers.failed("main", OTHER, DOWN, start);
    ping(&breakers, true, start);
    let probe = probe(&breakers, start);
    breakers.idles("main", start + SECOND);
    assert_eq!(breakers.allowed("main", start + SECOND), Allowed::No);
    assert_eq!(breakers.allowed("main", start + 2 * SECOND), Allowed::Probe);
    assert!(breakers.succeeded("main", probe));
}

#[test]
fn a_failing_probe_doubles_the_pause_up_to_its_cap() {
    let breakers = Breakers::new(1, SECOND, 3 * SECOND);
    let start = Instant::now();
    assert_eq!(breakers.failed("main", OTHER, DOWN, start), SECOND);
    assert_eq!(
        breakers.failed("main", OTHER, DOWN, start),
        SECOND,
        "a call that was under way does not count"
    );
    assert_eq!(breakers.failed("main", OTHER, DOWN, start + SECOND), 2 * SECOND);
    assert_eq!(breakers.failed("main", OTHER, DOWN, start + 3 * SECOND), 3 * SECOND);
}
#[test]
fn a_store_that_answers_no_ping_is_left_alone_longer() {
    let breakers = Breakers::new(3, SECOND, 3 * SECOND);
    let start = Instant::now();
    assert_eq!(breakers.went_down("main", OTHER, DOWN, start), SECOND, "at once");
    ping(&breakers, false, start + SECOND);
    assert_eq!(breakers.allowed("main", start + 2 * SECOND), Allowed::No);
    assert_eq!(breakers.allowed("main", start + 3 * SECOND), Allowed::Ping);
}

#[test]
fn what_was_under_way_when_it_opened_does_not_close_it() {
    let breakers = Breakers::new(1, SECOND, 3 * SECOND);
    let start = Instant::now();
    breakers.failed("main", OTHER, DOWN, start);
    assert!(!breakers.succeeded("main", OTHER));
    assert_eq!(breakers.allowed("main", start), Allowed::No);
}

#[test]
fn a_slow_target_is_ill_until_a_call_succeeds() {
    let breakers = Breakers::new(2, SECOND, 3 * SECOND);
    breakers.was_slow("main", of_vectors(ErrorCode::Busy));
    assert_eq!(breakers.allowed("main", Instant::now()), Allowed::Yes);
    assert!(breakers.illness("main") == Some(ErrorCode::Busy) && breakers.illness("other").is_none());
    assert!(!breakers.succeeded("main", OTHER), "it was closed");
    assert!(breakers.illness("main").is_none());
}

#[test]
fn an_illness_is_news_once() {
    let breakers = Breakers::new(2, SECOND, SECOND);
    let is_news = || breakers.fell_ill().now_or_never().is_some();
    breakers.was_slow("main", DOWN);
    assert!(is_news());
    breakers.failed("main", OTHER, DOWN, Instant::now());
    assert!(!is_news(), "the same");
    breakers.was_slow("main", of_vectors(ErrorCode::Timeout));
    assert!(is_news(), "another");
    breakers.succeeded("main", OTHER);
    breakers.was_slow("main", of_vectors(ErrorCode::Timeout));
    assert!(is_news(), "again");
}

#[test]
fn the_course_of_an_illness_has_its_length_and_the_next_attempt() {
    let breakers = Breakers::new(2, SECOND, 3 * SECOND);
    let start = Instant::now();
    assert_eq!(breakers.course("main", start), None);
    breakers.failed("main", OTHER, DOWN, start);
    let closed = breakers.course("main", start).unwrap();
    assert_eq!(closed.1, None, "it is not open yet");
    breakers.failed("main", OTHER, of_vectors(ErrorCode::Timeout), start);
    let later = Instant::now() + SECOND;
    let (length, next) = breakers.course("main", later).unwrap();
    assert!(length >= SECOND, "another error is the same illness");
    assert!(next.unwrap() <= SECOND);
}

#[test]
fn an_open_breaker_blames_the_store_that_failed_last() {
    let breakers = Breakers::new(2, SECOND, 3 * SECOND);
    let start = Instant::now();
    let open = || [StoreKind::Sql, StoreKind::Vector].map(|store| breakers.is_open("main", store));
    breakers.failed("main", OTHER, DOWN, start);
    assert_eq!(open(), [false, false], "one failure is none");
    breakers.failed("main", OTHER, DOWN, start);
    assert_eq!(open(), [false, true]);
    let of_sql = Failure {
        store: Some(StoreKind::Sql),
        ..DOWN
    };
    breakers.failed("main", OTHER, of_sql, start);
    assert_eq!(open(), [true, false]);
    let of_one = Failure { store: None, ..DOWN };
    breakers.failed("main", OTHER, of_one, start);
    assert_eq!(open(), [true, true], "the error does not tell");
}

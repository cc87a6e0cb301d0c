//! The name, the unit and the help text of every metric.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

pub(super) const JOBS_ACCEPTED: &str = "lethe_jobs_accepted_total";
pub(super) const JOBS_ENDED: &str = "lethe_jobs_ended_total";
pub(super) const JOBS: &str = "lethe_jobs";
pub(super) const JOBS_OVERDUE: &str = "lethe_jobs_overdue";
pub(super) const JOBS_DUE_SOON: &str = "lethe_jobs_due_soon";
pub(super) const OLDEST_JOB: &str = "lethe_oldest_unfinished_job_age_seconds";
pub(super) const SELECTED: &str = "lethe_memories_selected_total";
pub(super) const MEMORIES: &str = "lethe_memories_total";
pub(super) const RESIDUE: &str = "lethe_residue_total";
pub(super) const RUNS: &str = "lethe_schedule_runs_total";
pub(super) const REMAINING: &str = "lethe_memories_remaining";
pub(super) const UNSERVED: &str = "lethe_target_unserved";
pub(super) const UNFIT: &str = "lethe_mappings_unfit";
pub(super) const PAUSED: &str = "lethe_paused";
pub(super) const WORKERS_GONE: &str = "lethe_workers_gone";
pub(super) const LOG_LAG: &str = "lethe_log_lag_seconds";
pub(super) const LOG_ENTRIES: &str = "lethe_log_entries_total";
pub(super) const RECEIPTS_UNSEQUENCED: &str = "lethe_receipts_unsequenced";
pub(super) const HOLDS: &str = "lethe_holds";
pub(super) const HOLDS_UNSETTLED: &str = "lethe_holds_unsettled";
/// The label of a job. Prometheus takes `job` for itself.
pub(super) const JOB_ID: &str = "job_id";
pub(super) const JOB_PROGRESS: &str = "lethe_job_progress_ratio";
pub(super) const JOB_RATE: &str = "lethe_job_erased_per_second";

pub(super) const ATTEMPTS: &str = "lethe_partition_attempts_total";
pub(super) const RETRIES: &str = "lethe_retries_total";
pub(super) const IN_PROGRESS: &str = "lethe_partitions_in_progress";
pub(super) const QUEUE_WAIT: &str = "lethe_queue_wait_seconds";
pub(super) const JOB_DURATION: &str = "lethe_job_duration_seconds";
pub(super) const STORE_CALL: &str = "lethe_store_call_duration_seconds";
pub(super) const BREAKER: &str = "lethe_breaker_open";
pub(super) const LAST_CLAIM: &str = "lethe_worker_last_claim_timestamp_seconds";
pub(super) const DEPENDENCY_UP: &str = "lethe_dependency_up";
pub(super) const DEPENDENCY_LATENCY: &str = "lethe_dependency_latency_seconds";
pub(super) const RINGS: &str = "lethe_doorbell_rings_total";
pub(super) const MISSES: &str = "lethe_doorbell_misses_total";
pub(super) const BUILD: &str = "lethe_build_info";
pub(super) const HTTP_REQUESTS: &str = "lethe_http_requests_total";
pub(super) const AUTH_FAILURES: &str = "lethe_authentication_failures_total";
pub(super) const CONNECTIONS: &str = "lethe_http_connections";
pub(super) const TURNED_AWAY: &str = "lethe_http_connections_refused_total";
pub(super) const REQUESTS_REFUSED: &str = "lethe_http_requests_refused_total";
pub(super) const BODY_BYTES: &str = "lethe_http_body_bytes";
pub(super) const CERTIFICATE: &str = "lethe_certificate_expiry_timestamp_seconds";
pub(super) const AUDIT_UNWRITTEN: &str = "lethe_audit_unwritten_total";
pub(super) const HTTP_DURATION: &str = "lethe_http_request_duration_seconds";

/// From one millisecond (a ring, a notification, in one process) to one hour (a backlog).
const WAITS: [f64; 18] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
];

/// From ten milliseconds (one memory, no wait) to one day (a purge).
const COMPLETIONS: [f64; 17] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0,
];

/// From one millisecond to ten seconds, just above a store's time limit.
const CALLS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// From one millisecond to one minute: a caller may wait for the end of a job, or send a large body.
const REQUESTS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// The buckets of every histogram.
pub(super) const BUCKETS: [(&str, &[f64]); 4] = [
    (QUEUE_WAIT, &WAITS),
    (JOB_DURATION, &COMPLETIONS),
    (STORE_CALL, &CALLS),
    (HTTP_DURATION, &REQUESTS),
];

/// The metrics that are read from the ledger: name, type, help.
pub(super) const SERVICE: [(&str, &str, &str); 22] = [
    (
        JOBS_ACCEPTED,
        "counter",
        "Jobs accepted, each retry counted anew. Equals the sum of lethe_jobs_ended_total plus the sum of lethe_jobs without state receiving.",
    ),
    (
        JOBS_ENDED,
        "counter",
        "Jobs ended, by outcome; each ending of a job that was retried counts.",
    ),
    (JOBS, "gauge", "Jobs that have not ended, by state."),
    (
        JOBS_OVERDUE,
        "gauge",
        "Jobs that have not ended, are not held, and whose deadline has passed.",
    ),
    (
        JOBS_DUE_SOON,
        "gauge",
        "Jobs that have not ended, are not held, and are due soon, the overdue ones left out.",
    ),
    (
        OLDEST_JOB,
        "gauge",
        "Age of the oldest job that has not ended. Held jobs, and jobs whose targets are all paused, are left out.",
    ),
    (
        SELECTED,
        "counter",
        "Memories that jobs selected, per store. When no job is unfinished, it equals the sum of lethe_memories_total over outcomes.",
    ),
    (
        MEMORIES,
        "counter",
        "Memories per store, by outcome; counted from the stores' answers.",
    ),
    (
        RESIDUE,
        "counter",
        "Residue: memories that a read-back still found, per store; erased in a further round.",
    ),
    (
        RUNS,
        "counter",
        "Due times of schedules, by outcome: fired (a job was created), skipped (the previous job had not ended), refused (the job was not accepted).",
    ),
    (
        REMAINING,
        "gauge",
        "Memories selected by unfinished jobs that have no outcome yet.",
    ),
    (
        UNSERVED,
        "gauge",
        "Mappings with due work that no worker serves; any value above zero is unexpected.",
    ),
    (
        UNFIT,
        "gauge",
        "Mappings that do not fit the schema of their stores, as a worker reports; any value above zero is unexpected.",
    ),
    (PAUSED, "gauge", "1 while the target is paused: no new batch begins."),
    (
        WORKERS_GONE,
        "gauge",
        "Workers that reported within the last hour and report no more. Those that stopped in order, or that a later start replaced, do not count.",
    ),
    (
        LOG_LAG,
        "gauge",
        "Age of the oldest receipt or event of the audit trail that no signed checkpoint of the log covers; 0 without one.",
    ),
    (
        LOG_ENTRIES,
        "counter",
        "Entries of the log: receipts and events of the audit trail.",
    ),
    (
        RECEIPTS_UNSEQUENCED,
        "gauge",
        "Receipts without a signature and a place in the log; 100000 stands for more.",
    ),
    (HOLDS, "gauge", "Legal holds in force."),
    (
        HOLDS_UNSETTLED,
        "gauge",
        "Legal holds that changed or got held jobs, and whose jobs no API has looked for since; more than 0 for seconds only.",
    ),
    (
        JOB_PROGRESS,
        "gauge",
        "Part of a job's memories that have an outcome; the largest running jobs only.",
    ),
    (
        JOB_RATE,
        "gauge",
        "Memories of a job that get an outcome per second; the largest running jobs only.",
    ),
];

/// Describes the metrics of this process.
pub(super) fn describe() {
    describe_counter!(ATTEMPTS, Unit::Count, "Attempts at partitions, by kind.");
    describe_counter!(
        RETRIES,
        Unit::Count,
        "Attempts that did not finish their partition, by class and code: transient (retried later), permanent (given up), rescue (taken over from a dead worker), lease_lost (another worker has the partition)."
    );
    describe_gauge!(IN_PROGRESS, Unit::Count, "Partitions that this worker holds.");
    describe_histogram!(
        QUEUE_WAIT,
        Unit::Seconds,
        "Time from the moment when a job could start to the first claim of its work."
    );
    describe_histogram!(
        JOB_DURATION,
        Unit::Seconds,
        "Time from the moment when a job could start to its end."
    );
    describe_histogram!(
        STORE_CALL,
        Unit::Seconds,
        "Duration of calls to stores, failed ones included."
    );
    describe_gauge!(
        BREAKER,
        Unit::Count,
        "1 while the circuit breaker of a target is open, and this store caused the last failure."
    );
    describe_gauge!(
        LAST_CLAIM,
        Unit::Seconds,
        "Time of the last claim by this worker that the ledger answered."
    );
    describe_gauge!(
        DEPENDENCY_UP,
        Unit::Count,
        "1 while the dependency of this process answers."
    );
    describe_gauge!(
        DEPENDENCY_LATENCY,
        Unit::Seconds,
        "Duration of the last answer of the dependency."
    );
    describe_counter!(
        RINGS,
        Unit::Count,
        "Notifications between processes to look in the ledger. A failed one is sent again."
    );
    describe_counter!(
        MISSES,
        Unit::Count,
        "Due work that polling found without a notification."
    );
    describe_gauge!(BUILD, Unit::Count, "1, labelled with the version.");
    describe_counter!(
        AUTH_FAILURES,
        Unit::Count,
        "Requests with refused credentials, by reason. `limited`: refused without a check, because earlier requests from the same address failed."
    );
    describe_gauge!(CONNECTIONS, Unit::Count, "Connections of the process' HTTP port.");
    describe_counter!(
        TURNED_AWAY,
        Unit::Count,
        "Refused connections, by reason: all (all connections were in use), address (the address held as many as were free)."
    );
    describe_counter!(
        REQUESTS_REFUSED,
        Unit::Count,
        "Requests refused for a limit, by reason: body_bytes (no room for the body), caller_jobs (the caller had too many unfinished jobs), caller_ids (those jobs had too many ids)."
    );
    describe_gauge!(
        BODY_BYTES,
        Unit::Bytes,
        "Bytes of request bodies in memory that are not in the ledger yet."
    );
    describe_gauge!(
        CERTIFICATE,
        Unit::Seconds,
        "Time at which the certificate of the process' port ends."
    );
    describe_counter!(
        AUDIT_UNWRITTEN,
        Unit::Count,
        "Events of the audit trail that the ledger refused. Their acts and reads are refused too."
    );
    describe_counter!(HTTP_REQUESTS, Unit::Count, "Requests answered, by route template.");
    describe_histogram!(
        HTTP_DURATION,
        Unit::Seconds,
        "Time from a request's head to its answer's head."
    );
}

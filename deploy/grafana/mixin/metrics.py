"""The names of metrics and labels, as common/src/metrics/names.rs has them. A dashboard names none by itself.

deploy/check_files.py compares this table with the names in Rust.
"""

JOBS_ACCEPTED = "lethe_jobs_accepted_total"
JOBS_ENDED = "lethe_jobs_ended_total"
JOBS = "lethe_jobs"
OLDEST_JOB = "lethe_oldest_unfinished_job_age_seconds"
MEMORIES = "lethe_memories_total"
RESIDUE = "lethe_residue_total"
RUNS = "lethe_schedule_runs_total"
REMAINING = "lethe_memories_remaining"
UNSERVED = "lethe_target_unserved"
PAUSED = "lethe_paused"
WORKERS_GONE = "lethe_workers_gone"
JOB_PROGRESS = "lethe_job_progress_ratio"
JOB_RATE = "lethe_job_erased_per_second"

ATTEMPTS = "lethe_partition_attempts_total"
RETRIES = "lethe_retries_total"
IN_PROGRESS = "lethe_partitions_in_progress"
QUEUE_WAIT = "lethe_queue_wait_seconds"
JOB_DURATION = "lethe_job_duration_seconds"
STORE_CALL = "lethe_store_call_duration_seconds"
BREAKER = "lethe_breaker_open"
LAST_CLAIM = "lethe_worker_last_claim_timestamp_seconds"
DEPENDENCY_UP = "lethe_dependency_up"
DEPENDENCY_LATENCY = "lethe_dependency_latency_seconds"
RINGS = "lethe_doorbell_rings_total"
MISSES = "lethe_doorbell_misses_total"
BUILD = "lethe_build_info"

HTTP_REQUESTS = "lethe_http_requests_total"
HTTP_DURATION = "lethe_http_request_duration_seconds"
AUTH_FAILURES = "lethe_authentication_failures_total"
CONNECTIONS = "lethe_http_connections"
TURNED_AWAY = "lethe_http_connections_refused_total"
REQUESTS_REFUSED = "lethe_http_requests_refused_total"
BODY_BYTES = "lethe_http_body_bytes"
AUDIT_UNWRITTEN = "lethe_audit_unwritten_total"

PROCESSOR = "process_cpu_seconds_total"
MEMORY = "process_resident_memory_bytes"
OPEN_FILES = "process_open_fds"

# The label of a job of Lethe. `job` is Prometheus' own: the name in the scrape configuration.
JOB_ID = "job_id"

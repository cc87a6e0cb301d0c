//! A long queue and a long history, of other callers and another mapping.

use sqlx::{AnyPool, Executor};

use crate::support::route;

/// Waiting jobs, and as many ended ones. Half of each are by query, and half of the ended ones are forgotten. Each has a
/// request that may be repeated. Some of the waiting ones have a deadline, each another one.
const JOBS: &str = "
    INSERT INTO jobs (id, principal, state, kind, target, targets, dry_run, not_before, accepted_at, started_at, ended_at, touched_at,
        idle_since, forgotten_at, cleared, request, regulation, received_at, deadline_at)
    SELECT md5(s || n)::uuid::text, 'p', s, CASE WHEN n % 2 = 0 THEN 'query' ELSE 'ids' END, 'main', 'main', 0, t, t, t,
        CASE WHEN s = 'succeeded' THEN t END, t, t, CASE WHEN s = 'succeeded' AND n % 4 < 2 THEN t END,
        CASE WHEN s = 'succeeded' AND n % 4 < 2 THEN 1 ELSE 0 END, md5('request' || s || n),
        CASE WHEN s = 'queued' AND n % 8 = 0 THEN 'gdpr' END, CASE WHEN s = 'queued' AND n % 8 = 0 THEN 0 END,
        CASE WHEN s = 'queued' AND n % 8 = 0 THEN n END
    FROM generate_series(1, 20000) AS n, (VALUES ('queued'), ('succeeded')) AS states (s),
        (SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT AS t) AS now";

/// Each is due at another time. Otherwise PostgreSQL stores the equal entries of an index as one.
const PARTITIONS: &str = "
    INSERT INTO partitions (job_id, ordinal, kind, target, table_name, route, stores, weight, state, work, reads_back, size, remaining, due_at)
    SELECT id, 0, 'erase', 'main', 'memories', $1, 'sql', 0, CASE WHEN ended_at IS NULL THEN 'due' ELSE 'done' END, '{\"ids\":[]}', 1, 1, 1,
        not_before - ROW_NUMBER() OVER ()
    FROM jobs";

/// Rows of the other tables that grow.
const OTHERS: &str = "
    INSERT INTO counts (job_id, ordinal, store, outcome, n) SELECT id, 0, 'sql', 'erased', 1 FROM jobs WHERE ended_at IS NOT NULL;
    INSERT INTO dependents (job_id, target, table_name, n) SELECT id, 'main', 'turns', 1 FROM jobs WHERE ended_at IS NOT NULL;
    INSERT INTO items (job_id, outcome, store, table_name, memory_key, ordinal)
        SELECT id, 'absent', 'sql', 'memories', 'memory-0', 0 FROM jobs WHERE ended_at IS NOT NULL;
    INSERT INTO idempotency (principal, route, key_text, fingerprint, job_id, created_at)
        SELECT 'p', 'r', id, 'f', id, accepted_at FROM jobs WHERE ended_at IS NOT NULL;
    INSERT INTO audit_events (id, at, act, actor, effect, event) SELECT id, accepted_at, 'pause', 'p', 'done', '{}' FROM jobs WHERE ended_at IS NOT NULL;
    INSERT INTO receipts (id, job_id, ending, state, principal, target, targets, ended_at, body, head, signatures, log_index)
        SELECT id, id, 1, state, principal, 'main', 'main', ended_at, '{}', '{}', '[]', 1000000000 + ROW_NUMBER() OVER () FROM jobs WHERE ended_at IS NOT NULL;
    INSERT INTO log_entries (idx, entry) SELECT log_index, id FROM receipts;
    INSERT INTO log_tiles (level, n, width, hashes) SELECT 0, log_index, 1, id FROM receipts;
    INSERT INTO schedules (name, revision, principal, rights, target, cron, time_zone, job, paused, next_run_at, created_at, changed_at)
        SELECT id, id, 'p', '{}', 'main', '0 3 * * *', 'UTC', '{}', 0, 4000000000000, 1, 1 FROM jobs WHERE ended_at IS NOT NULL LIMIT 2000;
    INSERT INTO holds (name, revision, kind, ground, principal, created_at, changed_at, released_at, settled)
        SELECT id, 1, 'persons', 'other', 'p', 1, accepted_at, accepted_at, 1 FROM jobs WHERE ended_at IS NOT NULL LIMIT 2000;
    INSERT INTO job_holds (job_id, hold, revision, ground, n) SELECT id, id, 1, 'other', 1 FROM jobs WHERE ended_at IS NOT NULL;
    INSERT INTO api_keys (name, sha256, scopes, created_at, created_by)
        SELECT id, id, '[]', 1, 'p' FROM jobs WHERE ended_at IS NOT NULL LIMIT 2000;
    INSERT INTO revoked_keys (sha256, name, revoked_at) SELECT id, id, accepted_at FROM jobs WHERE ended_at IS NOT NULL";

/// Fills all tables that grow.
pub(super) async fn fill(pool: &AnyPool) {
    pool.execute(JOBS).await.unwrap();
    let partitions = sqlx::query(PARTITIONS).bind(route().to_string());
    partitions.execute(pool).await.unwrap();
    pool.execute(OTHERS).await.unwrap();
}

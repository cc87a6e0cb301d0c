-- The rights of Lethe's processes on the ledger's tables. Run this as their owner, after each `lethe migrate`:
--
--     psql -v ON_ERROR_STOP=1 -d lethe -U lethe_migrate -f deploy/grants/ledger.sql
--
-- Each role gets what its process needs, and no more. roles.sql makes the roles. A test compares this file with the
-- migrations, another one runs an API and a worker with these rights.
--
-- The rights are replaced in one transaction: processes go on meanwhile.

BEGIN;

-- A new table is open to its owner only. So the tables of a later migration are closed to these roles until that version's
-- ledger.sql opens them.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, lethe_api, lethe_worker, lethe_retention;

-- A process starts only on a ledger that has all migrations.
GRANT SELECT ON _sqlx_migrations TO lethe_api, lethe_worker;

-- Only the API accepts jobs. Workers delete jobs and idempotency keys whose retention has passed. The API deletes
-- uploads that broke off.
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs TO lethe_api;
GRANT SELECT, UPDATE, DELETE ON jobs TO lethe_worker;
GRANT SELECT, INSERT, DELETE ON job_labels TO lethe_api;
GRANT SELECT, DELETE ON job_labels TO lethe_worker;
GRANT SELECT, INSERT, UPDATE (fingerprint), DELETE ON idempotency TO lethe_api;
GRANT SELECT, DELETE ON idempotency TO lethe_worker;

-- Workers record results. A retry by the API replaces those that it repeats.
GRANT SELECT, INSERT, UPDATE, DELETE ON partitions TO lethe_api, lethe_worker;
GRANT SELECT, UPDATE (n), DELETE ON counts TO lethe_api;
GRANT SELECT, INSERT, UPDATE (n), DELETE ON counts TO lethe_worker;
GRANT SELECT ON dependents TO lethe_api;
GRANT SELECT, INSERT, UPDATE (n), DELETE ON dependents TO lethe_worker;
GRANT SELECT, INSERT, DELETE ON items TO lethe_api, lethe_worker;

-- Sums only grow: nobody deletes them.
GRANT SELECT, INSERT, UPDATE (n) ON totals TO lethe_api, lethe_worker;

-- The API pauses, and workers obey.
GRANT SELECT, INSERT, DELETE ON pauses, past_pauses TO lethe_api;
GRANT SELECT ON pauses, past_pauses TO lethe_worker;

-- Workers report, and publish their mappings. The API retires mappings that no worker has.
GRANT SELECT ON workers TO lethe_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON workers TO lethe_worker;
GRANT SELECT, DELETE ON siblings TO lethe_api;
GRANT SELECT, INSERT, DELETE ON siblings TO lethe_worker;
GRANT SELECT, UPDATE (n) ON revisions TO lethe_api, lethe_worker;

-- The API places and releases holds. A worker reads which memories they keep, but not who demands them. It marks a hold when
-- a job becomes held by it.
GRANT SELECT, INSERT, UPDATE, DELETE ON holds TO lethe_api;
GRANT SELECT (name, revision, target, table_name, kind, selection, ground, released_at), UPDATE (settled) ON holds TO lethe_worker;
GRANT SELECT, DELETE ON job_holds TO lethe_api;
GRANT SELECT, INSERT, UPDATE (n), DELETE ON job_holds TO lethe_worker;

-- Schedules, keys and secrets are the API's alone. A worker does not see them.
GRANT SELECT, INSERT, UPDATE, DELETE ON schedules TO lethe_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON api_keys, revoked_keys TO lethe_api;
GRANT SELECT, INSERT ON secrets TO lethe_api;

-- The audit trail: the API adds and reads events, and nobody changes one. A worker sees how old events are, so that it
-- can warn if `lethe forget-audit` does not run.
GRANT SELECT, INSERT ON audit_events TO lethe_api;
GRANT SELECT (at) ON audit_events TO lethe_worker;
GRANT SELECT (id, at), DELETE ON audit_events TO lethe_retention;

-- Receipts: the process that ends a job adds one, the API signs them and gives them their places in the log. Nobody deletes
-- one: its text and its names leave with its retention.
GRANT SELECT, INSERT, UPDATE (facts, counts, workers, held, body, head, signatures, log_index) ON receipts TO lethe_api;
GRANT SELECT, INSERT ON receipts TO lethe_worker;
GRANT SELECT (id, ended_at, body, log_index), UPDATE (body, head, signatures, principal, target, targets) ON receipts TO lethe_retention;

-- The log is the API's alone: workers hold no signing key. Entries are only added. `lethe sequence` has this role too.
GRANT SELECT, INSERT, UPDATE (retired_at) ON signing_keys TO lethe_api;
GRANT SELECT, UPDATE ON log_head TO lethe_api;
GRANT SELECT, INSERT ON log_entries TO lethe_api;
GRANT SELECT, INSERT, UPDATE (width, hashes) ON log_tiles TO lethe_api;
GRANT SELECT, INSERT, DELETE ON log_pending TO lethe_api;

COMMIT;

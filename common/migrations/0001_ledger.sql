-- The ledger. One text for PostgreSQL and SQLite: only BIGINT and TEXT (and a pace, which may be a fraction), times in
-- milliseconds of the database's own clock since 1970, flags as 0 and 1, lists as JSON text.

-- One accepted deletion each.
CREATE TABLE jobs (
    id             TEXT PRIMARY KEY,          -- UUID version 7: sorts by acceptance
    version        BIGINT NOT NULL DEFAULT 1, -- grows with every change a caller can see
    principal      TEXT NOT NULL,             -- who asked
    state          TEXT NOT NULL,             -- common/src/state.rs
    kind           TEXT NOT NULL,             -- 'ids', 'query' or 'subject'
    target         TEXT,                      -- as asked; NULL: the only one, or all for a subject
    targets        TEXT NOT NULL,             -- those that it is about, sorted, with commas between; empty while its ids are uploaded
    table_name     TEXT,
    subject        TEXT,                      -- JSON; personal data, leaves with the retention
    query          TEXT,                      -- JSON: a filter; personal data, leaves with the retention
    owner          TEXT,                      -- personal data, leaves with the retention
    workspace      TEXT,
    memory_kind    TEXT,                      -- the kind, where one table holds several
    dry_run        BIGINT NOT NULL,
    max_selected   BIGINT,                    -- `limit`
    expect         TEXT,                      -- the digest that the selection must have, or nothing is touched; leaves with the retention
    per_second     DOUBLE PRECISION,          -- NULL: as fast as it can
    throttled_till BIGINT NOT NULL DEFAULT 0, -- no batch of a throttled job starts before
    reserved_at    BIGINT,                    -- when the last batch of a throttled job was let begin
    throttled_ms   BIGINT NOT NULL DEFAULT 0, -- for how long in all, what is still to be waited for included
    batch_size     BIGINT,                    -- the most memories of a batch, where somebody said so
    max_memories   BIGINT,                    -- of a query: the most memories that it takes of what matches
    aborts         BIGINT NOT NULL DEFAULT 0, -- 1: a memory that changed in between stops it; 2: one has
    slices         BIGINT,                    -- of a query: the number of slices by which callers see its counts; NULL: none
    request        TEXT,                      -- keyed hash of the request, where the same one joins the job while it has not ended; leaves with the retention
    owed           BIGINT NOT NULL DEFAULT 0, -- whether a caller was told to ask again, and has not heard the end
    opaque_id      TEXT,                      -- what the caller calls the request; leaves with the retention
    task_forgotten BIGINT NOT NULL DEFAULT 0, -- whether its result as a task was deleted
    schedule       TEXT,                      -- the name of the schedule that made it
    reference      TEXT,                      -- a caller's own name for it, declared free of personal data
    labels         TEXT,                      -- JSON: a caller's own words about it by key, declared so too; NULL: none
    windows        TEXT,                      -- JSON: when its batches may begin; NULL: at any time
    lenient        BIGINT NOT NULL DEFAULT 0, -- whether a value that no column can hold is nobody's, and no mistake
    trace          TEXT,                      -- W3C traceparent of the request
    not_before     BIGINT NOT NULL,
    accepted_at    BIGINT NOT NULL,
    started_at     BIGINT,
    ended_at       BIGINT,
    held_at        BIGINT,                    -- since when only holds keep memories of it; NULL: it is not held
    progressed_at  BIGINT,                    -- the last record of this attempt that made progress, or the last change of its windows
    idle_since     BIGINT,                    -- since when it has made no progress, at the earliest: common/src/ledger/ending/give_up.rs; NULL while its ids are uploaded, and while it is held
    rate           DOUBLE PRECISION NOT NULL DEFAULT 0, -- memories accounted for in a second when it last made progress: common/src/ledger/advance/update.rs
    accounted      BIGINT NOT NULL DEFAULT 0, -- memories that this attempt has accounted for
    sampled_at     BIGINT,                    -- when the last sample was added
    course         TEXT,                      -- samples with commas between them, `milliseconds since the start:accounted`: common/src/ledger/views/course.rs; NULL: none
    touched_at     BIGINT NOT NULL,           -- the last step of an upload
    forgotten_at   BIGINT,                    -- when ids and personal data left
    attempt        BIGINT NOT NULL DEFAULT 1, -- 1 + retries asked for by a person
    settled        BIGINT NOT NULL DEFAULT 0, -- memories that earlier attempts erased or found absent
    attempts       TEXT,                      -- JSON: what each of the earlier attempts did
    carried        TEXT,                      -- JSON: counts per store that the present attempt began with
    round          BIGINT NOT NULL DEFAULT 0, -- read-back rounds that found something
    selected       BIGINT NOT NULL DEFAULT 0, -- memories this job is about
    listed         BIGINT NOT NULL DEFAULT 0, -- ids that its request lists: those of an upload so far
    unfinished     BIGINT NOT NULL DEFAULT 0, -- partitions of the present phase that have not ended
    next_ordinal   BIGINT NOT NULL DEFAULT 0,
    failures       BIGINT NOT NULL DEFAULT 0, -- partitions that failed for good in this attempt
    skipped        BIGINT NOT NULL DEFAULT 0, -- partitions of this attempt whose table cannot hold what the job demands
    error_code     TEXT,                      -- the last error, a word of a closed list
    snapshot       TEXT,                      -- of a query: 'created_at', 'batch' or 'plan': how it tells what was there at the start
    version_erased BIGINT,                    -- of a job with one id: the version that its row had
    warnings       TEXT,                      -- JSON objects with commas between them: what somebody should know
    preview        TEXT,                      -- JSON: what a look found in each table; leaves with the retention
    summary        TEXT,                      -- counts per store, once the partitions are gone
    cleared        BIGINT NOT NULL DEFAULT 0, -- of a forgotten job: whether its ids and partitions are gone
    endings        BIGINT NOT NULL DEFAULT 0, -- times it has ended or become held, each with a receipt
    fingerprint_key TEXT,                     -- 64 hexadecimal digits, of this job alone; leaves with the retention
    fingerprints   TEXT,                      -- JSON: keyed hashes of the request and of the persons it names, none in clear
    places         TEXT,                      -- JSON: targets, tables and collections, by the names of the mapping
    regulation     TEXT,                      -- 'gdpr', 'ccpa' or a regime of the configuration; NULL: no deadline
    legal_ground   TEXT,                      -- of Article 17(1): common/src/receipt/ground.rs
    received_at    BIGINT,                    -- when the person asked, of a job with a deadline
    deadline_at    BIGINT,                    -- when it is due; after an extension, the later time
    extended_from  BIGINT,                    -- when it was due before its extension; NULL: not extended
    extension      TEXT                       -- why it was extended: 'complexity' or 'number_of_requests'
);
-- Of several partial indexes that serve a statement, PostgreSQL may read all of a wrong one, if it knows little of the table.
-- So each index spells its columns or its condition in a way that no other index has, and the statements spell them alike.

-- Lists of jobs: common/src/ledger/views/ways.rs. Each filter has an index of its own in the order of ids, the newest last.
CREATE INDEX jobs_by_principal ON jobs (('' || principal), (id || ''));
CREATE INDEX jobs_by_state ON jobs ((state || ''), (id || ''));
-- '' stands for several targets.
CREATE INDEX jobs_by_target ON jobs (COALESCE(target || '', ''), (id || ''));
-- Most jobs are by ids: a list of them reads the newest jobs.
CREATE INDEX jobs_by_kind ON jobs ((kind || ''), (id || '')) WHERE kind <> 'ids';
CREATE INDEX jobs_by_error ON jobs ((error_code || ''), (id || '')) WHERE error_code IS NOT NULL;
CREATE INDEX jobs_by_schedule ON jobs ((schedule || ''), (id || '')) WHERE schedule IS NOT NULL;
CREATE INDEX jobs_by_reference ON jobs ((reference || ''), (id || '')) WHERE reference IS NOT NULL;
-- The limits of a caller count entries of this index. On SQLite they read no row: for that, it has `ended_at` too. PostgreSQL
-- reads the rows that changed since the last vacuum. No column of it changes with a record, which would cost PostgreSQL a
-- new entry in every index.
CREATE INDEX jobs_unfinished_by_principal ON jobs (principal, not_before, listed, ended_at) WHERE ended_at IS NULL AND held_at IS NULL;
CREATE INDEX jobs_unfinished ON jobs (state, accepted_at) WHERE ended_at IS NULL;
-- Tasks in pages: a page must read neither the millions that have ended, nor all that wait, nor those of other callers and
-- targets. '' stands for several targets.
CREATE INDEX jobs_tasks ON jobs ((CASE WHEN ended_at IS NULL AND kind = 'query' AND dry_run = 0 THEN '' END), ('' || id))
    WHERE CASE WHEN ended_at IS NULL AND kind = 'query' AND dry_run = 0 THEN '' END IS NOT NULL;
CREATE INDEX jobs_tasks_by_principal ON jobs ((CASE WHEN ended_at IS NULL AND kind = 'query' AND dry_run = 0 THEN principal END), ('' || id))
    WHERE CASE WHEN ended_at IS NULL AND kind = 'query' AND dry_run = 0 THEN principal END IS NOT NULL;
CREATE INDEX jobs_tasks_by_target ON jobs ((CASE WHEN ended_at IS NULL AND kind = 'query' AND dry_run = 0 THEN COALESCE(target, '') END), ('' || id))
    WHERE CASE WHEN ended_at IS NULL AND kind = 'query' AND dry_run = 0 THEN COALESCE(target, '') END IS NOT NULL;
-- What a scrape asks for: it must not read a million that wait.
CREATE INDEX jobs_windowed ON jobs (id) WHERE CASE WHEN ended_at IS NULL AND held_at IS NULL THEN windows END IS NOT NULL;
CREATE INDEX jobs_oldest ON jobs (targets, not_before) WHERE ended_at IS NULL AND windows IS NULL AND held_at IS NULL;
CREATE INDEX jobs_idle ON jobs (targets, idle_since) WHERE ended_at IS NULL AND idle_since IS NOT NULL;
-- One unfinished job for each request that may be repeated; the ended ones make room by themselves.
CREATE UNIQUE INDEX jobs_by_request ON jobs ((CASE WHEN ended_at IS NULL THEN request END), principal)
    WHERE CASE WHEN ended_at IS NULL THEN request END IS NOT NULL;
CREATE INDEX jobs_owed ON jobs (principal, request) WHERE owed = 1;
-- What forgetting looks for: it must not read the millions that have ended.
CREATE INDEX jobs_to_forget ON jobs (ended_at) WHERE ended_at IS NOT NULL AND forgotten_at IS NULL;
CREATE INDEX jobs_to_clear ON jobs (forgotten_at) WHERE forgotten_at IS NOT NULL AND cleared = 0;
CREATE INDEX jobs_to_drop ON jobs (ended_at) WHERE cleared = 1;
-- Lists of unfinished jobs with a deadline, in the order of ids. Most jobs of a queue may have one.
CREATE INDEX jobs_by_deadline ON jobs ((id || ''), (CASE WHEN ended_at IS NULL THEN deadline_at + 0 END))
    WHERE CASE WHEN ended_at IS NULL THEN deadline_at + 0 END IS NOT NULL;
-- What a scrape counts of them: those that are overdue or due soon, few of them.
CREATE INDEX jobs_due ON jobs ((CASE WHEN ended_at IS NULL AND held_at IS NULL THEN deadline_at END))
    WHERE CASE WHEN ended_at IS NULL AND held_at IS NULL THEN deadline_at END IS NOT NULL;
-- The labels of jobs, for lists by label. `jobs.labels` is what callers read.
CREATE TABLE job_labels (
    job_id TEXT NOT NULL,
    label  TEXT NOT NULL, -- the key, a colon and the value; no key has a colon
    PRIMARY KEY (job_id, label)
);
CREATE INDEX job_labels_by_label ON job_labels ((label || ''), (job_id || ''));

-- The part of a job that one worker does at a time.
CREATE TABLE partitions (
    job_id      TEXT NOT NULL,
    ordinal     BIGINT NOT NULL,
    kind        TEXT NOT NULL,             -- 'check', 'plan', 'erase', 'read_back' or 'preview'
    target      TEXT NOT NULL,
    table_name  TEXT NOT NULL,
    route       TEXT NOT NULL,             -- target, table and mapping digest: who may claim it
    stores      TEXT NOT NULL,             -- 'sql', 'vector' or 'sql,vector': where its memories are accounted for
    weight      BIGINT NOT NULL,           -- 0: small, may share calls with others; -1: small, and its caller has few; 1: runs alone; from 2: one of many, the more the more of its job come before it
    state       TEXT NOT NULL,             -- 'blocked', 'due', 'running', 'done', 'failed', 'cancelled'; 'past': of an earlier attempt's plan, kept for its counts
    alias       BIGINT NOT NULL DEFAULT 0, -- of a subject: by which of the owner's names; 0 is the first
    work        TEXT NOT NULL,             -- JSON: ids, a key range, or all of a subject or a query
    reads_back  BIGINT NOT NULL,           -- 1: it is asked again when everything is erased; 2: it was, before a hold was released
    progress    TEXT,                      -- JSON: how far it is
    snapshot    TEXT,                      -- JSON: what was there when the job began; NULL: all that is there
    found       TEXT,                      -- JSON: what a look at it found
    intent      TEXT,                      -- JSON: the batch that has begun; common/README.md
    size        BIGINT NOT NULL,           -- memories it was made for
    remaining   BIGINT NOT NULL,           -- memories not accounted for yet
    due_at      BIGINT NOT NULL,           -- who may claim it from when: the next attempt while it is due, the lease's end while it runs
    lease_token BIGINT NOT NULL DEFAULT 0, -- grows with every claim: the fence
    worker      TEXT,
    rescues     BIGINT NOT NULL DEFAULT 0, -- leases that ran out since anything was recorded
    failures    BIGINT NOT NULL DEFAULT 0, -- failed attempts since anything was recorded
    error_code  TEXT,
    PRIMARY KEY (job_id, ordinal)
);
-- By mapping: a mapping that a worker does not have, or may not claim now, can have any number of partitions. It includes the
-- columns that a scrape sums, so that a scrape reads no row.
CREATE INDEX partitions_queue ON partitions (route, weight, due_at, target, remaining) WHERE state IN ('due', 'running');
-- What runs alone, so that it is found behind any number of small ones.
CREATE INDEX partitions_alone ON partitions (route, weight, due_at)
    WHERE state IN ('due', 'running') AND (weight > 0 OR state = 'running');

-- What became of the memories of a partition, per store.
CREATE TABLE counts (
    job_id  TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    store   TEXT NOT NULL, -- 'sql' or 'vector', of the partition's target
    outcome TEXT NOT NULL, -- common/src/job.rs; 'residue' beside them
    n       BIGINT NOT NULL,
    PRIMARY KEY (job_id, ordinal, store, outcome)
);

-- How many rows of dependent tables went with a job's memories, in all of its attempts.
CREATE TABLE dependents (
    job_id     TEXT NOT NULL,
    target     TEXT NOT NULL,
    table_name TEXT NOT NULL, -- the dependent table, as the mapping writes it
    n          BIGINT NOT NULL,
    PRIMARY KEY (job_id, target, table_name)
);

-- The memories that were not simply erased; personal data, leaves with the retention. With the outcome 'erased': what an
-- earlier attempt erased of a memory that is asked for again.
CREATE TABLE items (
    job_id     TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    store      TEXT NOT NULL,
    table_name TEXT NOT NULL,
    memory_key TEXT NOT NULL,   -- the id where it is short; common/src/ledger/types/memory_key.rs
    memory_id  TEXT,            -- the id where its key is another; NULL: the key
    code       TEXT,
    ordinal    BIGINT NOT NULL, -- its partition
    PRIMARY KEY (job_id, outcome, memory_key, table_name, store, ordinal)
);

-- Which request made which job.
CREATE TABLE idempotency (
    principal   TEXT NOT NULL,
    route       TEXT NOT NULL,
    key_text    TEXT NOT NULL,
    fingerprint TEXT NOT NULL, -- keyed hash of the request; empty while its upload runs
    job_id      TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (principal, route, key_text)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);
CREATE INDEX idempotency_by_job ON idempotency (job_id);

-- Monotonic sums, each row written by few processes; they outlive the jobs they count.
CREATE TABLE totals (
    slot    BIGINT NOT NULL, -- spreads the writers, so that they seldom wait for each other
    metric  TEXT NOT NULL,
    target  TEXT NOT NULL,
    store   TEXT NOT NULL,
    outcome TEXT NOT NULL,
    n       BIGINT NOT NULL,
    PRIMARY KEY (slot, metric, target, store, outcome)
);

-- Deletions that recur.
CREATE TABLE schedules (
    name         TEXT PRIMARY KEY,
    revision     TEXT NOT NULL,   -- another one with every change of what it does
    principal    TEXT NOT NULL,   -- who wrote it, in whose name its jobs run
    rights       TEXT NOT NULL,   -- JSON: what its writer could do then; personal data, leaves with the schedule
    target       TEXT,            -- the one target that its jobs are about; NULL: several
    cron         TEXT NOT NULL,
    time_zone    TEXT NOT NULL,   -- as IANA calls it
    job          TEXT NOT NULL,   -- JSON: the body of the request for its jobs; personal data, leaves with the schedule
    reference    TEXT,            -- of its jobs
    labels       TEXT,            -- JSON, of its jobs; NULL: none
    windows      TEXT,            -- JSON: when batches of its jobs may begin; NULL: at any time
    paused       BIGINT NOT NULL,
    next_run_at  BIGINT,          -- what was missed is in the past, and is caught up once; NULL: never again
    last_run_at  BIGINT,          -- when it last made a job
    last_job     TEXT,            -- the job that it last made
    last_outcome TEXT,            -- of its last time: 'fired', 'skipped' or 'refused'
    last_problem TEXT,            -- why that was refused
    skipped      BIGINT NOT NULL DEFAULT 0, -- times at which the job before had not ended
    refused      BIGINT NOT NULL DEFAULT 0, -- times at which its job could not be accepted
    created_at   BIGINT NOT NULL,
    changed_at   BIGINT NOT NULL
);
CREATE INDEX schedules_by_principal ON schedules (principal, (name || ''));
CREATE INDEX schedules_by_target ON schedules (target, ('' || name));
-- What the console names: few of them.
CREATE INDEX schedules_refused ON schedules (name) WHERE last_outcome = 'refused' AND paused = 0;
CREATE INDEX schedules_due ON schedules (next_run_at, name) WHERE next_run_at IS NOT NULL AND paused = 0;

-- Legal holds: memories that no job may erase. A released one stays, without what it names, for the retention of the audit
-- trail.
CREATE TABLE holds (
    name        TEXT PRIMARY KEY,
    revision    BIGINT NOT NULL,  -- of `revisions` at its last change
    target      TEXT,             -- NULL: all
    table_name  TEXT,             -- NULL: all
    kind        TEXT NOT NULL,    -- 'everything', 'persons', 'ids', 'workspaces' or 'query'
    selection   TEXT,             -- JSON: common/src/hold.rs; personal data, leaves with the release
    said_by     TEXT,             -- who demands it, in the caller's words; personal data, leaves with the release
    ground      TEXT NOT NULL,    -- common/src/receipt/ground.rs
    reference   TEXT,             -- a caller's name for the case, declared free of personal data
    principal   TEXT NOT NULL,    -- who wrote it
    until_at    BIGINT,           -- NULL: until it is released
    created_at  BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL,
    released_at BIGINT,           -- NULL: in force
    settled     BIGINT NOT NULL   -- 0: jobs that it held back may have to be queued again
);
CREATE INDEX holds_in_force ON holds ((name || '')) WHERE released_at IS NULL;
CREATE INDEX holds_expiring ON holds (until_at) WHERE released_at IS NULL AND until_at IS NOT NULL;
CREATE INDEX holds_unsettled ON holds (('' || name)) WHERE settled = 0;
CREATE INDEX holds_to_forget ON holds (released_at) WHERE released_at IS NOT NULL;

-- How many memories of a job each hold keeps. A retry or a release empties the job's rows.
CREATE TABLE job_holds (
    job_id   TEXT NOT NULL,
    hold     TEXT NOT NULL,
    revision BIGINT NOT NULL, -- of the hold that the worker had read
    ground   TEXT NOT NULL,
    n        BIGINT NOT NULL,
    PRIMARY KEY (job_id, hold, revision)
);
CREATE INDEX job_holds_by_hold ON job_holds (hold, job_id, revision);

-- What is paused: '*' or a target's name.
CREATE TABLE pauses (
    scope     TEXT PRIMARY KEY,
    paused_at BIGINT NOT NULL
);

-- What was paused, as far back as the oldest unfinished job: these times count for no job's limit.
CREATE TABLE past_pauses (
    scope      TEXT NOT NULL,
    paused_at  BIGINT NOT NULL,
    resumed_at BIGINT NOT NULL
);
CREATE INDEX past_pauses_by_end ON past_pauses (resumed_at);

-- Who works.
CREATE TABLE workers (
    name          TEXT PRIMARY KEY,
    version       TEXT NOT NULL,
    slots         BIGINT NOT NULL,
    routes        TEXT NOT NULL, -- JSON: what it claims
    siblings      TEXT NOT NULL, -- JSON: the keys of its mappings in `siblings`
    targets       TEXT NOT NULL, -- JSON: health and mapping faults of each target
    troubles      TEXT NOT NULL, -- JSON: of these, what keeps jobs waiting; small, since it is read with each waiting job
    started_at    BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    last_claim_at BIGINT
);

-- Which mappings share a collection or a table: each that a worker has had there, until somebody retires it, or a
-- newer version of the same mapping takes its place.
CREATE TABLE siblings (
    place        TEXT NOT NULL,   -- a hash of where the collection or the table is; no URL, no secret
    kind         TEXT NOT NULL,   -- 'collection', 'table' or 'owners'
    identity     TEXT NOT NULL,   -- a hash of the mapping's names and its scope
    target       TEXT NOT NULL,
    table_name   TEXT NOT NULL,
    scope        TEXT NOT NULL,   -- JSON: hashes of the constants that tell its memories from those of others
    published_at BIGINT NOT NULL,
    PRIMARY KEY (place, identity)
);

-- Counts changes of what workers remember: a claim names the revision that its worker has read.
CREATE TABLE revisions (
    name TEXT PRIMARY KEY,
    n    BIGINT NOT NULL
);
INSERT INTO revisions (name, n) VALUES ('siblings', 0), ('holds', 0);

-- Keys that Lethe made itself; only hashes.
CREATE TABLE api_keys (
    name       TEXT PRIMARY KEY,
    sha256     TEXT NOT NULL, -- of its newest secret
    previous_sha256 TEXT,     -- of the secret before the last rotation, if there was one
    previous_until BIGINT,    -- when that secret stops; it may have stopped
    scopes     TEXT NOT NULL, -- JSON
    bound_user TEXT,          -- the one person it reaches, if any; personal data, leaves with the key
    workspaces TEXT,          -- JSON: those it reaches; NULL: all
    targets    TEXT,          -- JSON: those it reaches; NULL: all
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    last_used_at BIGINT       -- written once a minute at most
);
CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (sha256);
CREATE UNIQUE INDEX api_keys_by_previous_hash ON api_keys (previous_sha256);

-- Secrets of keys that were replaced or revoked; only hashes. The audit trail names a key that is used after that. A row
-- leaves with the first rotation or revocation a year later.
CREATE TABLE revoked_keys (
    sha256     TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    revoked_at BIGINT NOT NULL
);
CREATE INDEX revoked_keys_by_time ON revoked_keys (revoked_at);

-- The audit trail: who did what, beside deleting. Rows are never updated; they leave with their retention.
CREATE TABLE audit_events (
    id     TEXT PRIMARY KEY, -- a UUID of version 7, in the order of time
    at     BIGINT NOT NULL,
    act    TEXT NOT NULL,
    actor  TEXT NOT NULL,
    effect TEXT NOT NULL,
    event  TEXT NOT NULL     -- JSON, canonical: the same event has the same bytes for ever
);
CREATE INDEX audit_events_by_time ON audit_events (at);
CREATE INDEX audit_events_by_act ON audit_events (act, id);
CREATE INDEX audit_events_by_actor ON audit_events (actor, id);
CREATE INDEX audit_events_by_effect ON audit_events (effect, id);

-- One receipt for each ending of a job, and for each time that it becomes held. The transaction of that event writes the
-- facts. The sequencer makes the body of them, and signs it.
CREATE TABLE receipts (
    id         TEXT PRIMARY KEY,     -- UUID version 7
    job_id     TEXT NOT NULL,
    ending     BIGINT NOT NULL,      -- jobs.endings after this ending: 1, 2, …
    state      TEXT NOT NULL,        -- 'succeeded', 'failed', 'cancelled' or 'held'
    principal  TEXT NOT NULL,        -- who asked: it may be read after the job itself was deleted
    target     TEXT NOT NULL,        -- the only one; empty: several
    targets    TEXT NOT NULL,        -- as in jobs
    ended_at   BIGINT NOT NULL,
    facts      TEXT,                 -- JSON: columns of the job at its end; NULL once it is signed
    counts     TEXT,                 -- JSON: its counts at its end; NULL once it is signed
    workers    TEXT,                 -- JSON: who ran it; NULL once it is signed
    held       TEXT,                 -- JSON: the holds that kept memories; NULL: none, or signed
    body       TEXT,                 -- JSON: the statement, byte for byte; NULL until it is signed, and after its retention
    head       TEXT,                 -- JSON: issuer and key id, set with the signature
    signatures TEXT,                 -- JSON: [{"keyid","sig"}]
    log_index  BIGINT                -- its place in the log; NULL: not signed yet
);
-- A second receipt for one ending is refused.
CREATE UNIQUE INDEX receipts_by_ending ON receipts (job_id, ending);
CREATE INDEX receipts_unsequenced ON receipts (id) WHERE log_index IS NULL;
CREATE UNIQUE INDEX receipts_by_index ON receipts (log_index) WHERE log_index IS NOT NULL;
CREATE INDEX receipts_to_forget ON receipts (ended_at) WHERE body IS NOT NULL;
-- Lists: common/src/ledger/receipts/list.rs.
CREATE INDEX receipts_by_principal ON receipts (principal, ('' || id));
CREATE INDEX receipts_by_target ON receipts (target, (id || ''));

-- Public keys that have signed receipts and checkpoints. They stay.
CREATE TABLE signing_keys (
    key_id     TEXT PRIMARY KEY, -- 64 hexadecimal digits: the SHA-256 of the public key
    algorithm  TEXT NOT NULL,    -- 'Ed25519'
    public_key TEXT NOT NULL,    -- Base64
    made_at    BIGINT NOT NULL,
    retired_at BIGINT            -- since when it signs no more; NULL: it signs
);

-- The head of the log of receipts and audit events: one row. Its lease says which process adds to the log.
CREATE TABLE log_head (
    id          BIGINT PRIMARY KEY, -- 1
    size        BIGINT NOT NULL,    -- entries
    root        TEXT NOT NULL,      -- Base64 of the Merkle tree's root
    checkpoint  TEXT,               -- the last that was signed; NULL: none yet
    signed      BIGINT NOT NULL,    -- its size
    worker      TEXT,               -- who holds the lease
    lease_token BIGINT NOT NULL,    -- grows with every claim: the fence
    lease_until BIGINT NOT NULL,
    moved_at    BIGINT NOT NULL     -- when the last entries were added
);
-- The root of an empty tree is the SHA-256 of nothing.
INSERT INTO log_head (id, size, root, checkpoint, signed, worker, lease_token, lease_until, moved_at)
    VALUES (1, 0, '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=', NULL, 0, NULL, 0, 0, 0);

-- The entries of the log: hashes of receipts and audit events, no personal data.
CREATE TABLE log_entries (
    idx   BIGINT PRIMARY KEY,
    entry TEXT NOT NULL
);

-- The hashes of the Merkle tree, in tiles of 256. The last tile of a level grows: it serves every smaller width too.
CREATE TABLE log_tiles (
    level  BIGINT NOT NULL,
    n      BIGINT NOT NULL,
    width  BIGINT NOT NULL,
    hashes TEXT NOT NULL, -- Base64 of width times 32 bytes
    PRIMARY KEY (level, n)
);

-- Audit events that have no place in the log yet.
CREATE TABLE log_pending (
    id    TEXT PRIMARY KEY, -- of the event
    entry TEXT NOT NULL,
    at    BIGINT NOT NULL
);

-- Secrets of the installation itself, made once; beside them the mark that the first API key was made.
CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL -- hexadecimal; the signing key is PEM
);

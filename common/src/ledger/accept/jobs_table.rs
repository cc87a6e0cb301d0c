//! Jobs as rows, and their insertion.

use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::fingerprints;
use super::new_job::NewJob;
use crate::ledger::db::{Inner, LedgerError};
use crate::ledger::types::warning;
use crate::receipt::ErasureGround;
use crate::state::State;

/// Inserts jobs in a state.
pub(super) async fn insert_jobs(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: &[&NewJob],
    state: State,
) -> Result<(), LedgerError> {
    let sql = format!("-- ledger::accept jobs\n{INSERT_JOBS}");
    let rows = job_rows(jobs, state);
    sqlx::query(inner.sql(&sql)).bind(rows).execute(tx).await?;
    Ok(())
}

/// Returns jobs as rows for [`INSERT_JOBS`].
pub(super) fn job_rows(jobs: &[&NewJob], state: State) -> String {
    let rows: Vec<Value> = jobs
        .iter()
        .map(|job| {
            let deadline = job.execution.legal.deadline.as_ref();
            let selected: u64 = job.partitions.iter().map(|partition| partition.remaining).sum();
            let mut row = json!({
                "id": job.id, "principal": job.scope.principal, "state": state.as_str(),
                "kind": job.kind(),
                "target": job.target, "targets": Vec::from_iter(job.targets()).join(","), "table": job.table,
                "subject": job.subject.as_ref().map(|subject| json!(subject).to_string()),
                "query": job.query.as_ref().map(|query| json!(query).to_string()),
                "owner": job.owner, "workspace": job.workspace, "memory_kind": job.memory_kind, "dry_run": i64::from(job.dry_run),
                "limit": job.limit, "expect": job.expect, "per_second": job.per_second, "batch": job.execution.batch, "max_memories": job.execution.max_memories,
                "aborts": i64::from(job.execution.aborts), "slices": job.execution.slices, "opaque_id": job.execution.opaque_id,
                "schedule": job.execution.schedule, "windows": job.execution.windows.as_ref().map(|windows| json!(windows).to_string()),
                "lenient": i64::from(job.execution.lenient), "reference": job.execution.marks.reference, "labels": job.execution.marks.labels_text(),
                "regulation": deadline.map(|deadline| &deadline.regulation), "ground": job.execution.legal.ground.map(ErasureGround::as_str),
                "received_at": deadline.map(|deadline| deadline.received_at), "deadline_at": deadline.map(|deadline| deadline.due_at),
                "trace": job.trace, "not_before": job.not_before, "request": job.request,
                "selected": selected, "listed": job.ids(), "unfinished": job.partitions.len(),
            });
            // An upload gets its fingerprints at its end, with all ids.
            if state != State::Receiving {
                let (key, fingerprints) = fingerprints::columns(job);
                (row["fingerprint_key"], row["fingerprints"]) = (json!(key), json!(fingerprints));
            }
            row["places"] = json!(json!(job.places).to_string());
            row["warnings"] = json!(warning::texts(&job.warnings));
            row
        })
        .collect();
    Value::Array(rows).to_string()
}

/// Inserts the rows in `$1`, in the format of [`job_rows`].
pub(super) const INSERT_JOBS: &str =
        "INSERT INTO jobs (id, principal, state, kind, target, targets, table_name, subject, query, owner, workspace, memory_kind, dry_run,
            max_selected, expect, per_second, batch_size, max_memories, aborts, slices, opaque_id, schedule, windows, lenient, reference, labels,
            regulation, legal_ground, received_at, deadline_at, trace, not_before, request,
            idle_since, accepted_at, touched_at, fingerprint_key, fingerprints, places, warnings, selected, listed, unfinished,
            next_ordinal)
        SELECT e.value->>'id', e.value->>'principal', e.value->>'state', e.value->>'kind', e.value->>'target', e.value->>'targets',
            e.value->>'table', e.value->>'subject', e.value->>'query', e.value->>'owner', e.value->>'workspace', e.value->>'memory_kind',
            CAST(e.value->>'dry_run' AS BIGINT), CAST(e.value->>'limit' AS BIGINT), e.value->>'expect',
            CAST(e.value->>'per_second' AS DOUBLE PRECISION), CAST(e.value->>'batch' AS BIGINT),
            CAST(e.value->>'max_memories' AS BIGINT), CAST(e.value->>'aborts' AS BIGINT), CAST(e.value->>'slices' AS BIGINT), e.value->>'opaque_id', e.value->>'schedule', e.value->>'windows', CAST(e.value->>'lenient' AS BIGINT), e.value->>'reference', e.value->>'labels',
            e.value->>'regulation', e.value->>'ground', CAST(e.value->>'received_at' AS BIGINT), CAST(e.value->>'deadline_at' AS BIGINT), e.value->>'trace',
            COALESCE(CAST(e.value->>'not_before' AS BIGINT), {now}), e.value->>'request',
            CASE WHEN e.value->>'state' = {job.receiving} THEN NULL WHEN CAST(e.value->>'not_before' AS BIGINT) > {now}
                THEN CAST(e.value->>'not_before' AS BIGINT) ELSE {now} END, {now}, {now},
            e.value->>'fingerprint_key', e.value->>'fingerprints', e.value->>'places', e.value->>'warnings',
            CAST(e.value->>'selected' AS BIGINT), CAST(e.value->>'listed' AS BIGINT), CAST(e.value->>'unfinished' AS BIGINT),
            CAST(e.value->>'unfinished' AS BIGINT)
        FROM {each} WHERE TRUE";

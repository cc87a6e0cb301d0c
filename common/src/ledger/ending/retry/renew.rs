//! The partitions with which the next attempt begins.

use sqlx::AnyConnection;

use super::settled::Open;
use crate::ledger::db::{Inner, LedgerError};

/// The columns that are reset when a partition is due again.
const FRESH: &str = "state = {partition.due}, due_at = {now}, rescues = 0, failures = 0, error_code = NULL";

/// Makes all partitions of a dry run due again.
pub(super) async fn dry_run(inner: &Inner, tx: &mut AnyConnection, id: &str) -> Result<(), LedgerError> {
    let sql = format!(
        "-- ledger::retry dry run
        UPDATE partitions SET {FRESH}, remaining = size, progress = NULL, intent = NULL, snapshot = NULL, found = NULL
        WHERE job_id = $1"
    );
    let counts = "-- ledger::retry no counts\nDELETE FROM counts WHERE job_id = $1".to_owned();
    let items = "-- ledger::retry no items\nDELETE FROM items WHERE job_id = $1".to_owned();
    all(inner, tx, id, &[sql, counts, items]).await
}

/// The columns of a partition that another attempt inserts.
pub(in crate::ledger::ending) const COLUMNS: &str =
    "job_id, ordinal, kind, target, table_name, route, stores, weight, state, alias, work, reads_back, size,
            remaining, due_at";

/// Sets the next ordinal after the inserted partitions.
pub(in crate::ledger::ending) const NEXT: &str = "-- ledger::retry next
        UPDATE jobs SET next_ordinal = (SELECT MAX(ordinal) + 1 FROM partitions WHERE job_id = $1) WHERE id = $1";

/// Lets the lists and plans of the request be read back again, in place of the partitions that a release of a hold made.
/// Those have only parts of them.
const WHOLE: &str = "-- ledger::retry whole
        UPDATE partitions SET reads_back = reads_back - 1
        WHERE job_id = $1 AND reads_back > 0 AND (SELECT MAX(reads_back) FROM partitions WHERE job_id = $1) = 2";

/// Plans a subject or a query anew: erased memories no longer match. Partitions of the last plan keep only their
/// counts.
///
/// A new plan does not find the memories that a batch deleted without a record. The intent of such a batch becomes a
/// partition of its own, without other work. Planning waits until that partition has ended. Otherwise memories that
/// the batch has not deleted yet would be selected twice.
pub(super) async fn unlisted(inner: &Inner, tx: &mut AnyConnection, id: &str) -> Result<(), LedgerError> {
    let begun = format!(
        "-- ledger::retry begun
        INSERT INTO partitions ({COLUMNS}, snapshot, intent)
        SELECT p.job_id, j.next_ordinal + ROW_NUMBER() OVER (ORDER BY p.ordinal) - 1, {{kind.erase}}, p.target, p.table_name, p.route,
            p.stores, 1, {{partition.due}}, p.alias, CASE WHEN p.work LIKE '{{\"listed\":%' THEN '{{\"listed\":[]}}' ELSE '{{\"ids\":[]}}' END,
            0, 0, 0, {{now}}, p.snapshot, p.intent
        FROM partitions p JOIN jobs j ON j.id = p.job_id WHERE p.job_id = $1 AND p.kind = {{kind.erase}} AND p.intent IS NOT NULL"
    );
    let past = "-- ledger::retry past
        UPDATE partitions SET state = {partition.past}, remaining = 0, work = '{\"ids\":[]}', reads_back = 0, progress = NULL,
            intent = NULL, snapshot = NULL, found = NULL
        WHERE job_id = $1 AND state <> {partition.due} AND (reads_back = 0 OR work LIKE '{\"listed\":%')"
        .to_owned();
    let plans = format!(
        "-- ledger::retry plans
        UPDATE partitions SET {FRESH}, remaining = size, progress = NULL, intent = NULL, snapshot = NULL, found = NULL,
            kind = {{kind.plan}}
        WHERE job_id = $1 AND state NOT IN ({{partition.past}}, {{partition.due}})"
    );
    all(inner, tx, id, &[WHOLE.to_owned(), begun, past, plans, NEXT.to_owned()]).await
}

/// Continues lists of ids where they stopped. Earlier memories that are not settled get partitions of their own. The
/// original lists read them back.
pub(super) async fn listed(inner: &Inner, tx: &mut AnyConnection, id: &str) -> Result<(), LedgerError> {
    let open = Open::Unsettled.memories();
    let is_open = format!("ordinal IN (SELECT ordinal FROM {open} u)");
    let has_settled = "EXISTS (SELECT 1 FROM counts c WHERE c.job_id = $1 AND c.ordinal = partitions.ordinal AND c.outcome <> {residue})";
    let again = format!(
        "-- ledger::retry again
        INSERT INTO partitions ({COLUMNS})
        SELECT p.job_id, j.next_ordinal + ROW_NUMBER() OVER (ORDER BY p.ordinal) - 1, {{kind.erase}}, p.target, p.table_name, p.route,
            p.stores, CASE WHEN p.weight > 0 THEN p.weight ELSE 1 END, {{partition.due}}, p.alias, '{{\"ids\":' || u.ids || '}}', 0, u.n,
            u.n, {{now}}
        FROM (SELECT ordinal, CAST({{list}}(COALESCE(memory_id, memory_key)) AS TEXT) AS ids, COUNT(*) AS n FROM {open} o GROUP BY ordinal) u
        JOIN partitions p ON p.job_id = $1 AND p.ordinal = u.ordinal
        JOIN jobs j ON j.id = p.job_id
        WHERE p.intent IS NOT NULL OR EXISTS (
            SELECT 1 FROM counts c WHERE c.job_id = $1 AND c.ordinal = p.ordinal AND c.outcome <> {{residue}})"
    );
    let anew = format!(
        "-- ledger::retry anew
        UPDATE partitions SET {FRESH}, kind = {{kind.erase}}, remaining = size, progress = NULL, intent = NULL
        WHERE job_id = $1 AND {is_open} AND intent IS NULL AND NOT {has_settled}"
    );
    // A batch that had begun is finished first, by its intent.
    let left = format!(
        "-- ledger::retry left
        UPDATE partitions SET {FRESH}, kind = {{kind.erase}}
        WHERE job_id = $1 AND state IN ({{partition.failed}}, {{partition.cancelled}}) AND remaining > 0"
    );
    let done = "-- ledger::retry done
        UPDATE partitions SET state = {partition.done}, kind = {kind.erase}, intent = NULL, error_code = NULL
        WHERE job_id = $1 AND state IN ({partition.failed}, {partition.cancelled})"
        .to_owned();
    let all_texts = [WHOLE.to_owned(), again, anew, left, done, nothing(), NEXT.to_owned()];
    all(inner, tx, id, &all_texts).await
}

/// Returns the statement that inserts an empty partition if none is due: an attempt with nothing to erase must still read
/// back.
pub(in crate::ledger::ending) fn nothing() -> String {
    format!(
        "-- ledger::retry nothing
        INSERT INTO partitions ({COLUMNS})
        SELECT p.job_id, j.next_ordinal, {{kind.erase}}, p.target, p.table_name, p.route, p.stores, 1, {{partition.due}}, p.alias,
            '{{\"ids\":[]}}', 0, 0, 0, {{now}}
        FROM jobs j JOIN partitions p ON p.job_id = j.id AND p.ordinal = 0
        WHERE j.id = $1 AND NOT EXISTS (SELECT 1 FROM partitions d WHERE d.job_id = $1 AND d.state || '' = {{partition.due}})"
    )
}

async fn all(inner: &Inner, tx: &mut AnyConnection, id: &str, texts: &[String]) -> Result<(), LedgerError> {
    for sql in texts {
        sqlx::query(inner.sql(sql)).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}

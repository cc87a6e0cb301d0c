//! Reading receipts: one, that of a job, or a page of them.

use std::collections::BTreeSet;

use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use crate::job::JobId;
use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::ledger::views::{SectionIndex, SectionIndexes, Whose, united};
use crate::receipt::dsse::{Envelope, Signature};
use crate::receipt::payload::payload;
use crate::state::State;

/// A receipt.
#[derive(Debug, Clone)]
pub struct ReceiptRow {
    /// Its id.
    pub id: Uuid,
    /// The job.
    pub job: JobId,
    /// The number of the ending: 1, and one more for each retry that ended.
    pub ending: u64,
    /// The state in which the job ended, or `held`.
    pub state: State,
    /// The caller that asked for the job.
    pub principal: String,
    /// The targets that the job was about.
    pub targets: BTreeSet<String>,
    /// The end, in milliseconds since 1970.
    pub ended_at: i64,
    /// Its place in the log; `None`: it is not signed yet.
    pub log_index: Option<u64>,
    /// Whether its retention has passed: the statement is deleted.
    pub is_forgotten: bool,
}

/// The receipts to list.
#[derive(Debug, Clone)]
pub struct ReceiptFilter {
    /// The filter by principal and target.
    pub whose: Whose,
    /// Only receipts of this job. `whose` then does not count: the caller checks each receipt.
    pub job: Option<JobId>,
    /// Only receipts of endings from this time on, in milliseconds since 1970.
    pub since: Option<i64>,
    /// The cursor: only receipts with a smaller id.
    pub after: Option<Uuid>,
    /// The most to return.
    pub limit: u32,
}

/// The time in milliseconds by which the clocks of a process and of the ledger may differ.
// The id of a receipt is of the process, and its end of the ledger.
const SKEW: i64 = 10 * 60 * 1000;

/// The columns of [`ReceiptRow`].
const ROW: &str = "id, job_id, ending, state, principal, targets, ended_at, log_index,
            CAST(CASE WHEN log_index IS NOT NULL AND body IS NULL THEN 1 ELSE 0 END AS BIGINT) AS forgotten";

/// The indexes of receipts.
// No two of them spell the key alike, as the indexes of jobs.
const INDEXES: SectionIndexes = SectionIndexes {
    all: SectionIndex {
        column: "''",
        key: "id",
    },
    principal: SectionIndex {
        column: "principal",
        key: "('' || id)",
    },
    target: SectionIndex {
        column: "target",
        key: "(id || '')",
    },
};

/// The receipts of a job.
// The key is spelled as no index of all receipts spells it: PostgreSQL then reads the few of the job, and sorts them.
const OF_JOB: SectionIndex = SectionIndex {
    column: "job_id",
    key: "(id || '')",
};

impl Ledger {
    /// Returns a receipt.
    pub async fn receipt(&self, id: Uuid) -> Result<Option<ReceiptRow>, LedgerError> {
        let text = format!("-- ledger::receipts one\nSELECT {ROW} FROM receipts WHERE id = $1");
        let query = sqlx::query(self.inner.sql(&text)).bind(id.to_string());
        let found = query.fetch_optional(&self.inner.read).await?;
        found.as_ref().map(row).transpose()
    }

    /// Returns the receipt of an ending of a job; without `ending` that of its last ending.
    pub async fn receipt_of(&self, job: JobId, ending: Option<u64>) -> Result<Option<ReceiptRow>, LedgerError> {
        let (first, last) = match ending.map(|ending| i64::try_from(ending).unwrap_or(i64::MAX)) {
            Some(ending) => (ending, ending),
            None => (0, i64::MAX),
        };
        let text = format!(
            "-- ledger::receipts of job
            SELECT {ROW} FROM receipts WHERE job_id = $1 AND ending >= $2 AND ending <= $3 ORDER BY ending DESC LIMIT 1"
        );
        let found = sqlx::query(self.inner.sql(&text))
            .bind(job.to_string())
            .bind(first)
            .bind(last)
            .fetch_optional(&self.inner.read)
            .await?;
        found.as_ref().map(row).transpose()
    }

    /// Lists receipts, the newest first.
    pub async fn receipts(&self, filter: &ReceiptFilter) -> Result<Vec<ReceiptRow>, LedgerError> {
        let job = filter.job.map(|job| job.to_string());
        let sections = match &job {
            Some(job) => vec![(OF_JOB, job.as_str())],
            None => sections(&filter.whose),
        };
        let pages = united(&sections, 5, |SectionIndex { column, key }, n| {
            format!(
                "SELECT {ROW} FROM receipts WHERE {column} = ${n} AND {key} < $1 AND {key} >= $3 AND ended_at >= $4
                ORDER BY {key} DESC LIMIT $2"
            )
        });
        let text = format!("-- ledger::receipts list\n{pages} ORDER BY id DESC LIMIT $2");
        let first = filter
            .since
            .map(|at| JobId::first_at(at.saturating_sub(SKEW)).to_string());
        let mut listing = sqlx::query(self.inner.sql(&text))
            .bind(filter.after.unwrap_or(Uuid::max()).to_string())
            .bind(i64::from(filter.limit))
            .bind(first.unwrap_or_default())
            .bind(filter.since.unwrap_or(i64::MIN));
        for (_, value) in sections {
            listing = listing.bind(value);
        }
        let read = listing.fetch_all(&self.inner.read).await?;
        read.iter().map(row).collect()
    }

    /// Returns a receipt as a signed file without its proof. Returns `None` if it is not signed yet, or its retention
    /// has passed.
    pub async fn envelope(&self, id: Uuid) -> Result<Option<Envelope>, LedgerError> {
        let found = sqlx::query(self.inner.sql(
            "-- ledger::receipts envelope
            SELECT id, head, body, signatures FROM receipts WHERE id = $1 AND body IS NOT NULL AND log_index IS NOT NULL",
        ))
        .bind(id.to_string())
        .fetch_optional(&self.inner.read)
        .await?;
        let Some(row) = found else { return Ok(None) };
        let (head, body): (String, String) = (row.try_get("head")?, row.try_get("body")?);
        let signatures: Vec<Signature> = rows::json(&row, "receipts", "signatures")?;
        Ok(Some(Envelope::new(&payload(&head, &body), signatures, None)))
    }
}

/// Returns the sections of a filter by principal and target.
fn sections(whose: &Whose) -> Vec<(SectionIndex, &str)> {
    let mut sections = whose.sections(&INDEXES);
    if matches!(whose, Whose::OfOrAbout(_, targets) if !targets.is_empty()) {
        // '' stands for several targets.
        sections.push((INDEXES.target, ""));
    }
    sections
}

fn row(row: &AnyRow) -> Result<ReceiptRow, LedgerError> {
    let targets: String = row.try_get("targets")?;
    let log_index: Option<i64> = row.try_get("log_index")?;
    Ok(ReceiptRow {
        id: rows::parsed(row, "receipts", "id")?,
        job: rows::parsed(row, "receipts", "job_id")?,
        ending: rows::number(row, "ending")?,
        state: rows::parsed(row, "receipts", "state")?,
        principal: row.try_get("principal")?,
        targets: targets
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        ended_at: row.try_get("ended_at")?,
        log_index: log_index.map(|index| u64::try_from(index).unwrap_or(0)),
        is_forgotten: row.try_get::<i64, _>("forgotten")? != 0,
    })
}

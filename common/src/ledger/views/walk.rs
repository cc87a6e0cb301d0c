//! Reading along an index in steps, until enough jobs fit or many were read.

use sqlx::Row;

use super::filter::JobFilter;
use super::only::Only;
use super::sections::united;
use super::ways::Way;
use crate::job::JobId;
use crate::ledger::db::{Inner, LedgerError, rows};

/// The number of values that a step binds before those of its conditions.
pub(super) const BOUND: usize = 3;

/// The factor by which each step is longer than the one before.
const GROWTH: usize = 4;

/// The most jobs of a step. Its rows are in memory together.
const LONGEST: usize = 5_000;

/// A walk along indexes.
pub(super) struct Walk<'a> {
    /// The name of the statement, as its first line has it.
    pub(super) name: &'static str,
    /// The ways, each with the value of its column.
    pub(super) ways: Vec<(Way, String)>,
    /// The jobs that are looked for. Its [`Only`] is `only`.
    pub(super) filter: &'a JobFilter,
    /// The conditions that a job must meet, for a statement that binds [`BOUND`] values of its own.
    pub(super) only: Only,
    /// The number of jobs after which the walk ends, whatever it has found.
    pub(super) most: usize,
}

/// The result of a walk.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Walked {
    /// The ids of jobs that fit, the newest first. At most the limit of the filter.
    pub(super) ids: Vec<JobId>,
    /// The cursor for the jobs that were not read; `None` if all were.
    pub(super) next: Option<JobId>,
    /// The number of jobs that were read.
    pub(super) read: usize,
}

impl Walk<'_> {
    /// Reads until the limit of the filter is reached, the ways end, or `most` jobs were read.
    // The first step is as long as the page, since mostly all jobs fit.
    pub(super) async fn go(self, inner: &Inner) -> Result<Walked, LedgerError> {
        let text = self.text();
        let limit = self.filter.limit as usize;
        let (first, mut before) = self.filter.range();
        let (mut walked, mut step) = (Walked::default(), limit.clamp(1, LONGEST));
        loop {
            let mut listing = sqlx::query(inner.sql(&text))
                .bind(before.to_string())
                .bind(i64::try_from(step).unwrap_or(i64::MAX))
                .bind(first.map(|id| id.to_string()).unwrap_or_default());
            let values = self.ways.iter().map(|(_, value)| value);
            for value in self.only.values.iter().chain(values) {
                listing = listing.bind(value);
            }
            let rows = listing.fetch_all(&inner.read).await?;
            for row in &rows {
                walked.read += 1;
                before = rows::parsed(row, "jobs", "id")?;
                if row.try_get::<i64, _>("fits")? != 0 {
                    walked.ids.push(before);
                }
                if walked.ids.len() >= limit {
                    walked.next = Some(before);
                    return Ok(walked);
                }
            }
            if rows.len() < step {
                return Ok(walked);
            }
            if walked.read >= self.most {
                walked.next = Some(before);
                return Ok(walked);
            }
            step = (step * GROWTH).min(LONGEST).min(self.most - walked.read);
        }
    }

    /// Returns the statement of a step.
    fn text(&self) -> String {
        let fits = format!("state <> {{job.receiving}}{}", self.only.text);
        let first = BOUND + self.only.values.len() + 1;
        let steps = united(&self.ways, first, |way, n| way.step(n, &fits));
        format!("-- {}\n{steps} ORDER BY id DESC LIMIT $2", self.name)
    }
}

//! Looking for the jobs that a changed hold kept, and queuing them again.

use sqlx::Row as _;

use crate::job::JobId;
use crate::ledger::db::{Ledger, LedgerError, rows};

/// The most jobs of one step.
const JOBS: i64 = 100;

/// The most holds that expire in one step.
const EXPIRED: usize = 100;

/// The result of a step in queuing jobs again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// The jobs that were queued again.
    pub requeued: Vec<JobId>,
    /// The cursor of the next step; absent: it begins with the first hold.
    pub after: Option<SettleCursor>,
    /// Whether the next step may have work now.
    pub more: bool,
}

/// The position of a step among the changed holds and their jobs.
// With a cursor, because a job that cannot be queued must not keep the others, nor their holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleCursor {
    hold: String,
    at: At,
}

/// The position among the jobs of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the first.
    Start,
    /// After this one.
    After(JobId),
    /// After the last.
    End,
}

/// The jobs to queue again of one hold.
struct Look {
    hold: String,
    from: At,
    jobs: Vec<JobId>,
}

impl Look {
    /// Returns the result of a step that has queued these jobs. The next step begins where this look begins.
    fn after(self, requeued: Vec<JobId>) -> Settled {
        let (hold, at) = (self.hold, self.from);
        Settled {
            requeued,
            after: Some(SettleCursor { hold, at }),
            more: true,
        }
    }
}

impl Ledger {
    /// Takes a step in queuing jobs again whose memories a hold kept. The hold was released, has expired or has changed.
    /// Holds whose end has passed are released first.
    ///
    /// Several processes may take steps at once: each job is queued once. If a process dies, another one goes on.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer, and this step has queued no job.
    pub async fn settle_holds(&self, after: Option<SettleCursor>) -> Result<Settled, LedgerError> {
        for _ in 0..EXPIRED {
            if !self.expire_hold().await? {
                break;
            }
        }
        let Some(look) = self.look(after.as_ref()).await? else {
            return Ok(Settled::default());
        };
        let mut requeued = Vec::new();
        for id in &look.jobs {
            match self.requeue(*id).await {
                Ok(true) => requeued.push(*id),
                // It was cancelled, or another process has queued it.
                Ok(false) => {}
                Err(error) if error.is_away() && requeued.is_empty() => return Err(error),
                // The next step meets the outage too, and begins with the same jobs.
                Err(error) if error.is_away() => return Ok(look.after(requeued)),
                Err(error) => {
                    if self.inner.unqueued_jobs.is_first(&id.to_string()) {
                        tracing::error!(job.id = %id, error = %error, "a held job cannot be queued again");
                    }
                }
            }
        }
        let from = match look.jobs.last() {
            None => At::End,
            // The jobs that were queued are no longer found.
            Some(_) if requeued.len() == look.jobs.len() => look.from,
            Some(last) => At::After(*last),
        };
        Ok(Look { from, ..look }.after(requeued))
    }

    /// Returns the next jobs to queue again of the first changed hold from a position on; `None` if there is no such hold.
    /// A hold without such jobs is settled.
    // The row is locked before the jobs are read: a job that becomes held meanwhile waits, and then asks for another look.
    async fn look(&self, after: Option<&SettleCursor>) -> Result<Option<Look>, LedgerError> {
        let inner = &self.inner;
        let (first, compare) = match after {
            None => ("", ">="),
            Some(SettleCursor { hold, at: At::End }) => (hold.as_str(), ">"),
            Some(SettleCursor { hold, .. }) => (hold.as_str(), ">="),
        };
        let mut tx = inner.begin().await?;
        let found = sqlx::query(inner.sql(&format!(
            "-- ledger::settle_holds
            SELECT name, revision, released_at FROM holds WHERE settled = 0 AND ('' || name) {compare} $1
            ORDER BY ('' || name) LIMIT 1 {{skip_locked}}"
        )))
        .bind(first)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = found else {
            tx.rollback().await?;
            return Ok(None);
        };
        let hold: String = row.try_get("name")?;
        // A hold in force keeps the jobs whose worker has read it as it is.
        let before = match row.try_get::<Option<i64>, _>("released_at")? {
            Some(_) => i64::MAX,
            None => row.try_get("revision")?,
        };
        let from = match after {
            Some(after) if after.hold == hold && after.at != At::End => after.at,
            _ => At::Start,
        };
        let last = match from {
            At::After(job) => job.to_string(),
            At::Start | At::End => String::new(),
        };
        // With a lookup for each job: a join may read all jobs.
        let kept = sqlx::query(inner.sql(
            "-- ledger::settle_holds jobs
            SELECT DISTINCT j.job_id AS job_id FROM job_holds j
            WHERE j.hold = $1 AND j.revision < $2 AND j.job_id > $3
              AND (SELECT CASE WHEN jobs.held_at IS NULL THEN 0 ELSE 1 END FROM jobs WHERE jobs.id = j.job_id) = 1
            ORDER BY j.job_id LIMIT $4",
        ))
        .bind(&hold)
        .bind(before)
        .bind(last)
        .bind(JOBS)
        .fetch_all(&mut *tx)
        .await?;
        let mut jobs = Vec::with_capacity(kept.len());
        for row in &kept {
            jobs.push(rows::parsed(row, "job_holds", "job_id")?);
        }
        // A job that cannot be queued was passed by: then the hold stays unsettled, and a gauge tells.
        if jobs.is_empty() && from == At::Start {
            sqlx::query(inner.sql("-- ledger::settle_holds done\nUPDATE holds SET settled = 1 WHERE name = $1"))
                .bind(&hold)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(Some(Look { hold, from, jobs }))
    }
}

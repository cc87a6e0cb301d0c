//! Deletions for clients that cannot handle 202. An unfinished job is answered with 503. The client then retries the
//! same request, which waits for the same job.
//!
//! A second job would find nothing after the first one, and would answer that nothing was there. So a retried request
//! joins the first job until that job ends. After the end it makes its own job. If that job erases nothing, the first
//! job's success is the answer.

use lethe_common::config::OnTimeout;
use lethe_common::ledger::{NewJob, Work};
use serde_json::json;

use super::erase::Asked;
use super::outcome::{Done, Erasure, erased, kept};
use super::wanted::{MemoryScope, What};
use crate::deletion::submit::{Columns, Submitted};
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

impl Asked<'_> {
    /// Accepts a deletion, and waits for its end as [`Asked::erase`] does. `compat.on_timeout` decides the answer for
    /// an unfinished job.
    ///
    /// # Errors
    /// As [`Asked::erase`], and [`Kind::Unfinished`] for an unfinished job if `compat.on_timeout` is 503.
    pub(crate) async fn erase_repeatably(self, place: MemoryScope, what: What) -> Result<Erasure, Problem> {
        let state = self.state;
        if state.config().compat.on_timeout == OnTimeout::Accepted {
            return self.erase(place, what).await;
        }
        let (mut job, held) = self.job(place, what, false)?;
        job.request = Some(request(state, &job).await?);
        let rings = state.doorbell().subscribe();
        let Submitted { job, joined } = self.put(job, held, Columns::Unasked).await?;
        let id = job.id;
        let outcome = self.outcome(job, rings).await;
        match outcome {
            // A client that asks for 202 can handle it.
            Ok(Erasure::Later(response)) if self.preference().respond_async => Ok(Erasure::Later(response)),
            Ok(Erasure::Later(_)) => {
                let owed = state.ledger().owe(id).await;
                owed.map_err(|error| Problem::from(error).about(id))?;
                let detail = format!("job {id} is still running: send the same request again to wait for it");
                Err(Problem::new(Kind::Unfinished, detail).about(id))
            }
            Ok(Erasure::Done(done)) => {
                let done = if erased(&done.job) == 0 {
                    earlier(state, done).await?
                } else {
                    done
                };
                if let Some(problem) = kept(&done.job) {
                    return Err(problem);
                }
                if joined {
                    heard(state, &done).await;
                }
                Ok(Erasure::Done(done))
            }
            Err(problem) => Err(problem),
        }
    }
}

/// Returns the earlier deletion by the same request if its caller was told to retry, or else `done`.
async fn earlier(state: &AppState, done: Done) -> Result<Done, Problem> {
    let about = |problem: Problem| problem.about(done.job.id);
    let ledger = state.ledger();
    let found = async {
        match ledger.owed_before(done.job.id).await? {
            Some(id) => ledger.job(id).await,
            None => Ok(None),
        }
    };
    let found = found.await.map_err(|error| about(error.into()))?;
    Ok(match found {
        Some(job) => done.of(job),
        None => done,
    })
}

/// Records that the caller receives the result of the job.
// Without this record another request may get the same success. This answer stays valid.
async fn heard(state: &AppState, done: &Done) {
    if let Err(error) = state.ledger().heard(done.job.id).await {
        tracing::warn!(error = %error, job.id = %done.job.id, "the ledger did not record the delivery of a job's result");
    }
}

/// Returns the keyed hash of a request. The order and the repetition of ids do not change it.
async fn request(state: &AppState, job: &NewJob) -> Result<String, Problem> {
    let mut fingerprint = state.fingerprints().begin(job.scope.route).await?;
    // All ids are in one table.
    let table = job.partitions.first().map(|partition| partition.route.to_string());
    let conditions = json!({
        "table": table, "owner": job.owner, "workspace": job.workspace, "kind": job.memory_kind,
    });
    fingerprint.add(conditions.to_string().as_bytes());
    let mut ids: Vec<&str> = Vec::new();
    for partition in &job.partitions {
        if let Work::Ids(part) = &partition.work {
            ids.extend(part.iter().map(String::as_str));
        }
    }
    ids.sort_unstable();
    for id in ids {
        // No id contains U+0000, so it separates ids without ambiguity.
        fingerprint.add(&[0]);
        fingerprint.add(id.as_bytes());
    }
    Ok(fingerprint.end())
}

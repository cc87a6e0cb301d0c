//! Deletions of clients that cannot see a 202: what has not ended is a 503, and the same request, sent again, waits for
//! the same job.
//!
//! Clients repeat what was a 503. A second job would look for what the first one has erased, and would answer that there
//! was nothing. So the repeated request joins the first job until it has ended. If it comes after the end, its own job
//! looks whether everything is gone, and then the first job's success is the answer.

use lethe_common::config::OnTimeout;
use lethe_common::ledger::{NewJob, Work};
use serde_json::json;

use super::erase::Asked;
use super::outcome::{Done, Erasure, erased};
use super::wanted::{MemoryScope, What};
use crate::deletion::submit::{Columns, Submitted};
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

impl Asked<'_> {
    /// Accepts a deletion, and waits for its end as [`Asked::erase`] does; what has not ended is answered as the
    /// configuration says.
    ///
    /// # Errors
    /// As [`Asked::erase`]; besides, where the configuration says so, [`Kind::Unfinished`] for what goes on.
    pub(crate) async fn erase_repeatably(self, place: MemoryScope, what: What) -> Result<Erasure, Problem> {
        let state = self.state;
        if state.config().compat.on_timeout == OnTimeout::Accepted {
            return self.erase(place, what).await;
        }
        let mut job = self.job(place, what, false)?;
        job.request = Some(request(state, &job).await?);
        let rings = state.doorbell().subscribe();
        let Submitted { job, joined } = self.put(job, Columns::Unasked).await?;
        let id = job.id;
        let outcome = self.outcome(job, rings).await;
        match outcome {
            // A client that asks for 202 can see one.
            Ok(Erasure::Later(response)) if self.preference().respond_async => Ok(Erasure::Later(response)),
            Ok(Erasure::Later(_)) => {
                let owed = state.ledger().owe(id).await;
                owed.map_err(|error| Problem::from(error).about(id))?;
                let detail = format!("job {id} goes on: send the same request again, and it waits for this job");
                Err(Problem::new(Kind::Unfinished, detail).about(id))
            }
            Ok(Erasure::Done(done)) => {
                let done = if erased(&done.job) == 0 {
                    earlier(state, done).await?
                } else {
                    done
                };
                if joined {
                    heard(state, &done).await;
                }
                Ok(Erasure::Done(done))
            }
            Err(problem) => Err(problem),
        }
    }
}

/// Returns the deletion that erased what `done` has not found: by the same request, whose caller was told to ask again.
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

/// Notes that the caller hears the end of the job.
// If it cannot be noted, another request may hear of the same success: that is no reason to take this one back.
async fn heard(state: &AppState, done: &Done) {
    if let Err(error) = state.ledger().heard(done.job.id).await {
        tracing::warn!(error = %error, job.id = %done.job.id, "the ledger did not note who has heard of a job");
    }
}

/// Returns the keyed hash of what a request asks for, no matter in which order and how often it names an id.
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
        // No id holds it: what follows cannot be taken for a part of one.
        fingerprint.add(&[0]);
        fingerprint.add(id.as_bytes());
    }
    Ok(fingerprint.end())
}

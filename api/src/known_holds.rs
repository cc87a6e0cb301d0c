//! The holds in force, as this process last read them. They only add warnings to jobs that it accepts: workers read the
//! holds by themselves.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lethe_common::hold::{Hold, HoldKind, HoldOn, HoldSet};
use lethe_common::ledger::{Ledger, LedgerError, NewJob, Warning, WarningCode, Work};
use tokio::sync::Mutex;
use tokio::time::timeout;
use uuid::Uuid;

/// The time for which the holds are not read again.
const STANDS: Duration = Duration::from_secs(1);

/// The longest time that an acceptance waits for the holds.
const LONGEST: Duration = Duration::from_secs(1);

/// The most ids of a job that are compared with holds. A hold on ids counts as one on a job with more.
const MOST_IDS: u64 = 1_000;

/// The holds in force, read at most once a second.
pub(crate) struct KnownHolds {
    ledger: Ledger,
    last: Mutex<Option<(Instant, Arc<Known>)>>,
}

impl KnownHolds {
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            last: Mutex::new(None),
        }
    }

    /// Adds a warning for each place of a job where a hold may keep its memories. Without an answer of the ledger there
    /// is none: a warning must not keep a job from being accepted.
    pub(crate) async fn warn(&self, job: &mut NewJob) {
        match timeout(LONGEST, Box::pin(self.in_force())).await {
            Ok(Ok(known)) => {
                let warnings = known.warnings(job);
                job.warnings.extend(warnings);
            }
            Ok(Err(error)) => {
                tracing::debug!(ledger.sqlstate = error.sqlstate(), error = %error, "holds could not be read");
            }
            Err(_) => tracing::debug!("the ledger did not return the holds in time"),
        }
    }

    /// Makes the next job read the holds. Call it after a change.
    pub(crate) async fn forget(&self) {
        *self.last.lock().await = None;
    }

    async fn in_force(&self) -> Result<Arc<Known>, LedgerError> {
        // Concurrent callers wait for one read.
        let mut last = self.last.lock().await;
        let before = last.as_ref().map(|(at, known)| (*at, Arc::clone(known)));
        if let Some((at, known)) = &before
            && at.elapsed() < STANDS
        {
            return Ok(Arc::clone(known));
        }
        let revision = self.ledger.holds_revision().await?;
        let same = before
            .map(|(_, known)| known)
            .filter(|known| known.revision == revision);
        let known = match same {
            Some(known) => known,
            None => Arc::new(Known::of(self.ledger.holds_in_force().await?)),
        };
        *last = Some((Instant::now(), Arc::clone(&known)));
        Ok(known)
    }
}

/// The holds in force. Values that some column type takes as equal have one text here.
// Personal data: no `Debug`.
struct Known {
    revision: i64,
    holds: Vec<KnownHold>,
}

struct KnownHold {
    /// The hold, without its values.
    hold: Hold,
    kind: HoldKind,
    /// Its persons, ids or workspaces.
    values: HashSet<String>,
}

/// The values that a job names; `None`: it may concern any.
struct Asked {
    owners: Option<Vec<String>>,
    workspace: Option<Vec<String>>,
    ids: Option<Vec<String>>,
}

impl Known {
    fn of(set: HoldSet) -> Self {
        Self {
            revision: set.revision,
            holds: set.holds.into_iter().map(KnownHold::of).collect(),
        }
    }

    /// Returns a warning for each place of a job where a hold may keep its memories.
    fn warnings(&self, job: &NewJob) -> Vec<Warning> {
        if self.holds.is_empty() {
            return Vec::new();
        }
        let asked = Asked::of(job);
        let places = job.places.iter().filter(|place| {
            let mut there = self.holds.iter();
            there.any(|known| known.hold.concerns(&place.target, &place.table) && known.may_keep(&asked))
        });
        let warning = |target: &String, table: &String| Warning {
            code: WarningCode::Held,
            target: Some(target.clone()),
            table: Some(table.clone()),
        };
        places.map(|place| warning(&place.target, &place.table)).collect()
    }
}

impl KnownHold {
    fn of(mut hold: Hold) -> Self {
        let kind = hold.on.kind();
        let values = match std::mem::replace(&mut hold.on, HoldOn::Everything) {
            HoldOn::Persons(values) | HoldOn::Ids(values) | HoldOn::Workspaces(values) => values,
            HoldOn::Everything | HoldOn::Query(_) => Vec::new(),
        };
        let values = values.iter().map(|value| folded(value)).collect();
        Self { hold, kind, values }
    }

    /// Returns whether it may keep memories that a job asks for.
    fn may_keep(&self, asked: &Asked) -> bool {
        let asked = match self.kind {
            HoldKind::Everything | HoldKind::Query => return true,
            HoldKind::Persons => &asked.owners,
            HoldKind::Workspaces => &asked.workspace,
            HoldKind::Ids => &asked.ids,
        };
        let has = |values: &Vec<String>| values.iter().any(|value| self.values.contains(value));
        asked.as_ref().is_none_or(has)
    }
}

impl Asked {
    fn of(job: &NewJob) -> Self {
        let some = |values: Vec<String>| (!values.is_empty()).then_some(values);
        let (owners, workspace) = match &job.subject {
            Some(subject) => {
                let names = subject.user_id.iter().chain(&subject.aliases);
                (names.map(|name| folded(name)).collect(), &subject.workspace)
            }
            None => (job.owner.iter().map(|owner| folded(owner)).collect(), &job.workspace),
        };
        Self {
            owners: some(owners),
            workspace: some(workspace.iter().map(|name| folded(name)).collect()),
            ids: (job.ids() <= MOST_IDS).then(|| ids(job)).and_then(some),
        }
    }
}

/// Returns the ids that a job lists.
fn ids(job: &NewJob) -> Vec<String> {
    let mut all = Vec::new();
    for partition in &job.partitions {
        if let Work::Ids(ids) = &partition.work {
            all.extend(ids.iter().map(|id| folded(id)));
        }
    }
    all
}

/// Returns one text for the spellings of a value: a UUID has several, and some columns ignore case.
fn folded(value: &str) -> String {
    Uuid::try_parse(value).map_or_else(|_| value.to_lowercase(), |uuid| uuid.to_string())
}

#[cfg(test)]
mod tests {
    use lethe_common::receipt::HoldGround;

    use super::*;

    fn known(on: HoldOn) -> KnownHold {
        KnownHold::of(Hold {
            name: "case-77".to_owned(),
            revision: 1,
            target: None,
            table: None,
            on,
            ground: HoldGround::Claims,
        })
    }

    fn values(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| folded(value)).collect()
    }

    #[test]
    fn a_hold_is_told_unless_it_surely_names_others() {
        let asked = Asked {
            owners: Some(values(&["Ana"])),
            workspace: None,
            ids: Some(values(&["0190A0A0-0000-7000-8000-00000000000A", "b"])),
        };
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        for (on, may_keep) in [
            (HoldOn::Everything, true),
            (HoldOn::Persons(names(&["ben", "ana"])), true),
            (HoldOn::Persons(names(&["ben"])), false),
            (HoldOn::Ids(names(&["0190a0a000007000800000000000000a"])), true),
            (HoldOn::Ids(names(&["c"])), false),
            // The job names no workspace.
            (HoldOn::Workspaces(names(&["w"])), true),
        ] {
            let kind = on.kind();
            assert_eq!(known(on).may_keep(&asked), may_keep, "{kind:?}");
        }
    }
}

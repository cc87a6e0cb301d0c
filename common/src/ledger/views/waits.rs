//! The reasons why jobs do not move: from their rows, their open partitions, the pauses and the reports of workers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::error_code::{ErrorCode, StoredCode};
use crate::ledger::db::{Inner, LedgerError, rows};
use crate::ledger::operation::{IN_USE, Trouble, Troubles};
use crate::ledger::types::{Wait, WaitReason};
use crate::schedule::Windows;

/// For how long before now windows are computed, in milliseconds: not for each day of an old job, at each read.
// Each window opens once a week, except in a week in which clocks skip its hour.
const LOOK_BACK_MS: i64 = 15 * 24 * 60 * 60 * 1_000;

/// The facts in the row of a job that has not ended. Times are milliseconds since 1970.
pub(super) struct Facts {
    pub(super) now: i64,
    pub(super) accepted_at: i64,
    pub(super) not_before: i64,
    pub(super) progressed_at: Option<i64>,
    /// The time since when only holds keep memories of it.
    pub(super) held_at: Option<i64>,
    /// The time at which the last batch of a throttled job was let begin.
    pub(super) reserved_at: Option<i64>,
    pub(super) throttled_till: i64,
    pub(super) windows: Option<Windows>,
    /// Whether it is being cancelled. Then it only finishes its begun batches, at any time.
    pub(super) cancelling: bool,
}

/// The state in which jobs wait.
#[derive(Default)]
pub(super) struct Waits {
    /// The open partitions of each job, by mapping.
    groups: HashMap<String, Vec<Group>>,
    /// The paused targets, or `*`, and since when.
    pauses: BTreeMap<String, i64>,
    /// The workers that reported lately.
    workers: Vec<Worker>,
    /// The last report of any worker.
    last_seen_at: Option<i64>,
}

/// The due and running partitions of a job on one mapping.
struct Group {
    target: String,
    route: String,
    /// Whether a worker holds one of them.
    runs: bool,
    /// The time from which one of them may be claimed, if none runs.
    due_at: i64,
    /// The last error of one of them.
    code: Option<StoredCode>,
}

/// The last report of a worker.
struct Worker {
    routes: BTreeSet<String>,
    troubles: Troubles,
    seen_at: i64,
}

/// The table from which a row comes.
#[derive(Clone, Copy)]
enum Source {
    Partitions,
    Pauses,
    Workers,
}

impl Source {
    fn of(row: &AnyRow) -> Result<Self, LedgerError> {
        Ok(match row.try_get::<i64, _>("source")? {
            0 => Self::Partitions,
            1 => Self::Pauses,
            _ => Self::Workers,
        })
    }
}

impl Waits {
    /// Reads the state in which jobs wait. `ids` are the jobs that have not ended.
    // The state is hidden from the indexes by state, as in `HELD`: the partitions are found by their jobs. Workers that died
    // today are not read, and there may be many. If none is there, the last ones are read.
    pub(super) async fn of(inner: &Inner, ids: &str) -> Result<Self, LedgerError> {
        let read = sqlx::query(inner.sql(
            "-- ledger::waits
            SELECT CAST(0 AS BIGINT) AS source, job_id, target AS name, route AS detail,
                CAST(SUM(CASE WHEN state = {partition.running} AND due_at > (SELECT {now}) THEN 1 ELSE 0 END) AS BIGINT) AS running,
                MIN(due_at) AS moment, MIN(error_code) AS code
            FROM partitions WHERE job_id {in_ids} AND state || '' IN ({partition.due}, {partition.running})
            GROUP BY job_id, target, route
            UNION ALL
            SELECT CAST(1 AS BIGINT), '', scope, '', CAST(0 AS BIGINT), paused_at, CAST(NULL AS TEXT) FROM pauses
            UNION ALL
            SELECT CAST(2 AS BIGINT), '', troubles, routes, CAST(0 AS BIGINT), last_seen_at, CAST(NULL AS TEXT) FROM workers
            WHERE last_seen_at >= (SELECT MAX(last_seen_at) FROM workers) - $2",
        ))
        .bind(ids)
        .bind(in_use_ms())
        .fetch_all(&inner.read)
        .await?;
        let mut waits = Self::default();
        for row in &read {
            let (name, detail): (String, String) = (row.try_get("name")?, row.try_get("detail")?);
            let at: i64 = row.try_get("moment")?;
            match Source::of(row)? {
                Source::Partitions => waits.groups.entry(row.try_get("job_id")?).or_default().push(Group {
                    target: name,
                    route: detail,
                    runs: row.try_get::<i64, _>("running")? > 0,
                    due_at: at,
                    code: rows::code(row, "code")?,
                }),
                Source::Pauses => drop(waits.pauses.insert(name, at)),
                Source::Workers => {
                    waits.last_seen_at = waits.last_seen_at.max(Some(at));
                    waits.workers.push(Worker {
                        // A worker of another version may report otherwise. It is there, too.
                        routes: serde_json::from_str(&detail).unwrap_or_default(),
                        troubles: serde_json::from_str(&name).unwrap_or_default(),
                        seen_at: at,
                    });
                }
            }
        }
        Ok(waits)
    }

    /// Returns the reason why a job does not move; `None` if it moves, or has no open partition now.
    pub(super) fn of_job(&self, id: &str, job: &Facts) -> Option<Wait> {
        if let Some(at) = job.held_at {
            return Some(Wait::new(WaitReason::Hold, Some(at), None));
        }
        let groups = self.groups.get(id)?;
        if groups
            .iter()
            .any(|group| group.runs && self.of_stores(group, job).is_none())
        {
            return job.of_pace();
        }
        let halted = if groups.iter().any(|group| group.runs) {
            None
        } else {
            let planned = if job.cancelling { None } else { job.of_plan() };
            planned
                .or_else(|| self.of_pause(groups))
                .or_else(|| self.of_workers(groups, job))
        };
        halted
            .or_else(|| groups.iter().find_map(|group| self.of_stores(group, job)))
            .or_else(|| job.of_pace())
            .or_else(|| of_turn(groups, job))
    }

    /// Returns the pause of one of the targets, or of everything.
    fn of_pause(&self, groups: &[Group]) -> Option<Wait> {
        let wait = |at: &i64, target| Wait {
            target,
            ..Wait::new(WaitReason::Pause, Some(*at), None)
        };
        let all = self.pauses.get("*").map(|at| wait(at, None));
        let of_target = |group: &Group| {
            let at = self.pauses.get(&group.target)?;
            Some(wait(at, Some(group.target.clone())))
        };
        all.or_else(|| groups.iter().find_map(of_target))
    }

    /// Returns the lack of any worker, or of one with the mapping.
    fn of_workers(&self, groups: &[Group], job: &Facts) -> Option<Wait> {
        if self.present(job).next().is_none() {
            return Some(Wait::new(WaitReason::Worker, self.last_seen_at, None));
        }
        let unserved = groups.iter().find(|group| self.serving(group, job).next().is_none())?;
        Some(Wait {
            code: Some(StoredCode::Known(ErrorCode::Unserved)),
            ..unserved.wait(WaitReason::Mapping, None, None)
        })
    }

    /// Returns the failure of a store or of a mapping, as all of its workers report it, or as its last attempt met it.
    fn of_stores(&self, group: &Group, job: &Facts) -> Option<Wait> {
        let troubles: Option<Vec<(&Worker, &Trouble)>> = self
            .serving(group, job)
            .map(|worker| {
                // A job that moved after the report shows that the trouble is over.
                let is_news = job.progressed_at.is_none_or(|at| at <= worker.seen_at);
                let trouble = worker.troubles.get(&group.target).filter(|_| is_news)?;
                Some((worker, trouble))
            })
            .collect();
        let troubles = troubles.unwrap_or_default();
        let later = Some(group.due_at).filter(|at| !group.runs && *at > job.now);
        if !troubles.is_empty() {
            let is_unfit = |(_, trouble): &(&Worker, &Trouble)| trouble.unfit.contains(group.table());
            if troubles.iter().all(is_unfit) {
                return Some(Wait {
                    code: Some(StoredCode::Known(ErrorCode::Mapping)),
                    ..group.wait(WaitReason::Mapping, None, later)
                });
            }
            if troubles.iter().all(|(_, trouble)| trouble.is_of_store()) {
                return Some(outage(group, &troubles, job.now, later));
            }
        }
        // Another target's store, or one that failed a single attempt.
        let code = group
            .code
            .as_ref()
            .and_then(StoredCode::known)
            .filter(|code| code.is_outage())?;
        let reason = if code == ErrorCode::Mapping {
            WaitReason::Mapping
        } else {
            WaitReason::Store
        };
        later.map(|_| Wait {
            code: Some(StoredCode::Known(code)),
            ..group.wait(reason, None, later)
        })
    }

    /// Returns the workers that are there.
    fn present(&self, job: &Facts) -> impl Iterator<Item = &Worker> {
        let since = job.now - in_use_ms();
        self.workers.iter().filter(move |worker| worker.seen_at >= since)
    }

    /// Returns the workers that have the mapping of a group.
    fn serving<'a>(&'a self, group: &'a Group, job: &Facts) -> impl Iterator<Item = &'a Worker> {
        self.present(job)
            .filter(move |worker| worker.routes.contains(&group.route))
    }
}

impl Group {
    /// Returns the table in its route.
    fn table(&self) -> &str {
        self.route.split('/').nth(1).unwrap_or_default()
    }

    fn wait(&self, reason: WaitReason, since: Option<i64>, until: Option<i64>) -> Wait {
        Wait {
            target: Some(self.target.clone()),
            table: Some(self.table().to_owned()),
            ..Wait::new(reason, since, until)
        }
    }
}

impl Facts {
    /// Returns the wait for a time that the request or the schedule names.
    fn of_plan(&self) -> Option<Wait> {
        if let Some(windows) = self.windows.as_ref().filter(|windows| windows.are_closed(self.now)) {
            let closed = windows.closed_between(self.accepted_at.max(self.now - LOOK_BACK_MS), self.now);
            let since = closed.and_then(|closed| closed.last().map(|(from, _)| *from));
            let wait = i64::try_from(windows.wait(self.now).as_millis()).ok();
            let opens = wait.filter(|_| windows.are_readable()).map(|wait| self.now + wait);
            return Some(Wait::new(WaitReason::Window, since, opens));
        }
        (self.not_before > self.now)
            .then(|| Wait::new(WaitReason::NotBefore, Some(self.accepted_at), Some(self.not_before)))
    }

    /// Returns the wait for the rate limit.
    fn of_pace(&self) -> Option<Wait> {
        (self.throttled_till > self.now && !self.cancelling)
            .then(|| Wait::new(WaitReason::Pace, self.reserved_at, Some(self.throttled_till)))
    }
}

/// Returns the time after a worker's last report for which it counts as there, in milliseconds.
fn in_use_ms() -> i64 {
    i64::try_from(IN_USE.as_millis()).unwrap_or(i64::MAX / 4)
}

/// Returns the outage of a group's target, as all of its workers report it. `later` is the group's own next attempt.
fn outage(group: &Group, troubles: &[(&Worker, &Trouble)], now: i64, later: Option<i64>) -> Wait {
    let each = || troubles.iter().copied();
    let since = each().filter_map(|(worker, trouble)| Some(worker.seen_at - trouble.for_ms?));
    let next = each().filter_map(|(worker, trouble)| Some(worker.seen_at + trouble.next_in_ms?));
    let next = next.min().filter(|at| *at > now);
    Wait {
        store: each().find_map(|(_, trouble)| trouble.down.first().copied()),
        code: each()
            .find_map(|(_, trouble)| trouble.code.clone())
            .map(StoredCode::from),
        ..group.wait(WaitReason::Store, since.max(), next.max(later))
    }
}

/// Returns the wait of a job that can be claimed, or that is tried again later.
fn of_turn(groups: &[Group], job: &Facts) -> Option<Wait> {
    let due_at = groups.iter().map(|group| group.due_at).min()?;
    Some(if due_at > job.now {
        Wait::new(WaitReason::Turn, None, Some(due_at))
    } else {
        Wait::new(WaitReason::Turn, Some(due_at), None)
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::schedule::Window;

    #[test]
    fn a_job_of_any_age_waits_since_the_last_window_closed() {
        let millis = |at: &str| at.parse::<Timestamp>().unwrap().as_millisecond();
        let night = Window {
            days: Some(vec!["mon".to_owned()]),
            from: "22:00".to_owned(),
            to: "06:00".to_owned(),
        };
        let windows = Windows::new("UTC", vec![night]).unwrap();
        for accepted_at in ["2006-01-01T00:00:00Z", "2026-01-01T00:00:00Z"].map(millis) {
            let facts = Facts {
                now: millis("2026-01-11T12:00:00Z"),
                accepted_at,
                not_before: accepted_at,
                progressed_at: None,
                held_at: None,
                reserved_at: None,
                throttled_till: 0,
                windows: Some(windows.clone()),
                cancelling: false,
            };
            let (closed, opens) = (millis("2026-01-06T06:00:00Z"), millis("2026-01-12T22:00:00Z"));
            let expected = Wait::new(WaitReason::Window, Some(closed), Some(opens));
            assert_eq!(facts.of_plan(), Some(expected));
        }
    }
}

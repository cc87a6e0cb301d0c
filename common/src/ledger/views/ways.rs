//! The ways to the jobs of a list: indexes in the order of ids.
//!
//! A list is read along the index of one filter. Each job on the way is compared with the other filters. This module
//! chooses the way; `walk.rs` reads along it.

use strum::IntoEnumIterator as _;

use super::filter::{JobFilter, Whose};
use crate::job::SelectorKind;
use crate::ledger::types::Marks;
use crate::state::State;

/// An index in the order of ids.
// No other index has its column and its key, as in `sections.rs`. So PostgreSQL takes no other one, whatever it knows of
// the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    table: &'static str,
    /// The column that holds the job's id.
    id: &'static str,
    /// The condition of a partial index, with `AND` behind it.
    only: &'static str,
    /// The expression that equals a value, or is less.
    column: &'static str,
    /// Whether it is a number, and less.
    is_less: bool,
    /// The expression of the id.
    key: &'static str,
}

/// All jobs.
const ALL: Way = Way {
    table: "jobs",
    id: "id",
    only: "",
    column: "''",
    is_less: false,
    key: "id",
};

const PRINCIPAL: Way = along("('' || principal)", "");
const STATE: Way = along("(state || '')", "");
const TARGET: Way = along("COALESCE(target || '', '')", "");
const KIND: Way = along("(kind || '')", "kind <> {selector.ids} AND ");
const ERROR: Way = along("(error_code || '')", "error_code IS NOT NULL AND ");
const SCHEDULE: Way = along("(schedule || '')", "schedule IS NOT NULL AND ");
const REFERENCE: Way = along("(reference || '')", "reference IS NOT NULL AND ");

const LABEL: Way = Way {
    table: LABELS,
    id: "job_id",
    only: "",
    column: "(label || '')",
    is_less: false,
    key: "(job_id || '')",
};

/// Unfinished jobs with a deadline, which may be most of a queue. The deadline is the second column of this index, behind the
/// id: a page reads entries until it is full, and only rows that are due.
const DUE: Way = Way {
    is_less: true,
    ..along(
        "CASE WHEN ended_at IS NULL THEN deadline_at + 0 END",
        "CASE WHEN ended_at IS NULL THEN deadline_at + 0 END IS NOT NULL AND ",
    )
};

/// The table of labels.
const LABELS: &str = "job_labels";

/// Returns the way along an index of jobs.
const fn along(column: &'static str, only: &'static str) -> Way {
    Way {
        table: "jobs",
        id: "id",
        only,
        column,
        is_less: false,
        key: "(id || '')",
    }
}

impl Way {
    /// Returns the statement that reads a step: ids, and whether the job meets `fits`, the newest first.
    ///
    /// It binds the cursor as `$1`, the length of the step as `$2`, the first id as `$3` and the column's value as `$n`.
    // The condition is in the list of columns. In `WHERE` it could lead PostgreSQL to another index.
    pub(super) fn step(&self, n: usize, fits: &str) -> String {
        let Self {
            table,
            id,
            only,
            column,
            is_less,
            key,
        } = self;
        let meets = if *is_less {
            format!("{column} < CAST(${n} AS BIGINT)")
        } else {
            format!("{column} = ${n}")
        };
        let fits = format!("CASE WHEN {fits} THEN 1 ELSE 0 END");
        let fits = if *table == LABELS {
            // A subquery for each job: PostgreSQL might join by reading all jobs.
            format!("COALESCE((SELECT {fits} FROM jobs WHERE jobs.id = {LABELS}.job_id), 0)")
        } else {
            fits
        };
        format!(
            "SELECT {id} AS id, CAST({fits} AS BIGINT) AS fits FROM {table}
            WHERE {only}{meets} AND {key} < $1 AND {key} >= $3 ORDER BY {key} DESC LIMIT $2"
        )
    }
}

impl JobFilter {
    /// Returns the ways to the jobs of this filter, each with the value of its column. A job may be on several of them.
    /// `unfinished` says that only unfinished jobs count which are not being cancelled.
    // The filter that fewest jobs meet. Without marks the ways of a caller that sees a part lead along jobs that it sees: it
    // does not read the history of others. All walks are bounded.
    pub(super) fn ways(&self, unfinished: bool) -> Vec<(Way, String)> {
        let marks = &self.marks;
        if let Some(reference) = &marks.reference {
            return vec![(REFERENCE, reference.clone())];
        }
        if unfinished && self.whose.own().is_none() {
            return self.unfinished();
        }
        let label = marks.label.as_ref().map(|(key, value)| Marks::pair(key, value));
        let marked = [(LABEL, label), (SCHEDULE, self.schedule.clone())];
        let marked = if unfinished { None } else { first(marked) };
        let way = marked.or_else(|| match &self.whose {
            Whose::All => self.of_all(),
            Whose::OfOrAbout(_, targets) if !targets.is_empty() => first([(TARGET, self.target.clone())]),
            Whose::Of(_) | Whose::OfOrAbout(..) => None,
        });
        way.map_or_else(|| seen(&self.whose), |way| vec![way])
    }

    /// Returns the ways to unfinished jobs, by their states: the history of a label, a schedule or a caller may be long.
    fn unfinished(&self) -> Vec<(Way, String)> {
        let states = State::iter().filter(|state| self.state.map_or_else(|| can_change(*state), |only| only == *state));
        states.map(|state| (STATE, state.as_str().to_owned())).collect()
    }

    /// Returns the way of a caller that sees all jobs; `None` without a filter that few jobs meet.
    fn of_all(&self) -> Option<(Way, String)> {
        let state = |state: Option<State>| (STATE, state.map(|state| state.as_str().to_owned()));
        let kind = self.kind.filter(|kind| *kind != SelectorKind::Ids);
        first([
            (ERROR, self.error_code.map(|code| code.as_str().to_owned())),
            state(self.state.filter(|state| is_rare(*state))),
            (PRINCIPAL, self.principal.clone()),
            (DUE, self.due_before.map(|at| at.to_string())),
            state(self.state),
            (KIND, kind.map(|kind| kind.as_str().to_owned())),
            (TARGET, self.target.clone()),
        ])
    }
}

/// Returns the first way that has a value.
fn first<const N: usize>(ways: [(Way, Option<String>); N]) -> Option<(Way, String)> {
    ways.into_iter().find_map(|(way, value)| Some((way, value?)))
}

/// Returns the ways to the jobs that a caller may see.
fn seen(whose: &Whose) -> Vec<(Way, String)> {
    match whose {
        Whose::All => vec![(ALL, String::new())],
        Whose::Of(principal) => vec![(PRINCIPAL, principal.clone())],
        Whose::OfOrAbout(principal, targets) => {
            // '' stands for several targets.
            let several = (!targets.is_empty()).then(String::new);
            let about = several.into_iter().chain(targets.iter().cloned());
            std::iter::once((PRINCIPAL, principal.clone()))
                .chain(about.map(|target| (TARGET, target)))
                .collect()
        }
    }
}

/// Returns whether few jobs are in this state, beside a long queue and a long history.
fn is_rare(state: State) -> bool {
    !matches!(state, State::Queued | State::Succeeded)
}

/// Returns whether an act on unfinished jobs can change a job in this state.
fn can_change(state: State) -> bool {
    !state.is_ended() && !matches!(state, State::Receiving | State::Cancelling)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::error_code::ErrorCode;

    fn all() -> JobFilter {
        JobFilter::of(Whose::All, 10)
    }

    fn way(filter: &JobFilter) -> (Way, String) {
        let ways = filter.ways(false);
        assert_eq!(ways.len(), 1, "{ways:?}");
        ways.into_iter().next().unwrap()
    }

    #[test]
    fn the_filter_that_fewest_jobs_meet_is_the_way() {
        let mut filter = all();
        assert_eq!(way(&filter), (ALL, String::new()));
        filter.kind = Some(SelectorKind::Ids);
        assert_eq!(way(&filter).0, ALL, "most jobs are by ids");
        filter.target = Some("main".to_owned());
        assert_eq!(way(&filter), (TARGET, "main".to_owned()));
        filter.kind = Some(SelectorKind::Query);
        assert_eq!(way(&filter).0, KIND);
        filter.state = Some(State::Succeeded);
        assert_eq!(way(&filter).0, STATE);
        filter.due_before = Some(7);
        assert_eq!(way(&filter), (DUE, "7".to_owned()));
        filter.principal = Some("p".to_owned());
        assert_eq!(way(&filter).0, PRINCIPAL);
        filter.state = Some(State::Failed);
        assert_eq!(way(&filter), (STATE, "failed".to_owned()));
        filter.error_code = Some(ErrorCode::Busy);
        assert_eq!(way(&filter), (ERROR, "busy".to_owned()));
        filter.marks.label = Some(("team".to_owned(), "a:b".to_owned()));
        assert_eq!(way(&filter), (LABEL, "team:a:b".to_owned()));
        filter.marks.reference = Some("DSR-1".to_owned());
        assert_eq!(way(&filter).0, REFERENCE);
    }

    #[test]
    fn each_caller_has_ways_of_its_own() {
        let of = |whose| JobFilter { whose, ..all() }.ways(false);
        let name = |name: &str| name.to_owned();
        let about = BTreeSet::from([name("a"), name("b")]);
        assert_eq!(of(Whose::Of(name("p"))), [(PRINCIPAL, name("p"))]);
        assert_eq!(
            of(Whose::OfOrAbout(name("p"), about)),
            [
                (PRINCIPAL, name("p")),
                (TARGET, name("")),
                (TARGET, name("a")),
                (TARGET, name("b"))
            ]
        );
        assert_eq!(of(Whose::OfOrAbout(name("p"), BTreeSet::new())).len(), 1);
    }

    #[test]
    fn a_caller_that_sees_a_part_reads_no_other_jobs() {
        let of = |whose| JobFilter {
            whose,
            principal: Some("q".to_owned()),
            state: Some(State::Failed),
            kind: Some(SelectorKind::Query),
            target: Some("a".to_owned()),
            error_code: Some(ErrorCode::Busy),
            ..all()
        };
        let own = Whose::Of("p".to_owned());
        for unfinished in [false, true] {
            let ways = of(own.clone()).ways(unfinished);
            assert_eq!(ways, [(PRINCIPAL, "p".to_owned())], "{unfinished}");
        }
        let about = Whose::OfOrAbout("p".to_owned(), BTreeSet::from(["a".to_owned()]));
        let mut filter = of(about.clone());
        assert_eq!(way(&filter), (TARGET, "a".to_owned()));
        filter.target = None;
        assert_eq!(filter.ways(false), seen(&about));
        let none = Whose::OfOrAbout("p".to_owned(), BTreeSet::new());
        assert_eq!(way(&of(none)), (PRINCIPAL, "p".to_owned()));
        let mut marked = of(own);
        marked.schedule = Some("nightly".to_owned());
        assert_eq!(way(&marked).0, SCHEDULE);
    }

    #[test]
    fn unfinished_jobs_are_found_without_those_that_have_ended() {
        let ways = all().ways(true);
        let states = ["queued", "planning", "running", "verifying", "held"];
        assert_eq!(ways, states.map(|state| (STATE, state.to_owned())));
        let mut filter = all();
        filter.principal = Some("p".to_owned());
        filter.target = Some("main".to_owned());
        filter.schedule = Some("nightly".to_owned());
        assert_eq!(filter.ways(true), ways);
        filter.state = Some(State::Queued);
        assert_eq!(filter.ways(true), [(STATE, "queued".to_owned())]);
        filter.marks.reference = Some("DSR-1".to_owned());
        assert_eq!(filter.ways(true), [(REFERENCE, "DSR-1".to_owned())]);
    }
}

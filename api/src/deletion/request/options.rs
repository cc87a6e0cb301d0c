//! What both ways of asking have in common.

use jiff::{Timestamp, ToSpan};
use lethe_common::ledger::Kind;
use lethe_common::selection::{Digest, NoDigest};

use super::text::text;
use crate::http::problem::Problem;
use crate::job::rate::Rate;

/// How far in the past `not_before` may lie: clocks differ a little.
const PAST: i64 = 60;

/// How far in the future `not_before` may lie, in days.
// A deletion that is not due for longer than this was mistyped.
const FUTURE: i64 = 366;

/// What both ways of asking have in common, checked.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) target: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) workspace: Option<String>,
    /// The kind of memory.
    pub(crate) kind: Option<String>,
    pub(crate) dry_run: bool,
    pub(crate) limit: Option<u64>,
    /// What must be selected, or nothing is touched.
    pub(crate) expect: Option<Digest>,
    pub(crate) per_second: Option<Rate>,
    pub(crate) not_before: Option<Timestamp>,
}

impl Options {
    /// Refuses what contradicts itself, and texts that no store could hold.
    pub(crate) fn check(&self, max_length: usize) -> Result<(), Problem> {
        if self.dry_run && self.expect.is_some() {
            let what = "leave it out: a dry run touches nothing, whatever it finds";
            return Err(Problem::invalid("expect", what));
        }
        let given = [
            ("owner", &self.owner),
            ("workspace", &self.workspace),
            ("kind", &self.kind),
        ];
        for (field, value) in given {
            if let Some(value) = value {
                text(field, value, max_length)?;
            }
        }
        Ok(())
    }

    /// Returns what a partition of ids is for.
    pub(crate) fn purpose(&self) -> Kind {
        match (self.dry_run, self.expect) {
            (true, _) => Kind::Preview,
            (false, Some(_)) => Kind::Check,
            (false, None) => Kind::Erase,
        }
    }

    /// Refuses a start that is too far from `now`.
    pub(crate) fn check_start(&self, now: Timestamp) -> Result<(), Problem> {
        let Some(at) = self.not_before else { return Ok(()) };
        if at < now.saturating_sub(PAST.seconds()).expect("seconds have no calendar") {
            return Err(Problem::invalid(
                "not_before",
                "write a time that is not in the past by more than a minute, or leave it out",
            ));
        }
        if at
            > now
                .saturating_add((FUTURE * 24).hours())
                .expect("hours have no calendar")
        {
            return Err(Problem::invalid("not_before", "write a time within a year"));
        }
        Ok(())
    }
}

/// Reads what a dry run said of its selection.
pub(super) fn digest(text: &str) -> Result<Digest, Problem> {
    text.parse()
        .map_err(|error: NoDigest| Problem::invalid("expect", error))
}

/// Reads when to start at the earliest.
pub(super) fn time(text: &str) -> Result<Timestamp, Problem> {
    text.parse()
        .map_err(|_| Problem::invalid("not_before", "write a time such as \"2030-01-31T12:00:00Z\" (RFC 3339)"))
}

//! The options that JSON bodies and uploads share.

use jiff::{Timestamp, ToSpan};
use lethe_common::ledger::{Kind, Marks};
use lethe_common::selection::{Digest, NoDigest};

use super::legal::AskedLegal;
use super::text::text;
use crate::http::problem::Problem;
use crate::job::rate::Rate;

/// How far in the past `not_before` may lie, in seconds. Clocks differ a little.
const PAST: i64 = 60;

/// How far in the future `not_before` may lie, in days.
// A later start is most likely a typing error.
const FUTURE: i64 = 366;

/// The checked options that JSON bodies and uploads share.
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
    /// The digest of the expected selection. With another selection no store is touched.
    pub(crate) expect: Option<Digest>,
    pub(crate) per_second: Option<Rate>,
    pub(crate) not_before: Option<Timestamp>,
    /// The caller's own words about the job.
    pub(crate) marks: Marks,
    /// The legal fields of the request.
    pub(crate) legal: AskedLegal,
}

impl Options {
    /// Refuses contradictory options, and texts that no store could hold.
    pub(crate) fn check(&self, max_length: usize) -> Result<(), Problem> {
        if self.dry_run && self.expect.is_some() {
            let what = "leave it out: a dry run deletes nothing";
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

    /// Returns the purpose of a partition of ids.
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

/// Reads the digest from a dry run.
pub(super) fn digest(text: &str) -> Result<Digest, Problem> {
    text.parse()
        .map_err(|error: NoDigest| Problem::invalid("expect", error))
}

/// Reads a time.
pub(crate) fn time(field: &str, text: &str) -> Result<Timestamp, Problem> {
    text.parse()
        .map_err(|_| Problem::invalid(field, "write a time such as \"2030-01-31T12:00:00Z\" (RFC 3339)"))
}

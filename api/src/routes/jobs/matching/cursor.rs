//! The place of an act among its jobs.

use std::fmt;
use std::str::FromStr;

use lethe_common::job::JobId;

/// The place of an act among its jobs. The caller keeps it between two requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The time at which the act began, in milliseconds since 1970, by the ledger's clock.
    pub(super) until: i64,
    /// The most jobs that are still to be taken.
    pub(super) left: u64,
    /// The last job that was taken: the next ones are older.
    pub(super) after: Option<JobId>,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { until, left, after } = self;
        write!(f, "{until}.{left}.")?;
        after.iter().try_for_each(|id| write!(f, "{id}"))
    }
}

/// No text of this form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(NoCursor);
        let (until, left, after) = (part()?, part()?, part()?);
        let after = (!after.is_empty()).then(|| after.parse());
        Ok(Self {
            until: until.parse().map_err(|_| NoCursor)?,
            left: left.parse().map_err(|_| NoCursor)?,
            after: after.transpose().map_err(|_| NoCursor)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for after in [None, Some(JobId::new())] {
            let cursor = Cursor {
                until: 1_900_000_000_000,
                left: 7,
                after,
            };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for wrong in ["", "1", "1.2", "1.2.x", "x.2.", "1.-2.", "01234"] {
            assert_eq!(wrong.parse::<Cursor>(), Err(NoCursor), "{wrong}");
        }
    }
}

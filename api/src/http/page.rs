//! Lists in pages.

use jiff::Timestamp;
use lethe_common::clock::to_millis;

use super::problem::Problem;

/// Reads the `limit` of a page. The resource sets its default `usual` and its maximum `most`.
pub(crate) fn limit(text: Option<&str>, (usual, most): (u32, u32)) -> Result<u32, Problem> {
    let Some(text) = text else { return Ok(usual) };
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| Problem::invalid("limit", format_args!("write a number from 1 to {most}")))
}

/// Reads a bound on the time of what a page lists, in milliseconds since 1970.
pub(crate) fn time(field: &str, text: &str) -> Result<i64, Problem> {
    let at: Result<Timestamp, _> = text.parse();
    at.map(to_millis)
        .map_err(|_| Problem::invalid(field, "write a time such as `2030-01-31T12:00:00Z`"))
}

/// The longest name of a caller, in bytes: a token's word is shorter.
const LONGEST: usize = 256;

/// Reads the name of a caller, a filter of what a page lists.
pub(crate) fn caller(field: &str, name: String) -> Result<String, Problem> {
    // No name is empty, and PostgreSQL accepts no NUL.
    if (1..=LONGEST).contains(&name.len()) && !name.contains('\0') {
        Ok(name)
    } else {
        let what = "write a caller as answers name it, such as the name of a key";
        Err(Problem::invalid(field, what))
    }
}

/// Cuts a page out of the rows that were read. One row beyond the limit means that there is another page. Returns the
/// page, and then also the `cursor` of its last row.
pub(crate) fn cut<T>(mut rows: Vec<T>, limit: u32, cursor: impl FnOnce(&T) -> String) -> (Vec<T>, Option<String>) {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(cursor);
    (rows, next)
}

//! Lists in pages.

use super::problem::Problem;

/// Reads the `limit` of a page. The resource sets its default `usual` and its maximum `most`.
pub(crate) fn limit(text: Option<&str>, (usual, most): (u32, u32)) -> Result<u32, Problem> {
    let Some(text) = text else { return Ok(usual) };
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| Problem::invalid("limit", format_args!("write a number from 1 to {most}")))
}

/// Cuts a page out of the rows that were read. One row beyond the limit means that there is another page. Returns the
/// page, and then also the `cursor` of its last row.
pub(crate) fn cut<T>(mut rows: Vec<T>, limit: u32, cursor: impl FnOnce(&T) -> String) -> (Vec<T>, Option<String>) {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(cursor);
    (rows, next)
}

//! Lists in pages.

use super::problem::Problem;

/// Reads the `limit` of a page; `usual` and `most` are said by the resource.
pub(crate) fn limit(text: Option<&str>, (usual, most): (u32, u32)) -> Result<u32, Problem> {
    let Some(text) = text else { return Ok(usual) };
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| Problem::invalid("limit", format_args!("write a number from 1 to {most}")))
}

/// Cuts a page out of what was read: one row more than its limit tells whether there is another page. Returns the page, and
/// what `cursor` makes of its last row if there is.
pub(crate) fn cut<T>(mut rows: Vec<T>, limit: u32, cursor: impl FnOnce(&T) -> String) -> (Vec<T>, Option<String>) {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(cursor);
    (rows, next)
}

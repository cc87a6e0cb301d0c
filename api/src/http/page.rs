//! Lists in pages.

use super::problem::Problem;

/// Reads the `limit` of a page; `usual` and `most` are said by the resource.
pub(crate) fn limit(text: Option<&str>, (usual, most): (u32, u32)) -> Result<u32, Problem> {
    let Some(text) = text else { return Ok(usual) };
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| Problem::invalid("limit", format_args!("write a number from 1 to {most}")))
}

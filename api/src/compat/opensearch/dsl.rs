//! OpenSearch's query DSL, read into the filter language inside.
//!
//! Whatever is not understood to its last word is refused and named: nothing is deleted by a query
//! that was only half understood. Fields are keywords here: `match` and `match_phrase` compare whole
//! values, byte for byte, as OpenSearch does on keyword fields.

mod boolean;
mod compared;
mod keyword;
mod moment;
mod nested;
mod protect;
mod range;
mod read;
mod reader;
mod syntax;
#[cfg(test)]
mod tests;
mod wildcard;
mod written;

pub(super) use read::read;
pub(super) use syntax::refused;

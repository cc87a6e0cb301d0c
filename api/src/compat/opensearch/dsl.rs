//! OpenSearch's query DSL, translated into Lethe's filters.
//!
//! Unknown queries, parameters and fields are refused by name: a query that is only partly understood deletes nothing.
//! Fields are keywords: `match` and `match_phrase` compare whole values, byte for byte, as OpenSearch does on keyword
//! fields.

mod boolean;
mod compared;
#[cfg(test)]
mod fuzz;
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

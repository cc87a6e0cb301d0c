//! Between Qdrant's protocol and the engine's types. Pure functions: no engine is called here.
//!
//! What the engine cannot do is refused by its name in the protocol, never dropped: a filter
//! that lost a condition would delete what was not asked for.

pub(crate) mod config;
pub(crate) mod filter;
pub(crate) mod index;
pub(crate) mod points;
pub(crate) mod selectors;
pub(crate) mod vectors;

use qdrant_edge::JsonPath;
use tonic::Status;

/// Refuses a field of the protocol if it was given.
pub(crate) fn refuse(given: bool, field: &str) -> Result<(), Status> {
    if given { Err(unsupported(field)) } else { Ok(()) }
}

/// The refusal of a field.
pub(crate) fn unsupported(field: &str) -> Status {
    Status::unimplemented(format!("`{field}` is not supported by the embedded vector store"))
}

/// Parses the path of a payload field.
pub(crate) fn path(key: &str) -> Result<JsonPath, Status> {
    let parsed = key.parse::<JsonPath>();
    parsed.map_err(|()| Status::invalid_argument("a payload key is not a valid JSON path"))
}

//! Converts between Qdrant's protocol and the engine's types. These functions are pure: they call no engine.
//!
//! A field that the engine cannot apply is refused by its name in the protocol, never dropped. A filter
//! without one of its conditions would delete more points than requested.

pub(crate) mod config;
pub(crate) mod filter;
#[cfg(test)]
mod fuzz;
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

/// Returns the refusal of a field.
pub(crate) fn unsupported(field: &str) -> Status {
    Status::unimplemented(format!("`{field}` is not supported by the embedded vector store"))
}

/// Parses the path of a payload field.
pub(crate) fn path(key: &str) -> Result<JsonPath, Status> {
    let parsed = key.parse::<JsonPath>();
    parsed.map_err(|()| Status::invalid_argument("a payload key is not a valid JSON path"))
}

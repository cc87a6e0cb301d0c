//! Random messages of Qdrant's protocol.

mod filters;
mod points;

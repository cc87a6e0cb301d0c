//! A vector store: one mapped collection, over Qdrant's gRPC interface.
//!
//! Nothing here knows of jobs. A deletion names points and waits until it is applied. If the process
//! dies inside a call, some of the points may be gone, and the next call finds them absent. A deletion
//! returns no count: a caller that needs one looks up the points before and after.

mod asked;
mod candidates;
mod collection;
mod compile;
mod connect;
mod crowd;
mod delete;
mod filter;
mod indexes;
mod key;
mod payload;
mod point;
mod query;
mod read;
mod sample;
mod survey;

pub use collection::VectorCollection;
pub use connect::VectorStore;
pub use payload::{COMPARED, Said, Whose};
pub(crate) use point::memory_of;
pub use point::{Point, PointId, point_of_orphan, point_of_row};
pub use query::Sighted;
pub(crate) use sample::Sample;

/// The most points that one request names or returns. Requests of 1,000 points deleted 176,000 points
/// a second when measured, and a larger request only uses more memory.
pub const MAX_POINTS_PER_REQUEST: usize = 1_000;

/// The most points that one [`VectorCollection::find`] returns where a memory may have many: their ids go
/// into one intent. If there are more, it returns `None`, and the caller retries with fewer memories.
pub const MAX_POINTS_FOUND: usize = 10_000;

//! A vector store: one mapped collection, over Qdrant's gRPC interface.
//!
//! Nothing here knows of jobs. Deletions name points, and wait until they are applied; when the
//! process dies inside a call some of the points may be gone, which the next call does not mind.
//! A deletion returns no count: whoever needs one looks before and after.

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

/// The most points one request names or returns: deletions were measured at 176,000 a second in
/// thousands, and a larger request only holds more memory.
pub const MAX_POINTS_PER_REQUEST: usize = 1_000;

/// The most points one [`VectorCollection::find`] returns where a memory may have many: their ids
/// go into one intent. Where there are more it returns none, and fewer memories have to be asked about.
pub const MAX_POINTS_FOUND: usize = 10_000;

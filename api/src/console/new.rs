//! A new deletion: by ids, by person or by query. It is always counted first.

mod builder;
mod conditions;
mod entered;
mod inputs;
mod page;
mod preview;
mod query;
mod request;
mod steps;

pub(super) use page::page;
pub(super) use preview::again;
pub(super) use steps::send;

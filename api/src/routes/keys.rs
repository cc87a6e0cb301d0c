//! `/v1/keys`: the API keys that Lethe makes itself. An answer shows a key once, and its hash never.

mod allowed;
mod answer;
mod body;
pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod revoke;
pub(crate) mod rotate;

pub(crate) use allowed::{allow, unknown};
pub(crate) use answer::KeyAnswer;

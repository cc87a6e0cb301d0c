//! Problems as RFC 9457 describes them: the only errors of this crate's answers.
//!
//! A 4xx says what to change, a 5xx is a fixed sentence. No text holds a value out of a request, since every value can
//! be personal data. `observe` writes the body, since it knows the request's id.

mod answer;
mod kind;
pub(crate) mod page;
#[cfg(test)]
mod tests;
mod value;
mod words;

pub(crate) use answer::{ProblemBody, Whole};
pub(crate) use kind::Kind;
pub(crate) use value::{Missing, Problem};

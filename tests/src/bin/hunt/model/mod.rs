//! The elements that a job may erase, must erase and must keep, derived from rows and points alone.
//!
//! The model shares no code with the worker and asks no store. It implements the rules a second time, from promises 3,
//! 4 and 5 of the design.

mod agreement;
mod filter;
mod hold;
mod job;
mod judge;
mod mapping;
mod orphan;
mod state;
mod subject;

pub(crate) use filter::Filter;
pub(crate) use hold::{Hold, Keeps, On};
pub(crate) use job::{Job, Via, What};
pub(crate) use judge::{Fate, Verdict, judge};
pub(crate) use mapping::{Columns, Field, Ids, Mapping, Points, Rule, Users};
pub(crate) use state::{Element, Pid, Row, State};

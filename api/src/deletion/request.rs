//! The fields of `POST /v1/jobs`, in a JSON body or as parameters of an upload.

mod create;
mod legal;
mod marks;
mod options;
mod subject;
mod text;
mod upload;

pub(crate) use create::{CreateJob, Select};
#[cfg(test)]
pub(crate) use legal::AskedLegal;
pub(crate) use marks::{pair, reference};
pub(crate) use options::{Options, time};
pub(crate) use text::text;
pub(crate) use upload::UploadParams;

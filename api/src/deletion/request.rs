//! What a caller asks for: the fields of `POST /v1/jobs`, as a JSON body or beside an upload.

mod create;
mod options;
mod subject;
mod text;
mod upload;

pub(crate) use create::{CreateJob, Select};
pub(crate) use options::Options;
pub(crate) use text::text;
pub(crate) use upload::UploadParams;

//! The parameters of an upload of ids.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::legal::AskedLegal;
use super::marks::marks;
use super::options::{self, Options};
use crate::http::json::POSITIVE;
use crate::http::problem::Problem;
use crate::job::rate::Rate;

/// The parameters of an upload of ids.
#[derive(Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UploadParams {
    /// The target. Absent: the only one.
    target: Option<String>,
    /// The table inside the target. Absent: the only one.
    table: Option<String>,
    /// Only memories of this owner.
    owner: Option<String>,
    /// Only memories of this workspace.
    workspace: Option<String>,
    /// Only memories of this kind.
    kind: Option<String>,
    /// Whether to count only. No store is changed.
    #[param(value_type = Option<bool>)]
    dry_run: Option<String>,
    /// The most memories that the job may select. If it selects more, no store is touched.
    #[param(value_type = Option<u64>, minimum = 1)]
    limit: Option<String>,
    /// The digest from a dry run of this job. If the selection differs, no store is touched.
    #[param(pattern = "^[0-9a-fA-F]{32}$")]
    expect: Option<String>,
    /// The earliest start.
    #[param(value_type = Option<String>, format = "date-time")]
    not_before: Option<String>,
    /// The most memories to erase per second. Fractions are allowed.
    #[param(value_type = Option<f64>, exclusive_minimum = 0, maximum = 4_294_967_295_u64)]
    per_second: Option<String>,
    /// Your own name for the job, in at most 200 bytes. Write no personal data.
    // Skipped if absent: the fingerprint of a request stays what it was in earlier versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 200)]
    reference: Option<String>,
    /// Your own words about the job, as a JSON object such as `{"team":"privacy"}`. Write no personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<String>,
    /// The regime that sets the deadline: `gdpr`, `ccpa`, one of the configuration, or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    regulation: Option<String>,
    /// The ground of the erasure: a letter of Article 17(1) of the GDPR, from `17(1)(a)` to `17(1)(f)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    ground: Option<String>,
    /// When the person's request arrived. Absent: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = "date-time")]
    received_at: Option<String>,
}

impl UploadParams {
    /// Returns the checked options.
    pub(crate) fn options(self, max_length: usize) -> Result<Options, Problem> {
        let dry_run = match self.dry_run.as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Problem::invalid("dry_run", "write true or false")),
        };
        let options = Options {
            target: self.target,
            table: self.table,
            owner: self.owner,
            workspace: self.workspace,
            kind: self.kind,
            dry_run,
            limit: number("limit", self.limit.as_deref())?,
            expect: self.expect.as_deref().map(options::digest).transpose()?,
            per_second: self.per_second.as_deref().map(Rate::of_text).transpose()?,
            not_before: self
                .not_before
                .as_deref()
                .map(|text| options::time("not_before", text))
                .transpose()?,
            marks: marks(self.reference, self.labels.as_deref().map(labels).transpose()?)?,
            legal: AskedLegal::read(self.regulation, self.ground.as_deref(), self.received_at.as_deref())?,
        };
        options.check(max_length)?;
        Ok(options)
    }
}

fn labels(text: &str) -> Result<BTreeMap<String, String>, Problem> {
    let what = "write a JSON object of texts, such as {\"team\":\"privacy\"}";
    serde_json::from_str(text).map_err(|_| Problem::invalid("labels", what))
}

fn number(field: &str, text: Option<&str>) -> Result<Option<u64>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=i64::MAX.unsigned_abs()).contains(number));
    match number {
        Some(number) => Ok(Some(number)),
        None => Err(Problem::invalid(field, format_args!("write {POSITIVE}"))),
    }
}

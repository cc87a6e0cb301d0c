//! The body of `POST /v1/jobs`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::legal::AskedLegal;
use super::marks::marks;
use super::options::{self, Options};
use super::subject::SubjectFields;
use crate::deletion::query::Query;
use crate::http::json::{given, positive};
use crate::http::object;
use crate::http::problem::Problem;
use crate::job::rate::Rate;

/// A deletion.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateJob {
    /// The target. Absent: the only one, or, for a subject, all.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) target: Option<String>,
    /// The table inside the target. Absent: the only one, or, for a subject, all.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) table: Option<String>,
    /// The memories to erase.
    #[serde(deserialize_with = "object::required")]
    pub(crate) select: Select,
    /// With ids or a query: only memories of this owner.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1)]
    pub(crate) owner: Option<String>,
    /// With ids or a query: only memories of this workspace.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1)]
    pub(crate) workspace: Option<String>,
    /// With ids or a query: only memories of this kind, where a table holds several.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1)]
    pub(crate) kind: Option<String>,
    /// Whether to count only. No store is changed.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// The most memories that the job may select. If it selects more, no store is touched.
    #[serde(default, deserialize_with = "positive", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    pub(crate) limit: Option<u64>,
    /// The digest from a dry run of this job. If the selection differs, no store is touched.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[0-9a-fA-F]{32}$")]
    pub(crate) expect: Option<String>,
    /// The earliest start.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "date-time")]
    pub(crate) not_before: Option<String>,
    /// The most memories to erase per second. Fractions are allowed.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, nullable = false, exclusive_minimum = 0, maximum = 4_294_967_295_u64)]
    pub(crate) per_second: Option<Rate>,
    /// Your own name for the job, such as a ticket, in at most 200 bytes. `GET /v1/jobs?reference=` finds it. Write no
    /// personal data: it stays as long as the job.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 200, example = "DSR-4711")]
    pub(crate) reference: Option<String>,
    /// Your own words about the job, at most 16: keys of at most 63 of the characters `a-z`, `0-9`, `_`, `.` and `-`,
    /// values of at most 128 bytes. `GET /v1/jobs?label=key:value` finds them. Write no personal data.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = json!({"team": "privacy"}))]
    pub(crate) labels: Option<BTreeMap<String, String>>,
    /// The regime that sets the deadline: `gdpr`, `ccpa`, one of the configuration, or `none`. Absent: for a subject, and with
    /// a ground or an arrival, the default of the configuration; else none.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "gdpr")]
    pub(crate) regulation: Option<String>,
    /// The ground of the erasure: a letter of Article 17(1) of the GDPR, from `17(1)(a)` to `17(1)(f)`.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "17(1)(b)")]
    pub(crate) ground: Option<String>,
    /// When the person's request arrived. The deadline counts from then on. Absent: now.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "date-time")]
    pub(crate) received_at: Option<String>,
}

/// The memories to erase: exactly one of these fields.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, max_properties = 1)]
pub(crate) struct Select {
    /// The memories with these ids.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1)]
    pub(crate) ids: Option<Vec<String>>,
    /// All memories of this subject.
    #[serde(default, deserialize_with = "object::given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) subject: Option<SubjectFields>,
    /// The memories in one table that match at the start.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) query: Option<Query>,
}

impl CreateJob {
    /// Returns the checked options and the selection.
    pub(crate) fn options(self, max_length: usize) -> Result<(Options, Select), Problem> {
        let options = Options {
            target: self.target,
            table: self.table,
            owner: self.owner,
            workspace: self.workspace,
            kind: self.kind,
            dry_run: self.dry_run,
            limit: self.limit,
            expect: self.expect.as_deref().map(options::digest).transpose()?,
            per_second: self.per_second,
            not_before: self
                .not_before
                .as_deref()
                .map(|text| options::time("not_before", text))
                .transpose()?,
            marks: marks(self.reference, self.labels)?,
            legal: AskedLegal::read(self.regulation, self.ground.as_deref(), self.received_at.as_deref())?,
        };
        options.check(max_length)?;
        Ok((options, self.select))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_no_object() {
        use crate::http::json;
        use crate::http::object::Object;
        let detail = |text: &str| {
            let read = json::read::<Object<CreateJob>>(text.as_bytes());
            read.err().map(|problem| problem.detail)
        };
        assert_eq!(detail(r#"{"select": {"ids": ["a"]}}"#), None);
        assert_eq!(detail(r#"{"select": {"subject": {"user_id": "a"}}}"#), None);
        for (text, says) in [
            (r#"["main", "memories", {"ids": ["a"]}]"#, "`the body`: write an object"),
            (r#"{"select": [["a"]]}"#, "`select`: write an object"),
            (r#"{"select": null}"#, "`select`: write an object"),
            (r#"{"select": {"subject": ["a"]}}"#, "`select.subject`: write an object"),
            (r#"{"select": {"subject": null}}"#, "`select.subject`: write an object"),
        ] {
            assert_eq!(detail(text).as_deref(), Some(says), "{text}");
        }
    }
}

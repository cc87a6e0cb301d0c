//! What a caller asks for: the fields of `POST /v1/jobs`, as a JSON body or beside an upload.

mod subject;

use jiff::{Timestamp, ToSpan};
use lethe_common::ledger::Kind;
use lethe_common::selection::{Digest, NoDigest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::deletion::query::Query;
use crate::http::json::{POSITIVE, given, positive};
use crate::http::object;
use crate::http::problem::Problem;
use crate::job::rate::Rate;

pub(crate) use subject::SubjectFields;

/// How far in the past `not_before` may lie: clocks differ a little.
const PAST: i64 = 60;

/// How far in the future `not_before` may lie, in days.
// A deletion that is not due for longer than this was mistyped.
const FUTURE: i64 = 366;

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
    /// What to erase.
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
    /// Whether to count only, touching nothing.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// The most memories this may select; if it is more, nothing is touched.
    #[serde(default, deserialize_with = "positive", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    pub(crate) limit: Option<u64>,
    /// The digest that a dry run of this said: if another selection is found, nothing is touched.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[0-9a-fA-F]{32}$")]
    pub(crate) expect: Option<String>,
    /// When to start at the earliest.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "date-time")]
    pub(crate) not_before: Option<String>,
    /// The most memories to erase in a second; a fraction will do.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, nullable = false, exclusive_minimum = 0, maximum = 4_294_967_295_u64)]
    pub(crate) per_second: Option<Rate>,
}

/// What to erase: one of these.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, max_properties = 1)]
pub(crate) struct Select {
    /// These memories.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1)]
    pub(crate) ids: Option<Vec<String>>,
    /// All memories of this person.
    #[serde(default, deserialize_with = "object::given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) subject: Option<SubjectFields>,
    /// The memories in one table that match at the start.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) query: Option<Query>,
}

/// What is said beside an upload of ids.
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
    /// Whether to count only, touching nothing.
    #[param(value_type = Option<bool>)]
    dry_run: Option<String>,
    /// The most memories this may select; if it is more, nothing is touched.
    #[param(value_type = Option<u64>, minimum = 1)]
    limit: Option<String>,
    /// The digest that a dry run of this said: if another selection is found, nothing is touched.
    #[param(pattern = "^[0-9a-fA-F]{32}$")]
    expect: Option<String>,
    /// When to start at the earliest.
    #[param(value_type = Option<String>, format = "date-time")]
    not_before: Option<String>,
    /// The most memories to erase in a second; a fraction will do.
    #[param(value_type = Option<f64>, exclusive_minimum = 0, maximum = 4_294_967_295_u64)]
    per_second: Option<String>,
}

/// What both ways of asking have in common, checked.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) target: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) workspace: Option<String>,
    /// The kind of memory.
    pub(crate) kind: Option<String>,
    pub(crate) dry_run: bool,
    pub(crate) limit: Option<u64>,
    /// What must be selected, or nothing is touched.
    pub(crate) expect: Option<Digest>,
    pub(crate) per_second: Option<Rate>,
    pub(crate) not_before: Option<Timestamp>,
}

impl CreateJob {
    /// Returns the options, checked, and what is selected.
    pub(crate) fn options(self, max_length: usize) -> Result<(Options, Select), Problem> {
        let options = Options {
            target: self.target,
            table: self.table,
            owner: self.owner,
            workspace: self.workspace,
            kind: self.kind,
            dry_run: self.dry_run,
            limit: self.limit,
            expect: self.expect.as_deref().map(digest).transpose()?,
            per_second: self.per_second,
            not_before: self.not_before.as_deref().map(time).transpose()?,
        };
        options.check(max_length)?;
        Ok((options, self.select))
    }
}

impl UploadParams {
    /// Returns the options, checked.
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
            expect: self.expect.as_deref().map(digest).transpose()?,
            per_second: self.per_second.as_deref().map(Rate::of_text).transpose()?,
            not_before: self.not_before.as_deref().map(time).transpose()?,
        };
        options.check(max_length)?;
        Ok(options)
    }
}

impl Options {
    /// Refuses what contradicts itself, and texts that no store could hold.
    pub(crate) fn check(&self, max_length: usize) -> Result<(), Problem> {
        if self.dry_run && self.expect.is_some() {
            let what = "leave it out: a dry run touches nothing, whatever it finds";
            return Err(Problem::invalid("expect", what));
        }
        let given = [
            ("owner", &self.owner),
            ("workspace", &self.workspace),
            ("kind", &self.kind),
        ];
        for (field, value) in given {
            if let Some(value) = value {
                text(field, value, max_length)?;
            }
        }
        Ok(())
    }

    /// Returns what a partition of ids is for.
    pub(crate) fn purpose(&self) -> Kind {
        match (self.dry_run, self.expect) {
            (true, _) => Kind::Preview,
            (false, Some(_)) => Kind::Check,
            (false, None) => Kind::Erase,
        }
    }

    /// Refuses a start that is too far from `now`.
    pub(crate) fn check_start(&self, now: Timestamp) -> Result<(), Problem> {
        let Some(at) = self.not_before else { return Ok(()) };
        if at < now.saturating_sub(PAST.seconds()).expect("seconds have no calendar") {
            return Err(Problem::invalid(
                "not_before",
                "write a time that is not in the past by more than a minute, or leave it out",
            ));
        }
        if at
            > now
                .saturating_add((FUTURE * 24).hours())
                .expect("hours have no calendar")
        {
            return Err(Problem::invalid("not_before", "write a time within a year"));
        }
        Ok(())
    }
}

/// Refuses a text that no store could hold as an id or an owner.
pub(crate) fn text(field: &str, value: &str, max_length: usize) -> Result<(), Problem> {
    let refused = |what: String| Err(Problem::invalid(field, what));
    if value.is_empty() {
        refused("write something, or leave it out".to_owned())
    } else if value.len() > max_length && value.chars().count() > max_length {
        refused(format!("write at most {max_length} characters"))
    } else if value.contains('\0') {
        // No SQL database stores it in a text, and JSON columns refuse it.
        refused("leave the character U+0000 out".to_owned())
    } else {
        Ok(())
    }
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

fn digest(text: &str) -> Result<Digest, Problem> {
    text.parse()
        .map_err(|error: NoDigest| Problem::invalid("expect", error))
}

fn time(text: &str) -> Result<Timestamp, Problem> {
    text.parse()
        .map_err(|_| Problem::invalid("not_before", "write a time such as \"2030-01-31T12:00:00Z\" (RFC 3339)"))
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

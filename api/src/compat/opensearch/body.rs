//! The body of a deletion by query.

#[cfg(test)]
mod fuzz;

use serde_json::{Map, Value};

use super::dsl::refused;
use super::unique::Unique;
use super::values::{FROM, STORED_FIELDS, illegal};
use crate::http::json;
use crate::http::json::short;
use crate::http::problem::{Kind, Missing, Problem};

const NO_QUERY: &str = "Query parameter is required for delete by query operation. To delete all documents, explicitly \
    provide a match_all query: {\"query\": {\"match_all\": {}}}";

/// The supported fields. A `null` counts as absent.
const KNOWN: [&str; 3] = ["conflicts", "max_docs", "query"];

/// The validation rules of a route.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Validation {
    /// The agentic memory's rules. A missing query is reported before any other error.
    OfMemories,
    /// The search engine's rules. All errors are reported together.
    OfIndices,
}

/// The fields of a body.
pub(super) struct Body {
    pub(super) query: Value,
    pub(super) max_docs: Option<i32>,
    pub(super) conflicts: Option<String>,
}

impl Body {
    /// Reads a body. `unsupported` lists the errors of the parameters.
    pub(super) fn read(bytes: &[u8], unsupported: &[&'static str], validation: Validation) -> Result<Self, Problem> {
        let mut body = object(bytes)?;
        // Searches support these fields, and deletions do not.
        let of_searches = [("from", FROM), ("stored_fields", STORED_FIELDS)];
        let wrong: Vec<&str> = of_searches
            .into_iter()
            .filter(|(name, says)| body.remove(*name).is_some() || unsupported.contains(says))
            .map(|(_, says)| says)
            .collect();
        if let Some(name) = body.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            let name = short(name);
            return Err(refused(&format!("[{name}] is not supported: leave it out")));
        }
        let mut field = |name: &str| body.remove(name).filter(|value| !value.is_null());
        let query = field("query");
        validation.check(wrong, query.is_some())?;
        Ok(Self {
            query: query.unwrap_or_default(),
            max_docs: field("max_docs").map(|value| max_docs(&value)).transpose()?,
            conflicts: field("conflicts").map(conflicts).transpose()?,
        })
    }
}

impl Validation {
    fn check(self, mut wrong: Vec<&str>, has_query: bool) -> Result<(), Problem> {
        if !has_query && self == Self::OfMemories {
            return Err(Problem::new(Kind::Malformed, NO_QUERY));
        }
        if !has_query {
            wrong.push("query is missing");
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let numbered = wrong.iter().zip(1..).map(|(says, n)| format!("{n}: {says};"));
        let text = format!("Validation Failed: {}", numbered.collect::<String>());
        Err(Problem::new(Kind::Malformed, text).lacking(Missing::Validity))
    }
}

/// Returns the fields. An empty body has none.
fn object(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    let Unique(body) = json::read(bytes).map_err(|problem| problem.into_kind(Kind::BadQuery))?;
    match body {
        Value::Object(body) => Ok(body),
        _ => Err(refused("the body needs an object")),
    }
}

fn max_docs(value: &Value) -> Result<i32, Problem> {
    let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
    number.ok_or_else(|| {
        let shown = match value {
            Value::String(text) => short(text),
            Value::Number(number) => number.to_string(),
            _ => "…".to_owned(),
        };
        illegal(&format!(
            "Failed to parse int parameter [max_docs] with value [{shown}]"
        ))
    })
}

fn conflicts(value: Value) -> Result<String, Problem> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(illegal("[conflicts] takes a text: \"proceed\" or \"abort\"")),
    }
}

//! Conditions inside a column's JSON.
//!
//! At each step, and at the end, a list stands for its elements. A text that is no JSON counts as
//! missing, and is never an error.

use std::fmt::Write;

use lethe_common::filter::{Comparison, Has, Path, Scalar};

use super::super::column::Holds;
use super::super::dialect::Dialect;
use super::leaf::has_text;
use super::moment::Test;
use super::mysql::has_value as mysql_has_value;
use super::{Bind, Compiler, joined};

/// The values at a path: a subquery without its last condition, which is the one on a value.
pub(super) struct Source(pub(super) String);

impl Source {
    /// Returns the condition that `right` is true for one of the values.
    pub(super) fn with(self, right: &str) -> String {
        format!("EXISTS ({}{right})", self.0)
    }
}

// The type and the value of an element of a list in SQLite's JSON, or of a value that is no list.
const KIND: &str = "CASE k.type WHEN 'array' THEN f.type ELSE k.type END";
const VALUE: &str = "CASE k.type WHEN 'array' THEN f.value ELSE k.value END";

// json allows escapes that jsonb does not: NUL, and halves of surrogate pairs.
const NOT_JSONB: &str = r"(^|[^\\])(\\\\)*\\u(0000|[dD][89a-fA-F])";
const PAIRS: &str = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}";

// Values that are neither null nor a list nor an object, at any depth.
const VALUES: &str = r#"strict $.** ? (@.type() != "null" && @.type() != "array" && @.type() != "object")"#;

impl Compiler<'_> {
    pub(super) fn json_source(&mut self, name: &str, holds: &Holds, path: &Path) -> Source {
        match self.dialect {
            Dialect::Postgres => {
                let base = match holds {
                    Holds::Json => format!(
                        "CASE WHEN regexp_replace({name}::pg_catalog.text, '{PAIRS}', '', 'g') ~ '{NOT_JSONB}' \
                         THEN NULL ELSE {name}::pg_catalog.jsonb END"
                    ),
                    Holds::Array => format!("pg_catalog.to_jsonb({name})"),
                    _ => name.to_owned(),
                };
                let steps = path.steps.iter().fold(String::new(), |mut steps, step| {
                    write!(steps, ".{}", serde_json::json!(step)).expect("a String takes any text");
                    steps
                });
                let steps = self.bind(Bind::Text(format!("lax ${steps}[*]")));
                Source(format!(
                    "SELECT 1 FROM pg_catalog.jsonb_path_query({base}, {steps}::pg_catalog.jsonpath) AS f(v) WHERE "
                ))
            }
            Dialect::Mysql => self.mysql_json_source(name, path),
            Dialect::Sqlite => {
                let last = path.steps.len();
                // The last alias is `k`.
                let alias = |n: usize| if n == last { "k".to_owned() } else { format!("k{n}") };
                let mut from = format!(
                    "SELECT 1 FROM json_each(json_array(json(CASE WHEN json_valid({name}) THEN {name} END))) AS {}",
                    alias(0)
                );
                let mut names = String::new();
                for (n, step) in path.steps.iter().enumerate() {
                    let (from_here, to) = (alias(n), alias(n + 1));
                    let step = self.bind(Bind::Text(step.clone()));
                    write!(
                        from,
                        ", json_each(CASE {from_here}.type WHEN 'array' THEN {from_here}.value \
                         WHEN 'object' THEN json_array(json({from_here}.value)) END) AS u{n}, \
                         json_each(CASE u{n}.type WHEN 'object' THEN u{n}.value END) AS {to}"
                    )
                    .expect("a String takes any text");
                    write!(names, "{to}.key = {step} AND ").expect("a String takes any text");
                }
                Source(format!(
                    "{from}, json_each(CASE k.type WHEN 'array' THEN k.value ELSE '[0]' END) AS f WHERE {names}"
                ))
            }
        }
    }

    /// Returns the condition that there is a value. Lists and objects must contain one, at any depth.
    pub(super) fn json_exists(&self) -> String {
        match self.dialect {
            Dialect::Postgres => format!("pg_catalog.jsonb_path_exists(f.v, '{VALUES}'::pg_catalog.jsonpath)"),
            Dialect::Mysql => mysql_has_value(),
            Dialect::Sqlite => format!(
                "CASE WHEN {KIND} IN ('array', 'object') \
                 THEN EXISTS (SELECT 1 FROM json_tree({VALUE}) AS t WHERE t.atom IS NOT NULL) \
                 ELSE {KIND} <> 'null' END"
            ),
        }
    }

    pub(super) fn json_opaque(&self) -> String {
        match self.dialect {
            Dialect::Postgres => "pg_catalog.jsonb_typeof(f.v) IN ('array', 'object')".to_owned(),
            Dialect::Mysql => "JSON_TYPE(k.v) IN ('ARRAY', 'OBJECT')".to_owned(),
            Dialect::Sqlite => format!("{KIND} IN ('array', 'object')"),
        }
    }

    pub(super) fn json_one_of(&mut self, values: &[Scalar]) -> String {
        match self.dialect {
            Dialect::Postgres => {
                let list = self.bind(Bind::Text(serde_json::json!(values).to_string()));
                format!("f.v = ANY (ARRAY(SELECT pg_catalog.jsonb_array_elements({list}::pg_catalog.jsonb)))")
            }
            Dialect::Mysql => self.mysql_json_one_of(values),
            Dialect::Sqlite => self.sqlite_json_one_of(values),
        }
    }

    fn sqlite_json_one_of(&mut self, values: &[Scalar]) -> String {
        let some = |wanted: fn(&Scalar) -> bool| values.iter().filter(|value| wanted(value)).collect::<Vec<_>>();
        let texts = some(|value| matches!(value, Scalar::Text(_)));
        let numbers = some(|value| matches!(value, Scalar::Integer(_) | Scalar::Float(_)));
        let mut parts = Vec::new();
        for (types, values) in [("'text'", texts), ("'integer', 'real'", numbers)] {
            if !values.is_empty() {
                let list = self.bind(Bind::Text(serde_json::json!(values).to_string()));
                parts.push(format!(
                    "({KIND} IN ({types}) AND {VALUE} IN (SELECT value FROM json_each({list})))"
                ));
            }
        }
        for value in [true, false] {
            if values.contains(&Scalar::Bool(value)) {
                parts.push(format!("({KIND} = '{value}')"));
            }
        }
        joined(&parts, "OR")
    }

    pub(super) fn json_text(&mut self, has: Has, text: &str) -> String {
        let value = self.bind(Bind::Text(text.to_owned()));
        match self.dialect {
            Dialect::Postgres => {
                let right = has_text(self.dialect, has, "(f.v #>> '{}')", &value);
                format!("(pg_catalog.jsonb_typeof(f.v) = 'string' AND {right})")
            }
            Dialect::Mysql => {
                let right = has_text(self.dialect, has, "JSON_UNQUOTE(k.v)", &value);
                format!("(JSON_TYPE(k.v) = 'STRING' AND {right})")
            }
            Dialect::Sqlite => {
                let right = has_text(self.dialect, has, VALUE, &value);
                format!("({KIND} = 'text' AND {right})")
            }
        }
    }

    /// Returns the condition on a text that is read as a moment. Values of other types do not match.
    pub(super) fn json_moment(&mut self, column: &str, test: &Test) -> String {
        let (is_text, value) = match self.dialect {
            Dialect::Postgres => ("pg_catalog.jsonb_typeof(f.v) = 'string'".to_owned(), "(f.v #>> '{}')"),
            Dialect::Mysql => ("JSON_TYPE(k.v) = 'STRING'".to_owned(), "JSON_UNQUOTE(k.v)"),
            Dialect::Sqlite => (format!("{KIND} = 'text'"), VALUE),
        };
        let right = self.text_moment(value, test, self.takes_unreadable(column));
        format!("({is_text} AND {right})")
    }

    /// Returns the condition that one value is within all bounds.
    pub(super) fn json_range(&mut self, bounds: &[(Comparison, Scalar)]) -> String {
        let parts: Vec<String> = bounds
            .iter()
            .map(|(comparison, bound)| self.json_bound(*comparison, bound))
            .collect();
        joined(&parts, "AND")
    }

    fn json_bound(&mut self, comparison: Comparison, bound: &Scalar) -> String {
        let operator = comparison.operator();
        match (self.dialect, bound) {
            (_, Scalar::Bool(_)) => "1 = 0".to_owned(),
            (Dialect::Mysql, bound) => self.mysql_json_bound(comparison, bound),
            (Dialect::Postgres, Scalar::Text(text)) => {
                let value = self.bind(Bind::Text(text.clone()));
                format!(
                    "(pg_catalog.jsonb_typeof(f.v) = 'string' \
                     AND (f.v #>> '{{}}') COLLATE pg_catalog.\"C\" {operator} {value})"
                )
            }
            // The cast of another type would be an error, and AND has no fixed order of evaluation.
            (Dialect::Postgres, number) => {
                let value = self.bind(Bind::Text(serde_json::json!(number).to_string()));
                format!(
                    "CASE pg_catalog.jsonb_typeof(f.v) WHEN 'number' \
                     THEN (f.v #>> '{{}}')::pg_catalog.numeric {operator} {value}::pg_catalog.numeric ELSE FALSE END"
                )
            }
            (Dialect::Sqlite, Scalar::Text(text)) => {
                let value = self.bind(Bind::Text(text.clone()));
                format!("({KIND} = 'text' AND {VALUE} {operator} {value})")
            }
            (Dialect::Sqlite, Scalar::Integer(number)) => {
                let value = self.bind(Bind::Integer(*number));
                format!("({KIND} IN ('integer', 'real') AND {VALUE} {operator} {value})")
            }
            (Dialect::Sqlite, Scalar::Float(number)) => {
                let value = self.bind(Bind::Float(*number));
                format!("({KIND} IN ('integer', 'real') AND {VALUE} {operator} {value})")
            }
        }
    }
}

//! Conditions for MySQL and MariaDB, on columns and inside their JSON.
//!
//! MySQL converts the sides of a comparison to one type: a text that is no number becomes 0. Texts are
//! equal whatever their case and their blanks at the end. So every value is parsed as the column's type
//! first and then cast to it, and texts are compared by their bytes too.

use std::fmt::Write;

use lethe_common::filter::{Comparison, Path, Scalar};

use super::super::column::{Declared, Holds, Kind};
use super::super::compare::{bytes, equals_value, typed_value};
use super::super::text::MYSQL_TEXT;
use super::json::Source;
use super::leaf::typed_text;
use super::number::{self, Moved};
use super::{Bind, Compiler, joined};

// The server can hash the values of a list only if their length has a limit. Without a hash it scans
// the list.
const SHORT: usize = 255;
const SHORT_TEXT: &str = "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

// A decimal of 65 digits has room for these numbers on both sides of its point, and for every 64-bit
// integer. Beyond them numbers are compared as floats, which is close enough there.
const DECIMAL: &str = "DECIMAL(65,30)";
const DECIMALS: std::ops::Range<f64> = 1e-30..1e34;

// MariaDB calls a number without a point an integer, even if it has an exponent.
const NUMBERS: &str = "'INTEGER', 'UNSIGNED INTEGER', 'DOUBLE', 'DECIMAL'";
const WHOLE: &str = "CAST(k.v AS CHAR) REGEXP '^-?[0-9]{1,60}$'";
const AS_WHOLE: &str = "CAST(CAST(k.v AS CHAR) AS DECIMAL(65,0))";
const AS_FLOAT: &str = "(CAST(k.v AS CHAR) + 0e0)";

/// Returns an expression of the greatest value of a time column, as a text.
pub(super) fn newest(name: &str, holds: &Holds) -> String {
    match holds {
        Holds::Key(Kind::Collated { .. }) => format!("CONVERT(max({}) USING utf8mb4)", bytes(name)),
        // A 32-bit float as a 64-bit one: its own text has too few digits.
        Holds::Float => format!("CAST(max({name}) + 0e0 AS CHAR)"),
        Holds::Key(Kind::Whole { .. }) => format!("CAST(max({name}) + 0 AS CHAR)"),
        _ => format!("CAST(max({name}) AS CHAR)"),
    }
}

/// Returns the condition that a time is no later than a bound that [`newest`] returned.
pub(super) fn up_to(name: &str, holds: &Holds, bound: &str) -> String {
    match holds {
        Holds::Key(Kind::Collated { .. }) => format!("{} <= {}", bytes(name), bytes(bound)),
        Holds::Float => format!("{name} <= ({bound} + 0e0)"),
        _ => format!("{name} <= {}", typed(holds, bound)),
    }
}

impl Compiler<'_> {
    pub(super) fn mysql_one_of(&mut self, name: &str, holds: &Holds, values: &[Scalar]) -> String {
        match holds {
            Holds::Bool => self.declared_one_of(name, Declared::Bool, values),
            Holds::Numeric => self.mysql_decimals(name, values),
            Holds::Float => {
                let list = self.list(&numbers(values));
                format!("({name} IN (SELECT v.v FROM {}))", listed(&list, "DOUBLE"))
            }
            Holds::Key(Kind::Whole { .. }) => match values {
                [Scalar::Integer(number)] => format!("({name} = {})", self.bind(Bind::Integer(*number))),
                values => {
                    let list = self.list(&numbers(values));
                    format!("({name} IN (SELECT v.v FROM {}))", listed(&list, "BIGINT"))
                }
            },
            _ => {
                let texts: Vec<String> = values.iter().map(|value| typed_text(holds, value)).collect();
                self.mysql_texts(name, holds, &texts)
            }
        }
    }

    /// Returns the condition that a column has one of these values, which are bound as texts.
    fn mysql_texts(&mut self, name: &str, holds: &Holds, texts: &[String]) -> String {
        let kind = match holds {
            Holds::Key(kind @ Kind::Collated { .. }) => Some(kind),
            _ => None,
        };
        if let [text] = texts {
            let value = self.bind(Bind::Text(text.clone()));
            return match kind {
                Some(kind) => format!("({})", equals_value(kind, name, &value)),
                None => format!("({name} = {})", typed(holds, &value)),
            };
        }
        let short = texts.iter().all(|text| text.chars().count() <= SHORT);
        let list = self.list(texts);
        let listed = listed(&list, if short { SHORT_TEXT } else { MYSQL_TEXT });
        match kind {
            // Both in one comparison, so that the list is read once.
            Some(kind) => format!(
                "(({name}, {}) IN (SELECT {}, {} FROM {listed}))",
                bytes(name),
                typed_value(kind, "v.v"),
                bytes("v.v"),
            ),
            None => format!("({name} IN (SELECT {} FROM {listed}))", typed(holds, "v.v")),
        }
    }

    fn mysql_decimals(&mut self, name: &str, values: &[Scalar]) -> String {
        let (near, far): (Vec<&Scalar>, Vec<&Scalar>) = values.iter().partition(|value| is_decimal(value));
        let mut parts = Vec::new();
        if !near.is_empty() {
            let texts: Vec<String> = near.iter().map(|value| typed_text(&Holds::Numeric, value)).collect();
            parts.push(self.mysql_texts(name, &Holds::Numeric, &texts));
        }
        if !far.is_empty() {
            let list = self.list(&far);
            parts.push(format!("({name} IN (SELECT v.v FROM {}))", listed(&list, "DOUBLE")));
        }
        joined(&parts, "OR")
    }

    pub(super) fn mysql_bound(&mut self, name: &str, holds: &Holds, comparison: Comparison, bound: &Scalar) -> String {
        let operator = comparison.operator();
        match (holds, bound) {
            (Holds::Key(Kind::Whole { .. }), Scalar::Float(bound)) => match number::for_whole(comparison, *bound) {
                Moved::To(comparison, digits) => {
                    let value = self.bind(Bind::Text(digits));
                    format!("({name} {} CAST({value} AS DECIMAL(65,0)))", comparison.operator())
                }
                Moved::Always => format!("({name} IS NOT NULL)"),
                Moved::Never => "(1 = 0)".to_owned(),
            },
            (Holds::Key(Kind::Whole { .. }), Scalar::Integer(bound)) => {
                format!("({name} {operator} {})", self.bind(Bind::Integer(*bound)))
            }
            (Holds::Float, Scalar::Float(bound)) => {
                format!("({name} {operator} {})", self.bind(Bind::Float(*bound)))
            }
            (Holds::Numeric, Scalar::Float(far)) if !is_decimal(bound) => {
                format!("({name} {operator} {})", self.bind(Bind::Float(*far)))
            }
            (Holds::Key(Kind::Collated { .. }), _) => {
                let value = self.bind(Bind::Text(typed_text(holds, bound)));
                format!("({} {operator} {})", bytes(name), bytes(&value))
            }
            // MariaDB keeps, and so compares, the digits of a UUID in another order.
            (Holds::Key(Kind::NativeUuid), _) => {
                let value = self.bind(Bind::Text(typed_text(holds, bound)));
                let name = format!("CAST({name} AS CHAR)");
                format!("({} {operator} {})", bytes(&name), bytes(&value))
            }
            _ => {
                let value = self.bind(Bind::Text(typed_text(holds, bound)));
                format!("({name} {operator} {})", typed(holds, &value))
            }
        }
    }

    /// Returns one table of elements for each step; the alias of the last one is `k`.
    pub(super) fn mysql_json_source(&mut self, name: &str, path: &Path) -> Source {
        let last = path.steps.len();
        let alias = |n: usize| if n == last { "k".to_owned() } else { format!("k{n}") };
        let document = format!("CONVERT({name} USING utf8mb4)");
        let valid = format!("CASE WHEN JSON_VALID({document}) THEN {document} END");
        let mut from = format!("SELECT 1 FROM {} AS {}", elements(&valid), alias(0));
        for (n, step) in path.steps.iter().enumerate() {
            let step = self.bind(Bind::Text(format!("$.{}", serde_json::json!(step))));
            let value = format!("JSON_EXTRACT({}.v, {step})", alias(n));
            write!(from, ", {} AS {}", elements(&value), alias(n + 1)).expect("a String takes any text");
        }
        Source(format!("{from} WHERE "))
    }

    pub(super) fn mysql_json_one_of(&mut self, values: &[Scalar]) -> String {
        let mut parts = Vec::new();
        let texts: Vec<&Scalar> = values.iter().filter(|value| matches!(value, Scalar::Text(_))).collect();
        if !texts.is_empty() {
            let list = self.list(&texts);
            parts.push(format!(
                "(JSON_TYPE(k.v) = 'STRING' AND {} IN (SELECT {} FROM {}))",
                bytes("JSON_UNQUOTE(k.v)"),
                bytes("v.v"),
                listed(&list, MYSQL_TEXT),
            ));
        }
        let (mut whole, mut floats) = (Vec::new(), Vec::new());
        for value in values {
            match value {
                Scalar::Integer(number) => {
                    whole.push(number.to_string());
                    floats.extend(number::as_float(*number));
                }
                Scalar::Float(number) => {
                    whole.extend(number::as_whole(*number));
                    floats.push(*number);
                }
                Scalar::Text(_) | Scalar::Bool(_) => {}
            }
        }
        if !(whole.is_empty() && floats.is_empty()) {
            let (whole, floats) = (self.list(&whole), self.list(&floats));
            let right = number_is(
                &format!(
                    "IN (SELECT CAST(v.v AS DECIMAL(65,0)) FROM {})",
                    listed(&whole, SHORT_TEXT)
                ),
                &format!("IN (SELECT v.v FROM {})", listed(&floats, "DOUBLE")),
            );
            parts.push(right);
        }
        for value in [true, false] {
            if values.contains(&Scalar::Bool(value)) {
                parts.push(format!(
                    "(JSON_TYPE(k.v) = 'BOOLEAN' AND CAST(k.v AS CHAR) = '{value}')"
                ));
            }
        }
        joined(&parts, "OR")
    }

    pub(super) fn mysql_json_bound(&mut self, comparison: Comparison, bound: &Scalar) -> String {
        let operator = comparison.operator();
        match bound {
            Scalar::Bool(_) => "1 = 0".to_owned(),
            Scalar::Text(text) => {
                let value = self.bind(Bind::Text(text.clone()));
                let right = format!("{} {operator} {}", bytes("JSON_UNQUOTE(k.v)"), bytes(&value));
                format!("(JSON_TYPE(k.v) = 'STRING' AND {right})")
            }
            Scalar::Integer(number) => {
                let whole = format!("{operator} {}", self.bind(Bind::Integer(*number)));
                let (comparison, near) = number::for_float(comparison, *number);
                let float = format!("{} {}", comparison.operator(), self.bind(Bind::Float(near)));
                number_is(&whole, &float)
            }
            Scalar::Float(number) => {
                let whole = match number::for_whole(comparison, *number) {
                    Moved::To(comparison, digits) => {
                        let value = self.bind(Bind::Text(digits));
                        format!("{} CAST({value} AS DECIMAL(65,0))", comparison.operator())
                    }
                    Moved::Always => "IS NOT NULL".to_owned(),
                    Moved::Never => "IS NULL".to_owned(),
                };
                let float = format!("{operator} {}", self.bind(Bind::Float(*number)));
                number_is(&whole, &float)
            }
        }
    }

    fn list(&mut self, values: &(impl serde::Serialize + ?Sized)) -> String {
        self.bind(Bind::Text(serde_json::json!(values).to_string()))
    }
}

/// Returns a value that was bound as a text, cast to the column's type.
pub(super) fn typed(holds: &Holds, value: &str) -> String {
    match holds {
        Holds::Key(kind) => typed_value(kind, value),
        Holds::Numeric => format!("CAST({value} AS {DECIMAL})"),
        _ => value.to_owned(),
    }
}

fn is_decimal(value: &Scalar) -> bool {
    match value {
        Scalar::Float(number) => *number == 0.0 || DECIMALS.contains(&number.abs()),
        _ => true,
    }
}

fn numbers(values: &[Scalar]) -> Vec<&Scalar> {
    values
        .iter()
        .filter(|value| matches!(value, Scalar::Integer(_) | Scalar::Float(_)))
        .collect()
}

/// Returns the elements of a list that was bound, as a table `v (v)`.
fn listed(list: &str, of: &str) -> String {
    format!("JSON_TABLE(CONVERT({list} USING utf8mb4), '$[*]' COLUMNS (v {of} PATH '$')) AS v")
}

/// Returns the elements of a document that is a list, or the document itself, as a table with the column
/// `v`.
fn elements(document: &str) -> String {
    format!(
        "JSON_TABLE(CASE JSON_TYPE({document}) WHEN 'ARRAY' THEN {document} ELSE CONCAT('[', {document}, ']') END, \
         '$[*]' COLUMNS (v JSON PATH '$'))"
    )
}

/// Returns the condition that there is a value in `k.v`, at any depth.
pub(super) fn has_value() -> String {
    let inside = "JSON_TABLE(JSON_EXTRACT(k.v, '$**.*', '$**[*]'), '$[*]' COLUMNS (v JSON PATH '$')) AS x";
    format!(
        "CASE JSON_TYPE(k.v) WHEN 'NULL' THEN FALSE WHEN 'ARRAY' THEN {0} WHEN 'OBJECT' THEN {0} ELSE TRUE END",
        format_args!("EXISTS (SELECT 1 FROM {inside} WHERE JSON_TYPE(x.v) NOT IN ('NULL', 'ARRAY', 'OBJECT'))")
    )
}

/// Returns the condition that `k.v` is a number for which `whole` or `float` is true. The cast of
/// another value would be an error, and AND has no fixed order of evaluation.
fn number_is(whole: &str, float: &str) -> String {
    format!(
        "CASE WHEN JSON_TYPE(k.v) NOT IN ({NUMBERS}) THEN FALSE \
         WHEN {WHOLE} THEN {AS_WHOLE} {whole} ELSE {AS_FLOAT} {float} END"
    )
}

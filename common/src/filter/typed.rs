//! Type checks: whether the columns can be compared with the values of a filter at all.
//!
//! A value of another type is equal to nothing, and a negation of that matches everything: `not` of a range
//! of dates over a column of numbers would protect nothing. So it is refused: by the API, as far as workers
//! have reported the types of columns, and by every statement. A number that is only too large for a column
//! is not refused.

mod spelling;

use std::fmt;

use uuid::Uuid;

use super::value::bytes_text;
use super::{Bounds, Filter, Path, Scalar, Type, Unit};

/// A comparison that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistyped {
    /// The column, by its name in the configuration.
    pub column: String,
    /// The type of the column.
    pub of: Type,
    /// The comparison.
    pub asked: Asked,
}

/// A comparison with a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Whether it equals a value.
    Value,
    /// Whether it is more or less than a value.
    Order,
    /// Whether it is within times. Only moments can be compared with these.
    Moment,
    /// Whether a text is a part of it.
    Part,
    /// No comparison: a row holds a value that cannot be read.
    Unreadable,
}

impl std::error::Error for Mistyped {}

impl Mistyped {
    /// Returns the error for a column of moments with a value that is no moment.
    pub fn unreadable(column: impl Into<String>) -> Self {
        Self {
            column: column.into(),
            of: Type::Time,
            asked: Asked::Unreadable,
        }
    }
}

impl fmt::Display for Mistyped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (holds, write) = match self.of {
            Type::Text => ("texts", "write one in quotation marks"),
            Type::Uuid => ("UUIDs", "write one"),
            Type::Bytes { .. } => ("bytes", "write them as hexadecimal digits"),
            Type::Integer(_) | Type::Float | Type::Number => {
                ("numbers", "write a number, and with `ago` its unit (`as`)")
            }
            Type::Bool => ("true and false", "write one of them"),
            Type::Time => (
                "moments",
                "write a time in RFC 3339, a date, or milliseconds since 1970",
            ),
            Type::Counted(Unit::Seconds) => (
                "seconds since 1970",
                "write a number, or a moment as RFC 3339 has it, or a date",
            ),
            Type::Counted(Unit::Milliseconds) => (
                "milliseconds since 1970",
                "write a number, or a moment as RFC 3339 has it, or a date",
            ),
            Type::Json | Type::Any => ("values of any type", "write one"),
        };
        if self.asked == Asked::Unreadable {
            let column = &self.column;
            return write!(
                f,
                "column `{column}` is compared with moments, but some of its values are not moments"
            );
        }
        write!(f, "column `{}` holds {holds}: ", self.column)?;
        match (self.asked, self.of) {
            (Asked::Part, _) => f.write_str("`prefix` and `contains` are for texts"),
            (Asked::Moment, _) => f.write_str("a day, a month or a year is for moments"),
            (Asked::Order, Type::Bool) => f.write_str("they have no order"),
            (Asked::Order | Asked::Value | Asked::Unreadable, _) => f.write_str(write),
        }
    }
}

impl Filter {
    /// Refuses to compare a column with a value of another type; `types` returns the type of each column.
    ///
    /// Ids are not checked: a text of another type is the id of no memory. Loose bounds are one of several spellings:
    /// the column must take one of the alternatives.
    ///
    /// # Errors
    /// The change to make. The text holds nothing of the filter.
    pub fn check_types(&self, types: &dyn Fn(&str) -> Type) -> Result<(), Mistyped> {
        let (path, asked) = match self {
            Self::And(parts) => return parts.iter().try_for_each(|part| part.check_types(types)),
            Self::Or { any, .. } => {
                any.iter().try_for_each(|part| part.check_types(types))?;
                return spelling::check(any, types);
            }
            Self::Not(part) => return part.check_types(types),
            Self::All | Self::Nothing | Self::Ids(_) | Self::Exists(_) | Self::Opaque(_) => return Ok(()),
            Self::OneOf { path, .. } => (path, Asked::Value),
            Self::Range { path, bounds } => (path, bounds.asked()),
            Self::Text { path, .. } => (path, Asked::Part),
        };
        let of = path.compared(types(&path.column));
        let is_fine = match self {
            Self::OneOf { values, .. } => values.iter().all(|value| value.is_of(of)),
            Self::Range { bounds, .. } => bounds.loose || bounds.within(of).is_of(of),
            _ => matches!(of, Type::Text | Type::Json | Type::Any),
        };
        if is_fine {
            return Ok(());
        }
        let column = path.column.clone();
        Err(Mistyped { column, of, asked })
    }
}

impl Path {
    /// Returns the type that is compared here, if the column holds `of`: inside JSON every value has its own type.
    pub(super) fn compared(&self, of: Type) -> Type {
        if self.steps.is_empty() { of } else { Type::Json }
    }
}

impl Type {
    /// Returns whether a text may be an id or an owner's name of the type. It need not fit into a column: a
    /// number may be too large.
    pub fn may_be(self, text: &str) -> bool {
        match self {
            Self::Uuid => Uuid::try_parse(text).is_ok(),
            Self::Bytes { uuids } => bytes_text(text, uuids).is_some(),
            Self::Integer(_) => {
                let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
            }
            Self::Text
            | Self::Float
            | Self::Number
            | Self::Bool
            | Self::Time
            | Self::Counted(_)
            | Self::Json
            | Self::Any => true,
        }
    }
}

impl Bounds {
    /// Returns the comparison of a range with these bounds.
    fn asked(&self) -> Asked {
        if self.given().next().is_none() {
            Asked::Moment
        } else {
            Asked::Order
        }
    }

    /// Returns whether values of the type can be compared with these bounds. Without bounds they cannot.
    fn is_of(&self, of: Type) -> bool {
        let mut bounds = self.given().map(|(_, bound)| bound);
        let (Some(first), true) = (bounds.next(), self.given().all(|(_, bound)| bound.is_bound_of(of))) else {
            return false;
        };
        // Numbers and moments are compared in two ways, so the bounds must be of one kind.
        let is_number = first.is_number();
        !matches!(of, Type::Counted(_)) || bounds.all(|bound| bound.is_number() == is_number)
    }
}

impl Scalar {
    /// Returns whether it is a value of the type. It need not fit into a column.
    fn is_of(&self, of: Type) -> bool {
        match (of, self) {
            (Type::Json | Type::Any, _)
            | (Type::Text, Self::Text(_) | Self::Integer(_) | Self::Bool(_))
            | (Type::Integer(_) | Type::Float | Type::Number, Self::Integer(_) | Self::Float(_))
            | (Type::Bool, Self::Bool(_)) => true,
            (Type::Uuid, Self::Text(text)) => Uuid::try_parse(text).is_ok(),
            (Type::Bytes { uuids }, Self::Text(text)) => bytes_text(text, uuids).is_some(),
            // Ids and owners write numbers as texts.
            (Type::Integer(_), Self::Text(_)) => self.read(Type::Integer(64)).is_some(),
            (Type::Float | Type::Number | Type::Bool, Self::Text(_)) | (Type::Time | Type::Counted(_), _) => {
                self.read(of).is_some()
            }
            (Type::Text, Self::Float(_))
            | (Type::Integer(_) | Type::Float | Type::Number, Self::Bool(_))
            | (Type::Uuid | Type::Bytes { .. } | Type::Bool, _) => false,
        }
    }

    /// Returns whether values of the type have an order relative to it.
    fn is_bound_of(&self, of: Type) -> bool {
        match of {
            // As texts, 10 comes before 9.
            Type::Text => matches!(self, Self::Text(_)),
            Type::Bool => false,
            _ => self.is_of(of),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(super) fn check(filter: &Value) -> Result<(), String> {
        let filter: Filter = serde_json::from_value(filter.clone()).unwrap();
        let types = |column: &str| match column {
            "text" => Type::Text,
            "uuid" => Type::Uuid,
            "bytes" => Type::Bytes { uuids: false },
            "whole" => Type::Integer(16),
            "float" => Type::Float,
            "flag" => Type::Bool,
            "at" => Type::Time,
            "seconds" => Type::Counted(Unit::Seconds),
            "meta" => Type::Json,
            _ => Type::Any,
        };
        filter.check_types(&types).map_err(|error| error.to_string())
    }

    fn one_of(column: &str, value: &Value) -> Value {
        json!({"one_of": {"path": [column], "values": [value]}})
    }

    fn more_than(column: &str, bound: &Value) -> Value {
        json!({"range": {"path": [column], "bounds": {"gt": bound}}})
    }

    #[test]
    fn what_a_column_could_hold_may_be_asked_for() {
        for (column, values) in [
            ("text", json!(["ana", "", 7, true])),
            ("uuid", json!(["0190a0a0-0000-7000-8000-00000000000a"])),
            ("bytes", json!(["00ff", "00FF"])),
            // The last number does not fit into 16 bits, but it is a number.
            ("whole", json!([1, "7", 1.5, 70_000])),
            ("float", json!([1, 1.5, "7"])),
            ("flag", json!([true, "false"])),
            ("at", json!(["2025-01-01", 1_700_000_000_000_i64])),
            ("meta", json!(["a", 1, true, 1.5])),
            ("unknown", json!(["a", 1, true, 1.5])),
        ] {
            for value in values.as_array().unwrap() {
                assert_eq!(check(&one_of(column, value)), Ok(()), "{column} {value}");
            }
        }
        for (column, bound) in [
            ("text", json!("b")),
            ("whole", json!(70_000.5)),
            ("at", json!("2025-01-01T00:00:00Z")),
            ("meta", json!("b")),
        ] {
            assert_eq!(check(&more_than(column, &bound)), Ok(()), "{column}");
        }
    }

    #[test]
    fn what_no_column_of_the_type_could_hold_is_refused_wherever_it_is() {
        for (column, value, said) in [
            (
                "text",
                json!(1.5),
                "column `text` holds texts: write one in quotation marks",
            ),
            ("uuid", json!("ana"), "column `uuid` holds UUIDs: write one"),
            (
                "bytes",
                json!("xyz"),
                "column `bytes` holds bytes: write them as hexadecimal digits",
            ),
            (
                "whole",
                json!("hello"),
                "column `whole` holds numbers: write a number, and with `ago` its unit (`as`)",
            ),
            (
                "float",
                json!(true),
                "column `float` holds numbers: write a number, and with `ago` its unit (`as`)",
            ),
            (
                "flag",
                json!(1),
                "column `flag` holds true and false: write one of them",
            ),
            (
                "at",
                json!("yesterday"),
                "column `at` holds moments: write a time in RFC 3339, a date, or milliseconds since 1970",
            ),
        ] {
            let asked = one_of(column, &value);
            for filter in [
                asked.clone(),
                json!({"not": asked}),
                json!({"and": ["all", asked]}),
                json!({"or": {"at_least": 1, "any": ["nothing", {"not": asked}]}}),
            ] {
                assert_eq!(check(&filter), Err(said.to_owned()), "{filter}");
            }
        }
        for (filter, said) in [
            (
                more_than("whole", &json!("2025-01-01")),
                "column `whole` holds numbers: write a number, and with `ago` its unit (`as`)",
            ),
            (
                more_than("text", &json!(7)),
                "column `text` holds texts: write one in quotation marks",
            ),
            (
                more_than("flag", &json!("true")),
                "column `flag` holds true and false: they have no order",
            ),
            (
                json!({"text": {"path": ["at"], "has": "prefix", "text": "2025"}}),
                "column `at` holds moments: `prefix` and `contains` are for texts",
            ),
        ] {
            assert_eq!(check(&filter), Err(said.to_owned()), "{filter}");
        }
    }

    #[test]
    fn what_is_of_a_type_may_still_be_no_value_of_a_column() {
        for (text, is_of) in [
            ("7", true),
            ("007", true),
            ("-99999999999999999999", true),
            ("", false),
            ("-", false),
            ("ana@example.com", false),
            ("7a", false),
            ("1.5", false),
        ] {
            assert_eq!(Type::Integer(16).may_be(text), is_of, "{text}");
        }
        assert!(!Type::Uuid.may_be("ana@example.com") && Type::Uuid.may_be("0190a0a000007000800000000000000a"));
        assert!(!Type::Bytes { uuids: false }.may_be("ana") && Type::Text.may_be("ana"));
    }

    #[test]
    fn inside_json_every_value_has_its_own_type() {
        let filter = json!({"one_of": {"path": ["meta", "n"], "values": ["a", 1, true]}});
        assert_eq!(check(&filter), Ok(()));
        assert_eq!(check(&json!({"ids": ["no UUID"]})), Ok(()));
        // A day is no value of a text. It has a first and a last moment.
        let day = |column: &str| json!({"range": {"path": [column], "bounds": {"moments": {"lt": "2025-01-02"}}}});
        assert_eq!(check(&day("at")), Ok(()));
        for (column, holds) in [
            ("text", "texts"),
            ("whole", "numbers"),
            ("meta", "values of any type"),
            ("unknown", "values of any type"),
        ] {
            let said = format!("column `{column}` holds {holds}: a day, a month or a year is for moments");
            assert_eq!(check(&day(column)), Err(said));
        }
        assert_eq!(check(&day("seconds")), Ok(()));
        let both = json!({"range": {"path": ["seconds"], "bounds": {"gte": "7", "lt": "2025-01-02"}}});
        assert!(check(&both).unwrap_err().contains("seconds since 1970"));
        // A loose bound is one of several spellings.
        let loose = json!({"range": {"path": ["whole"], "bounds": {"gt": "2025-01-01", "loose": true}}});
        assert_eq!(check(&loose), Ok(()));
    }
}

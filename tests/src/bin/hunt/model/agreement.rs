//! Compares the payload of a point with a row.

use serde_json::{Map, Value};

/// The meaning of one payload field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// The field is missing, null or an empty list.
    Nothing,
    /// One value of the column's type.
    One(String),
    /// Several values, an object, or a value that no such column can hold.
    Other,
}

/// The agreement of a point with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Agreement {
    Agrees,
    /// The rules leave it open.
    Unclear,
    Disagrees,
}

/// Returns the meaning of a payload at a dotted path, in a column of numbers or of texts.
pub(crate) fn said_by(payload: &Map<String, Value>, path: &str, number: bool) -> Said {
    said(at(payload, path), number)
}

/// Returns the value at a dotted path.
pub(crate) fn at<'a>(payload: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut steps = path.split('.');
    let first = steps.next().and_then(|step| payload.get(step));
    steps.fold(first, |found, step| found?.get(step))
}

fn said(value: Option<&Value>, number: bool) -> Said {
    match value {
        None | Some(Value::Null) => Said::Nothing,
        Some(Value::Array(list)) => match list.as_slice() {
            [] => Said::Nothing,
            [Value::Array(_)] => Said::Other,
            [only] => said(Some(only), number),
            _ => Said::Other,
        },
        Some(Value::String(text)) if !number || is_number(text) => Said::One(text.clone()),
        Some(Value::Number(value)) if number && value.is_i64() => Said::One(value.to_string()),
        Some(_) => Said::Other,
    }
}

/// Returns whether a text is a number in the spelling of a database.
fn is_number(text: &str) -> bool {
    text.parse::<i64>().is_ok_and(|number| number.to_string() == text)
}

/// Compares a row's value with a point's.
pub(crate) fn compare(row: Option<&str>, point: &Said) -> Agreement {
    match (row, point) {
        (_, Said::Nothing) | (None, Said::One(_)) => Agreement::Agrees,
        (Some(row), Said::One(point)) if row == point => Agreement::Agrees,
        (Some(_), Said::One(_) | Said::Other) => Agreement::Disagrees,
        // A null does not disagree, but a list does.
        (None, Said::Other) => Agreement::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(value: &Value, number: bool) -> Said {
        let payload = json!({"meta": {"user": value}});
        said_by(payload.as_object().unwrap(), "meta.user", number)
    }

    #[test]
    fn what_is_missing_null_or_empty_says_nothing() {
        assert_eq!(said_by(&Map::new(), "meta.user", false), Said::Nothing);
        for value in [json!(null), json!([])] {
            assert_eq!(of(&value, false), Said::Nothing, "{value}");
        }
    }

    #[test]
    fn a_list_of_one_is_its_value_and_longer_ones_and_objects_are_none() {
        assert_eq!(of(&json!(["ana"]), false), Said::One("ana".to_owned()));
        for value in [
            json!(["ana", "bob"]),
            json!(["ana", "ana"]),
            json!({"a": "ana"}),
            json!(true),
            json!([["a"]]),
        ] {
            assert_eq!(of(&value, false), Said::Other, "{value}");
        }
    }

    #[test]
    fn seven_is_seven_for_columns_of_numbers_only() {
        for value in [json!(7), json!("7")] {
            assert_eq!(of(&value, true), Said::One("7".to_owned()), "{value}");
        }
        assert_eq!(of(&json!(7), false), Said::Other);
        assert_eq!(of(&json!("07"), true), Said::Other);
    }

    #[test]
    fn only_another_value_disagrees() {
        let one = |text: &str| Said::One(text.to_owned());
        assert_eq!(compare(Some("ana"), &one("ana")), Agreement::Agrees);
        assert_eq!(compare(Some("ana"), &one("Ana")), Agreement::Disagrees);
        assert_eq!(compare(Some("ana"), &Said::Nothing), Agreement::Agrees);
        assert_eq!(compare(None, &one("ana")), Agreement::Agrees);
        assert_eq!(compare(Some("ana"), &Said::Other), Agreement::Disagrees);
        assert_eq!(compare(None, &Said::Other), Agreement::Unclear);
    }
}

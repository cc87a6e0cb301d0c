//! The query of the form: its conditions or its JSON, the one that was edited last.
//!
//! The page carries both as they were when it was written. So a form without a script says which of them was edited.

use serde::de::IgnoredAny;

use super::conditions;
use super::entered::Entered;
use crate::deletion::query::PLACE;
use crate::http::json;
use crate::http::problem::Problem;

/// The field with the JSON.
pub(super) const JSON: &str = "query";

/// The field with the JSON as the page was written.
pub(super) const JSON_WAS: &str = "query_was";

/// The field with the query of the conditions as the page was written.
pub(super) const CONDITIONS_WERE: &str = "conditions_were";

/// The query of a form.
pub(super) struct Query {
    pub(super) json: String,
    /// Whether the conditions say the same.
    pub(super) is_of_conditions: bool,
}

impl Query {
    /// Returns the query that counts.
    ///
    /// # Errors
    /// A condition is not whole, or both were edited, or there is no query, or it is not JSON.
    pub(super) fn of(entered: &Entered) -> Result<Self, Problem> {
        let built = conditions::query(entered)?;
        let text = |name| as_written(entered.value(name));
        let json = text(JSON);
        let (built_anew, json_anew) = (built != text(CONDITIONS_WERE), json != text(JSON_WAS));
        let query = match (built.is_empty(), json.is_empty()) {
            (true, true) => return Err(Problem::invalid(PLACE, "write a condition")),
            (false, true) => Self::built(built),
            (true, false) => Self::written(json),
            (false, false) if built == json => Self::built(built),
            (false, false) => match (built_anew, json_anew) {
                (true, false) => Self::built(built),
                (false, _) => Self::written(json),
                (true, true) => {
                    let what = "the conditions and the JSON were both changed: empty the ones that do not count";
                    return Err(Problem::invalid(PLACE, what));
                }
            },
        };
        // The text becomes a part of the request as it is, so that a field that is written twice is refused.
        json::read::<IgnoredAny>(query.json.as_bytes()).map_err(|problem| problem.of_field(PLACE))?;
        Ok(query)
    }

    fn built(json: String) -> Self {
        let is_of_conditions = true;
        Self { json, is_of_conditions }
    }

    fn written(json: String) -> Self {
        let is_of_conditions = false;
        Self { json, is_of_conditions }
    }
}

/// Returns a text with the line ends that it had before a browser sent it.
fn as_written(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::form::Fields;

    const A: &str = "{\n  \"eq\": {\n    \"kind\": \"a\"\n  }\n}";
    const B: &str = "{\n  \"eq\": {\n    \"kind\": \"b\"\n  }\n}";

    /// Returns the query that counts, of a form with a condition, and with the texts of `JSON` and of the fields before.
    fn counts(condition: &str, json: &str, [conditions_were, json_was]: [&str; 2]) -> Option<(String, bool)> {
        let field = if condition.is_empty() { "" } else { "kind" };
        let pairs = [
            ("field", field),
            ("operator", "eq"),
            ("type", "text"),
            ("value", condition),
            (JSON, json),
            (JSON_WAS, json_was),
            (CONDITIONS_WERE, conditions_were),
        ];
        let query = Query::of(&Entered::of(&Fields::of(pairs))).ok()?;
        Some((query.json, query.is_of_conditions))
    }

    #[test]
    fn the_one_that_was_edited_last_counts() {
        let browsers = A.replace('\n', "\r\n");
        for (condition, json, were, expected) in [
            ("a", "", ["", ""], Some((A, true))),
            ("", B, ["", ""], Some((B, false))),
            ("a", A, ["", ""], Some((A, true))),
            // Nothing was edited since the page was written.
            ("a", &*browsers, [&*browsers, &*browsers], Some((A, true))),
            // The conditions were, or the JSON was.
            ("b", A, [A, A], Some((B, true))),
            ("a", B, [A, A], Some((B, false))),
            // The JSON was edited before, the conditions now.
            ("a", B, ["", B], Some((A, true))),
            // The conditions were removed, and the JSON stayed: nothing says that it counts less.
            ("", A, [A, A], Some((A, false))),
            ("a", B, ["", ""], None),
            ("", "", [A, A], None),
            ("", "{", ["", ""], None),
            ("", "{} {}", ["", ""], None),
        ] {
            let expected = expected.map(|(json, built)| (json.to_owned(), built));
            assert_eq!(counts(condition, json, were), expected, "{condition} {json} {were:?}");
        }
    }
}

//! The form as a request of `POST /v1/jobs`. The reader of that route then checks it.

use serde_json::{Map, Value, json};

use super::entered::{By, Entered, IDS};
use super::query::Query;
use crate::http::problem::Problem;

/// The field with the target and the table, with a slash between them.
pub(super) const PLACE: &str = "place";

/// The field with the pace.
pub(super) const PACE: &str = "per_second";

/// The field with a label in each line.
pub(super) const LABELS: &str = "labels";

/// The field with another name of the person in each line.
pub(super) const ALIASES: &str = "aliases";

/// The fields of a person that hold one text.
const OF_PERSON: [&str; 5] = ["user_id", "agent_id", "app_id", "run_id", "workspace"];

/// The conditions beside ids and queries.
const CONDITIONS: [&str; 3] = ["owner", "workspace", "kind"];

/// The options that hold a text.
const OPTIONS: [&str; 5] = ["not_before", "reference", "regulation", "ground", "received_at"];

/// The most ids of a form.
pub(super) const MOST: usize = 10_000;

/// Returns the body of the request.
// A query stays the text that it is: as a value it would lose a field that is written twice.
pub(super) fn body(entered: &Entered) -> Result<String, Problem> {
    let select = match entered.by {
        By::Ids => json!({"ids": ids(entered)?}).to_string(),
        By::Person => json!({"subject": person(entered)}).to_string(),
        By::Query => format!("{{\"query\":{}}}", Query::of(entered)?.json),
    };
    let fields = beside(entered)?;
    let fields = fields.iter().map(|(name, value)| format!("{}:{value},", json!(name)));
    Ok(format!("{{{}\"select\":{select}}}", fields.collect::<String>()))
}

fn ids(entered: &Entered) -> Result<Vec<&str>, Problem> {
    let ids: Vec<&str> = entered.lines(IDS).collect();
    if ids.len() > MOST {
        let what = format_args!("give at most {MOST} ids here: `lethe submit --ids-file` takes more");
        return Err(Problem::invalid("select.ids", what));
    }
    Ok(ids)
}

fn person(entered: &Entered) -> Map<String, Value> {
    let mut person = texts(entered, &OF_PERSON);
    let aliases: Vec<&str> = entered.lines(ALIASES).collect();
    if !aliases.is_empty() {
        person.insert(ALIASES.to_owned(), json!(aliases));
    }
    person
}

/// Returns the fields beside the selection.
fn beside(entered: &Entered) -> Result<Map<String, Value>, Problem> {
    let mut fields = texts(entered, &OPTIONS);
    if entered.by != By::Person {
        fields.extend(texts(entered, &CONDITIONS));
    }
    let chosen = entered.value(PLACE);
    let (target, table) = chosen.split_once('/').unwrap_or((chosen, ""));
    for (name, value) in [("target", target), ("table", table)] {
        if !value.is_empty() {
            fields.insert(name.to_owned(), json!(value));
        }
    }
    let pace = entered.value(PACE).trim();
    if !pace.is_empty() {
        // The reader refuses a text, and says what to write.
        let number = serde_json::from_str::<Value>(pace).ok().filter(Value::is_number);
        fields.insert(PACE.to_owned(), number.unwrap_or_else(|| json!(pace)));
    }
    let labels = labels(entered)?;
    if !labels.is_empty() {
        fields.insert(LABELS.to_owned(), Value::Object(labels));
    }
    Ok(fields)
}

fn labels(entered: &Entered) -> Result<Map<String, Value>, Problem> {
    let mut labels = Map::new();
    for line in entered.lines(LABELS) {
        let what = "write a key, a colon and a value in each line, such as `team:privacy`";
        let pair = line.trim().split_once(':');
        let (key, value) = pair.ok_or_else(|| Problem::invalid(LABELS, what))?;
        if labels.insert(key.to_owned(), json!(value)).is_some() {
            return Err(Problem::invalid(LABELS, "write each key once"));
        }
    }
    Ok(labels)
}

/// Returns the fields that hold something. Texts stay as they are: a space may be a part of an id.
fn texts(entered: &Entered, names: &[&'static str]) -> Map<String, Value> {
    let given = names.iter().map(|name| (*name, entered.value(name)));
    let given = given.filter(|(_, value)| !value.is_empty());
    given.map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

/// Returns the name of the input that a field of the request comes from.
pub(super) fn input(field: &str) -> &str {
    let inside = field.strip_prefix("select.").unwrap_or(field);
    let inside = inside.strip_prefix("subject.").unwrap_or(inside);
    match inside.split(['.', '[']).next().unwrap_or_default() {
        "target" | "table" => PLACE,
        "subject" => "user_id",
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::form::Fields;

    fn made<const N: usize>(pairs: [(&str, &str); N]) -> Result<Value, Option<String>> {
        let body = body(&Entered::of(&Fields::of(pairs)));
        let body = body.map_err(|problem| problem.field)?;
        Ok(serde_json::from_str(&body).expect("a body is JSON"))
    }

    #[test]
    fn each_form_is_a_request_of_the_api() {
        let ids = made([
            ("by", "ids"),
            ("ids", "a\r\n\r\n b \r\n"),
            ("file", "\u{feff}c\nd"),
            ("place", "main/memories"),
            ("owner", "ana"),
            ("per_second", " 7.5 "),
            ("labels", "team:privacy\r\nurl:https://x"),
            ("reference", ""),
        ]);
        let expected = json!({
            "select": {"ids": ["a", " b ", "c", "d"]}, "target": "main", "table": "memories", "owner": "ana",
            "per_second": 7.5, "labels": {"team": "privacy", "url": "https://x"}
        });
        assert_eq!(ids, Ok(expected));
        let person = made([
            ("by", "person"),
            ("user_id", "ana"),
            ("aliases", "a@example.org\n4711"),
            ("workspace", "w"),
            ("place", "main"),
            ("not_before", "2030-01-31T12:00:00Z"),
        ]);
        let expected = json!({
            "select": {"subject": {"user_id": "ana", "aliases": ["a@example.org", "4711"], "workspace": "w"}},
            "target": "main", "not_before": "2030-01-31T12:00:00Z"
        });
        assert_eq!(person, Ok(expected));
        let query = made([("by", "query"), ("query", "{\"all\": true}"), ("per_second", "fast")]);
        let expected = json!({"select": {"query": {"all": true}}, "per_second": "fast"});
        assert_eq!(query, Ok(expected));
    }

    #[test]
    fn a_query_cannot_leave_its_place() {
        let breaking = "{\"all\": true}}, \"dry_run\": false, \"x\": {}";
        let wrong = made([("by", "query"), ("query", breaking)]);
        assert_eq!(wrong, Err(Some("select.query".to_owned())));
    }

    #[test]
    fn a_wrong_field_is_named_by_its_input() {
        for (field, name) in [
            ("select.ids[3]", "ids"),
            ("select.subject", "user_id"),
            ("select.subject.aliases[0]", "aliases"),
            ("select.query.and[1].eq.kind", "query"),
            ("labels.team", "labels"),
            ("table", "place"),
            ("owner", "owner"),
        ] {
            assert_eq!(input(field), name, "{field}");
        }
        let many = "x\n".repeat(MOST + 1);
        for (name, value, field) in [
            ("ids", &*many, "select.ids"),
            ("labels", "team", "labels"),
            ("labels", "a:b\na:c", "labels"),
        ] {
            assert_eq!(made([(name, value)]), Err(Some(field.to_owned())), "{name}");
        }
    }
}

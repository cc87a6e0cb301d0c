//! The form for a new key.

use std::collections::BTreeSet;

use jiff::Timestamp;
use lethe_common::config::parse_duration;

use crate::console::form::Fields;
use crate::routes::keys::create::CreateKey;

/// Returns the key that a form describes. The route checks it. Ids and names stay as they were typed.
pub(super) fn asked(fields: &Fields, now: Timestamp) -> CreateKey {
    let given = |name| Some(fields.value(name).to_owned()).filter(|value| !value.is_empty());
    let some = |names: BTreeSet<String>| Some(names).filter(|names| !names.is_empty());
    let lines = fields.value("workspaces").lines().filter(|line| !line.is_empty());
    CreateKey {
        name: fields.value("name").to_owned(),
        scopes: fields.values("scopes").map(str::to_owned).collect(),
        user: given("user"),
        workspaces: some(lines.map(str::to_owned).collect()),
        targets: some(fields.values("targets").map(str::to_owned).collect()),
        expires_at: given("expires_at").map(|text| expiry(text, now)),
    }
}

/// Returns the time of an expiry that may be a duration from now on; a day has 24 hours.
fn expiry(text: String, now: Timestamp) -> String {
    let after = parse_duration(text.trim()).and_then(|after| now.checked_add(after).ok());
    after.map_or(text, |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_time_or_a_duration() {
        let now: Timestamp = "2030-01-31T12:00:00Z".parse().unwrap();
        for (text, time) in [
            ("90d", "2030-05-01T12:00:00Z"),
            ("36h", "2030-02-02T00:00:00Z"),
            ("2031-01-01T00:00:00Z", "2031-01-01T00:00:00Z"),
            ("soon", "soon"),
        ] {
            assert_eq!(expiry(text.to_owned(), now), time);
        }
    }
}

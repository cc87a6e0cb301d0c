//! The form for a new key.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::console::form::Fields;
use crate::console::later;
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
        expires_at: given("expires_at").map(|text| later::time(text, now)),
    }
}

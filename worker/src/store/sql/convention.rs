//! The usual names of columns and tables, likeliest first.

use super::schema::{LiveColumn, LiveTable};

/// The owner of a memory.
pub(crate) const USER: [&str; 14] = [
    "user_id",
    "owner_id",
    "end_user_id",
    "customer_id",
    "person_id",
    "account_id",
    "member_id",
    "subject_id",
    "user_uuid",
    "userid",
    "owner",
    "user",
    "username",
    "uid",
];

/// The agent that wrote it.
pub(crate) const AGENT: [&str; 4] = ["agent_id", "assistant_id", "bot_id", "agent"];

/// The application.
pub(crate) const APP: [&str; 4] = ["app_id", "application_id", "app_name", "app"];

/// The run or session.
pub(crate) const RUN: [&str; 6] = [
    "run_id",
    "session_id",
    "thread_id",
    "conversation_id",
    "chat_id",
    "session",
];

/// The workspace.
pub(crate) const WORKSPACE: [&str; 10] = [
    "workspace_id",
    "tenant_id",
    "organization_id",
    "organisation_id",
    "org_id",
    "container_id",
    "project_id",
    "team_id",
    "workspace",
    "tenant",
];

/// The kind of memory.
pub(crate) const KIND: [&str; 5] = ["memory_type", "memory_kind", "kind", "type", "category"];

/// A number that changes with the row.
pub(crate) const VERSION: [&str; 4] = ["version", "revision", "row_version", "lock_version"];

/// The time of creation.
pub(crate) const CREATED_AT: [&str; 6] = [
    "created_at",
    "inserted_at",
    "created_on",
    "created",
    "creation_time",
    "date_created",
];

/// The time of the last change.
pub(crate) const UPDATED_AT: [&str; 6] = [
    "updated_at",
    "modified_at",
    "updated_on",
    "updated",
    "last_modified",
    "date_modified",
];

/// The name by which callers know an owner, in a table of owners.
pub(crate) const OWNER_NAME: [&str; 8] = [
    "user_id",
    "external_id",
    "username",
    "user_name",
    "login",
    "handle",
    "email",
    "name",
];

/// Words in the name of a table that holds memories.
pub(crate) const MEMORIES: [&str; 15] = [
    "memory",
    "memories",
    "message",
    "chat",
    "conversation",
    "session",
    "summary",
    "summaries",
    "history",
    "histories",
    "embedding",
    "chunk",
    "fact",
    "preference",
    "note",
];

/// The words among [`MEMORIES`] for parts of something else, if they reference it.
pub(super) const PARTS: [&str; 2] = ["chunk", "embedding"];

/// Words for a memory itself, surest first. Of two tables that reference each other, the one whose name ends in
/// such a word has rows that are memories of their own.
const SURELY: [(&[&str], u8); 3] = [
    (&["memory", "memories"], 3),
    (&["fact", "facts", "preference", "preferences", "note", "notes"], 2),
    (
        &[
            "message",
            "messages",
            "chat",
            "chats",
            "conversation",
            "conversations",
            "session",
            "sessions",
            "summary",
            "summaries",
            "history",
            "histories",
            "thread",
            "threads",
        ],
        1,
    ),
];

/// Words at the end of a table's name that say nothing about its rows.
const NOTHING: [&str; 12] = [
    "item", "items", "record", "records", "row", "rows", "entry", "entries", "store", "data", "table", "tbl",
];

/// Returns how surely the rows of a table are memories, by its name; 0: not at all, such as parts of memories.
pub(super) fn surely(name: &str) -> u8 {
    let name = name.rsplit('.').next().unwrap_or_default();
    let mut words: Vec<String> = Vec::new();
    let mut lower = false;
    for c in name.chars() {
        if !c.is_alphabetic() {
            // Numbers at the end are versions.
            lower = false;
            words.push(String::new());
            continue;
        }
        if words.is_empty() || (lower && c.is_uppercase()) {
            words.push(String::new());
        }
        lower = c.is_lowercase();
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    let says = |word: &&String| !(word.is_empty() || *word == "v" || NOTHING.contains(&word.as_str()));
    let last = words.iter().rev().find(says).map_or("", String::as_str);
    if let Some((_, surely)) = SURELY.iter().find(|(names, _)| names.contains(&last)) {
        return *surely;
    }
    let name = name.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    u8::from(has(&MEMORIES) && !has(&PARTS))
}

/// Returns the column of a table that has the likeliest of `names`.
pub(super) fn pick<'t>(table: &'t LiveTable, names: &[&str]) -> Option<&'t LiveColumn> {
    names.iter().find_map(|name| {
        let mut columns = table.columns.iter();
        columns.find(|column| column.name.eq_ignore_ascii_case(name))
    })
}

/// Returns whether a field of that name is an owner or a kind, and so does not identify a memory.
pub(crate) fn is_about_an_owner(name: &str) -> bool {
    [&USER[..], &AGENT, &APP, &RUN, &WORKSPACE, &KIND]
        .iter()
        .any(|names| names.contains(&name))
}

/// Returns the name for callers of a table or a collection, in permitted characters.
pub(crate) fn callable(name: &str) -> String {
    let kept = |c: char| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9' | '-') => c,
        _ => '_',
    };
    name.chars().map(kept).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::surely;

    #[test]
    fn the_last_word_says_what_rows_are() {
        for (name, expected) in [
            ("memories", 3),
            ("app.agno_memories", 3),
            ("UserMemory", 3),
            ("memory_items", 3),
            ("memories_v2", 3),
            ("user_facts", 2),
            ("chat_messages", 1),
            ("conversations", 1),
            ("memory_history", 1),
            ("memory_chunks", 0),
            ("memoryEmbeddings", 0),
            ("memory_categories", 1),
            ("chat_log", 1),
            ("orders", 0),
            ("", 0),
        ] {
            assert_eq!(surely(name), expected, "{name}");
        }
    }
}

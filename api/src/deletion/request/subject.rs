//! The subject of a request.

use std::collections::HashSet;

use lethe_common::job::Subject;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text::text;
use crate::http::json::given;
use crate::http::problem::Problem;

/// A person, or an agent, application, run or workspace. Give at least one field. All given fields must match.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Subject, min_properties = 1)]
pub(crate) struct SubjectFields {
    /// The owner.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1)]
    user_id: Option<String>,
    /// Other names of the owner: accounts, e-mail addresses, numbers in other systems.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1, max_items = 100)]
    aliases: Option<Vec<String>>,
    /// The agent.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1)]
    agent_id: Option<String>,
    /// The application.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1)]
    app_id: Option<String>,
    /// The run or session.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1)]
    run_id: Option<String>,
    /// The workspace.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1)]
    workspace: Option<String>,
}

impl SubjectFields {
    /// Returns the checked subject.
    pub(crate) fn checked(self, max_length: usize) -> Result<Subject, Problem> {
        let aliases = self
            .aliases
            .map(|aliases| self::aliases(aliases, self.user_id.as_ref(), max_length));
        let subject = Subject {
            user_id: self.user_id,
            aliases: aliases.transpose()?.unwrap_or_default(),
            agent_id: self.agent_id,
            app_id: self.app_id,
            run_id: self.run_id,
            workspace: self.workspace,
        };
        if subject.is_empty() {
            return Err(Problem::invalid(
                "select.subject",
                "give at least one of `user_id`, `agent_id`, `app_id`, `run_id` and `workspace`",
            ));
        }
        let fields = [
            ("select.subject.user_id", &subject.user_id),
            ("select.subject.agent_id", &subject.agent_id),
            ("select.subject.app_id", &subject.app_id),
            ("select.subject.run_id", &subject.run_id),
            ("select.subject.workspace", &subject.workspace),
        ];
        for (field, value) in fields {
            if let Some(value) = value {
                text(field, value, max_length)?;
            }
        }
        Ok(subject)
    }
}

/// The most names of an owner besides the first.
// Each name has its own planning partition per table.
const MAX_ALIASES: usize = 100;

fn aliases(aliases: Vec<String>, user: Option<&String>, max_length: usize) -> Result<Vec<String>, Problem> {
    const FIELD: &str = "select.subject.aliases";
    if user.is_none() {
        return Err(Problem::invalid(
            FIELD,
            "give one of the names as `user_id`, and here the others",
        ));
    }
    if !(1..=MAX_ALIASES).contains(&aliases.len()) {
        return Err(Problem::invalid(
            FIELD,
            format_args!("give 1 to {MAX_ALIASES} names, or leave it out"),
        ));
    }
    let mut seen: HashSet<&String> = user.into_iter().collect();
    for (n, alias) in aliases.iter().enumerate() {
        let field = format!("{FIELD}[{n}]");
        text(&field, alias, max_length)?;
        if !seen.insert(alias) {
            return Err(Problem::invalid(&field, "give each name once"));
        }
    }
    Ok(aliases)
}

//! Advice for refused requests, for clients of an API that cannot name the missing field.

use crate::http::problem::{Kind, Problem};

/// Pairs of field name prefixes: Lethe's, and the one in a system's own API.
pub(crate) type Words = &'static [(&'static str, &'static str)];

/// Returns the problem with advice that a system's client can follow. `words` lists the fields of its API. `section` is
/// the configuration section for settings that its API lacks.
pub(super) fn followable(problem: Problem, section: Option<&str>, words: Words) -> Problem {
    let word = |field: &str| words.iter().find(|(here, _)| *here == field).map(|(_, there)| *there);
    match (problem.field.as_deref(), problem.kind) {
        (Some("owner"), Kind::Forbidden) => {
            let owner = word("owner").map_or(String::new(), |word| format!("name the owner (`{word}`), or "));
            problem.says(format!(
                "{owner}use an API key that is bound to a person, or one with the scope `memories:delete:any`"
            ))
        }
        (Some("workspace"), Kind::Forbidden) => problem.says(match word("workspace") {
            Some(word) => format!("name a workspace that your credentials cover (`{word}`)"),
            None => "use an API key that is bound to one workspace: this API cannot name a workspace".to_owned(),
        }),
        (Some(field @ ("target" | "table")), _) if word(field).is_none() => configured(problem, section),
        // This API cannot choose a table.
        (Some(_), Kind::Invalid) if word("table").is_none() => {
            let detail = problem.detail.replace(", or choose other tables", "");
            problem.says(detail)
        }
        _ => problem,
    }
}

/// Names the setting for a target or table that a request cannot name.
fn configured(problem: Problem, section: Option<&str>) -> Problem {
    let Some(section) = section else {
        return problem;
    };
    let field = problem.field.as_deref().unwrap_or_default();
    let detail = match problem.detail.split_once(": name one of ") {
        Some((_, names)) => format!("write `compat.{section}.{field}` into Lethe's configuration: one of {names}"),
        None => problem.detail.clone(),
    };
    problem.says(detail)
}

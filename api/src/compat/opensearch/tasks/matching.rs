//! The tasks that a request selects.

use lethe_common::job::JobId;
use lethe_common::ledger::JobView;

use crate::compat::opensearch::task::{ACTION, NODE, TaskId};
use crate::compat::opensearch::values::illegal;
use crate::compat::read::Query;
use crate::http::json::short;
use crate::http::problem::{Kind, Missing, Problem};

/// The tasks that a request selects.
pub(super) struct Matching {
    /// Whether the actions include deletions by query, and the request names no parent: no task has one.
    may_match: bool,
    /// Patterns of nodes. Without a pattern all nodes match.
    nodes: Vec<String>,
}

impl Matching {
    /// The parameters that select tasks.
    pub(super) const NAMES: [&str; 3] = ["actions", "nodes", "parent_task_id"];

    pub(super) fn read(query: &Query) -> Result<Self, Problem> {
        let list = |name: &str| -> Result<Vec<String>, Problem> {
            let names = query.one(name)?.unwrap_or_default().split(',');
            Ok(names.filter(|name| !name.is_empty()).map(str::to_owned).collect())
        };
        let actions = list("actions")?;
        let nodes = list("nodes")?;
        if let Some(node) = nodes.iter().find(|node| !is_node(node)) {
            let node = short(node);
            return Err(illegal(&format!("[nodes] takes ids and names here, and not [{node}]")));
        }
        let is_ours = actions.is_empty() || actions.iter().any(|pattern| matches(pattern, ACTION));
        Ok(Self {
            may_match: is_ours && !demands_parent(query)?,
            nodes,
        })
    }

    /// Returns whether no task can match.
    pub(super) fn is_nothing(&self) -> bool {
        !self.may_match
    }

    pub(super) fn is_met_by(&self, job: JobId) -> bool {
        let node = TaskId(job).node();
        let is_there = |pattern: &String| pattern == "_all" || matches(pattern, &node) || matches(pattern, NODE);
        self.may_match && (self.nodes.is_empty() || self.nodes.iter().any(is_there))
    }

    /// Refuses parameters that do not fit a single named task.
    pub(super) fn check(&self, job: &JobView) -> Result<(), Problem> {
        if !self.nodes.is_empty() {
            let text = "Validation Failed: 1: task id cannot be used together with node ids;";
            return Err(Problem::new(Kind::Malformed, text).lacking(Missing::Validity));
        }
        if self.is_met_by(job.id) {
            return Ok(());
        }
        let id = TaskId(job.id).text();
        Err(illegal(&format!("task [{id}] doesn't support this operation")))
    }
}

/// Returns whether a name can be a node's. OpenSearch also selects nodes by their roles or attributes, or the node that
/// serves the request. Lethe's nodes are only parts of ids and have none of these.
fn is_node(name: &str) -> bool {
    name == "_all" || !name.starts_with('_') && !name.contains(':')
}

/// Returns whether the request selects the tasks of a parent.
fn demands_parent(query: &Query) -> Result<bool, Problem> {
    match query.one("parent_task_id")? {
        None | Some("" | "unset") => Ok(false),
        Some(id) => match TaskId::read(id) {
            Err(problem) if problem.kind != Kind::NotFound => Err(problem),
            _ => Ok(true),
        },
    }
}

/// Returns whether a text matches a pattern, in which `*` is any text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(between) = last.replace(part) {
            match rest.split_once(between) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

#[cfg(test)]
mod tests {
    use super::{ACTION, is_node, matches};

    #[test]
    fn actions_are_patterns() {
        for ours in [
            "*",
            "*/delete/byquery",
            "indices:*",
            "*byquery",
            "*delete*",
            "*write*byquery",
            ACTION,
            "**",
        ] {
            assert!(matches(ours, ACTION), "{ours}");
        }
        for others in [
            "",
            "x",
            "*reindex",
            "indices:",
            "*/update/byquery",
            "cluster:*",
            "*byquery*delete*",
        ] {
            assert!(!matches(others, ACTION), "{others}");
        }
    }

    #[test]
    fn nodes_are_called_by_ids_and_names() {
        for node in ["_all", "*", "lethe", "0abc*"] {
            assert!(is_node(node), "{node}");
        }
        for other in ["_local", "_master", "_cluster_manager", "data:true", "rack:*"] {
            assert!(!is_node(other), "{other}");
        }
    }
}

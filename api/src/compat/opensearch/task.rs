//! Tasks: OpenSearch's name for a deletion by query that runs in the background. A task is a job.

use std::collections::BTreeMap;

use lethe_common::job::JobId;
use lethe_common::ledger::JobView;
use lethe_common::state::State;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::{Cause, DeletedByQuery};
use super::status::{Details, Status};
use crate::http::json::short;
use crate::http::problem::{Kind, Missing, Problem};

/// OpenSearch's name for the action of a deletion by query.
pub(super) const ACTION: &str = "indices:data/write/delete/byquery";

/// The name of every node.
pub(super) const NODE: &str = "lethe";

/// How many bits of a job's id form the number of its task. Every client reads a number of 53 bits exactly. The other
/// bits form the id of its node.
const BITS: u32 = 53;

/// The task of a job, `node:number`. The job's id determines it, so nothing is stored for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TaskId(pub(super) JobId);

impl TaskId {
    pub(super) fn node(self) -> String {
        format!("{:019x}", self.0.0.as_u128() >> BITS)
    }

    fn number(self) -> u64 {
        let number = self.0.0.as_u128() & ((1 << BITS) - 1);
        u64::try_from(number).expect("53 bits fit 64")
    }

    pub(super) fn text(self) -> String {
        format!("{}:{}", self.node(), self.number())
    }

    /// Reads a task's id. An id that no job can have is an unknown task.
    pub(super) fn read(text: &str) -> Result<Self, Problem> {
        let malformed = || Problem::new(Kind::Malformed, format!("malformed task id {}", short(text)));
        let (node, number) = text.rsplit_once(':').ok_or_else(malformed)?;
        let number: u64 = number.parse().map_err(|_| malformed())?;
        let ours = u128::from_str_radix(node, 16)
            .ok()
            .filter(|node| *node < 1 << (u128::BITS - BITS) && number < 1 << BITS)
            .map(|node| Self(JobId(Uuid::from_u128(node << BITS | u128::from(number)))));
        // A task has only one spelling.
        ours.filter(|id| id.text() == text).ok_or_else(|| absent(&short(text)))
    }
}

/// Returns the problem for a task that is unknown, or hidden from the caller.
pub(super) fn absent(id: &str) -> Problem {
    let text = format!("task [{id}] isn't running and hasn't stored its results");
    Problem::new(Kind::NotFound, text).lacking(Missing::Task)
}

/// A started deletion by query.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchTaskStarted)]
pub(crate) struct Started {
    /// The task's id.
    task: String,
}

impl Started {
    pub(super) fn new(job: JobId) -> Self {
        Self {
            task: TaskId(job).text(),
        }
    }
}

/// A deletion by query, as a task.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchTask)]
pub(crate) struct Task {
    /// The first part of the task's id.
    node: String,
    /// The number in the task's id.
    id: u64,
    /// Always `transport`.
    r#type: &'static str,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    description: Option<String>,
    start_time_in_millis: i64,
    running_time_in_nanos: i64,
    cancellable: bool,
    cancelled: bool,
    /// `X-Opaque-Id`, if the request had it.
    headers: BTreeMap<&'static str, String>,
}

impl Task {
    /// Returns a job as a task. Details add its status and its description.
    pub(super) fn new(job: &JobView, details: Option<&Details>) -> Self {
        let id = TaskId(job.id);
        let description = || format!("delete-by-query [{}]", job.table.as_deref().unwrap_or_default());
        let ended_at = job.ended_at.or(job.held_at);
        let ran_ms = ended_at.unwrap_or(job.now).saturating_sub(job.accepted_at).max(0);
        Self {
            node: id.node(),
            id: id.number(),
            r#type: "transport",
            action: ACTION,
            status: details.map(|details| Status::new(job, details)),
            description: details.map(|_| description()),
            start_time_in_millis: job.accepted_at,
            running_time_in_nanos: ran_ms.saturating_mul(1_000_000),
            cancellable: job.ended_at.is_none(),
            cancelled: matches!(job.state, State::Cancelling | State::Cancelled),
            headers: job.opaque_id.iter().map(|id| ("X-Opaque-Id", id.clone())).collect(),
        }
    }
}

/// A task, and its result if it has ended.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchTaskResult)]
pub(crate) struct TaskResult {
    completed: bool,
    task: Task,
    /// The result.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    response: Option<DeletedByQuery>,
    /// The cause of a refusal after the start. No store was touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<Cause>,
}

impl TaskResult {
    /// Returns a task, with its result if it has ended.
    pub(super) fn new(job: &JobView, details: &Details, result: Option<Result<DeletedByQuery, Cause>>) -> Self {
        let completed = result.is_some();
        let (response, error) = match result {
            None => (None, None),
            Some(Ok(response)) => (Some(response), None),
            Some(Err(cause)) => (None, Some(cause)),
        };
        Self {
            completed,
            task: Task::new(job, Some(details)),
            response,
            error,
        }
    }
}

/// Tasks, in one of OpenSearch's groupings.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchTasks)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tasks {
    /// By node. Usually each job has a node of its own.
    Nodes(BTreeMap<String, Node>),
    /// By id. No task has a parent.
    #[serde(rename = "tasks")]
    Parents(BTreeMap<String, Task>),
    /// As a list.
    #[serde(rename = "tasks")]
    None(Vec<Task>),
}

/// The node of a task.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchTaskNode)]
pub(crate) struct Node {
    /// Always `lethe`.
    name: &'static str,
    tasks: BTreeMap<String, Task>,
}

/// The grouping of tasks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupBy {
    Nodes,
    Parents,
    None,
}

impl Tasks {
    pub(super) fn new(jobs: &[JobView], details: Option<&Details>, group_by: GroupBy) -> Self {
        let tasks = jobs.iter().map(|job| (TaskId(job.id), Task::new(job, details)));
        match group_by {
            GroupBy::None => Self::None(tasks.map(|(_, task)| task).collect()),
            GroupBy::Parents => Self::Parents(tasks.map(|(id, task)| (id.text(), task)).collect()),
            GroupBy::Nodes => {
                let mut nodes = BTreeMap::new();
                for (id, task) in tasks {
                    let node = nodes.entry(id.node()).or_insert_with(|| Node {
                        name: NODE,
                        tasks: BTreeMap::new(),
                    });
                    node.tasks.insert(id.text(), task);
                }
                Self::Nodes(nodes)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_a_job_and_the_other_way_round() {
        for id in [
            JobId::new(),
            JobId(Uuid::from_u128(0)),
            JobId(Uuid::from_u128(u128::MAX)),
        ] {
            let text = TaskId(id).text();
            assert_eq!(TaskId::read(&text).map_err(|problem| problem.detail), Ok(TaskId(id)));
            assert!(TaskId(id).number() < 1 << 53);
        }
    }

    #[test]
    fn what_no_task_is_called_is_refused() {
        let kind = |text: &str| TaskId::read(text).map_err(|problem| problem.kind);
        let fine = TaskId(JobId(Uuid::from_u128(7))).text();
        assert!(kind(&fine).is_ok());
        for malformed in ["", "x", "x:", "x:y", "x:-1", "1"] {
            assert_eq!(kind(malformed), Err(Kind::Malformed), "{malformed}");
        }
        for absent in [
            "oTUltX4IQMOUUVeiohTt8A:124".to_owned(),
            ":1".to_owned(),
            fine.replace(":7", ":07"),
            format!("0{fine}"),
            fine.replace(":7", ":9007199254740992"),
            format!("{}:1", "f".repeat(32)),
        ] {
            assert_eq!(kind(&absent), Err(Kind::NotFound), "{absent}");
        }
    }
}

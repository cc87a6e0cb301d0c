//! A job in one sentence, which names no id, no person and no value.

use crate::console::jobs::place;
use crate::console::words;
use crate::job::answer::Job;

/// Returns a job in one sentence.
pub(super) fn sentence(job: &Job) -> String {
    let by = match &job.schedule {
        Some(schedule) => format!("by the schedule {schedule}, in the name of {}", job.principal),
        None => format!("by {}", job.principal),
    };
    let deed = deed(&job.kind, job.selected, job.dry_run);
    format!("{deed} in {}, requested {by}.", place(job))
}

/// Returns the deed of a job in words: `memories` is the number of those that it selects by id.
pub(in crate::console) fn deed(kind: &str, memories: u64, dry_run: bool) -> String {
    let verb = if dry_run { "Counts" } else { "Erases" };
    let what = match kind {
        "ids" => format!("{} by id", words::many(memories, "memory", "memories")),
        "subject" => "all memories of one person".to_owned(),
        _ => "the memories that match a query".to_owned(),
    };
    format!("{verb} {what}")
}

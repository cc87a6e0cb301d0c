//! The meaning of each error code, and its remedy.

use lethe_common::config::Scope;
use lethe_common::error_code::ErrorCode as E;

use super::links;
use crate::auth::Principal;
use crate::job::answer::WaitAnswer;
use crate::routes::holds::seen;

/// The meaning of an error code, and its remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) what: &'static str,
    pub(super) remedy: &'static str,
}

/// The cause of a code that this version does not know.
const UNKNOWN: Cause = Cause {
    what: "Another version of Lethe wrote this code.",
    remedy: "Look it up in the guide of that version.",
};

impl Cause {
    /// Returns the cause that a word of the ledger stands for.
    pub(super) fn of(code: &str) -> Self {
        let found = CAUSES.iter().find(|(known, ..)| known.as_str() == code);
        found.map_or(UNKNOWN, |&(_, what, remedy)| Self { what, remedy })
    }
}

/// Each code with its meaning and its remedy.
const CAUSES: &[(E, &str, &str)] = &[
    (
        E::Unavailable,
        "A store does not answer. Nothing is lost: it is tried again.",
        "Start the store, or restore the network between it and the workers.",
    ),
    (
        E::ReadOnly,
        "A database is read-only. Nothing is lost: it is tried again.",
        "Name the primary in the target's URL, or end the read-only mode.",
    ),
    (
        E::Timeout,
        "A store did not answer in time. Nothing is lost: it is tried again.",
        "It takes connections, and does not answer: restart it, or check the network to it. \
         If it is only slow, raise worker.store_timeout.",
    ),
    (
        E::Busy,
        "A store was too busy: a lock, a deadlock or a rate limit. It is tried again.",
        "Wait. If it stays, lower the pace of the job.",
    ),
    (
        E::Unauthorized,
        "A store does not know the credentials. It is tried again.",
        "Correct the credentials of the target, and restart the workers.",
    ),
    (
        E::Forbidden,
        "A store does not permit a call. It is tried again.",
        "Grant the right to the target's user: the guide has the list.",
    ),
    (
        E::Missing,
        "A table, a column or a collection is missing. It is tried again.",
        "Restore it, or correct the mapping.",
    ),
    (
        E::Mapping,
        "The mapping does not fit the schema. It is tried again.",
        "The target's faults say what to write instead.",
    ),
    (
        E::Internal,
        "A store failed internally. It is tried again.",
        "Read the store's log.",
    ),
    (
        E::Constraint,
        "A constraint of the database blocks the deletion of rows.",
        "Map the table that references them as a dependent, then retry the job.",
    ),
    (
        E::Rejected,
        "A store refused a call, and would refuse it again.",
        "Read the store's log, remove the cause, then retry the job.",
    ),
    (
        E::Kept,
        "A store reported a deletion and still has the memory: mostly a trigger.",
        "Remove the trigger, then retry the job.",
    ),
    (
        E::Unreadable,
        "The answer of a store cannot be read.",
        "Look for another version of the store, or for a proxy in between.",
    ),
    (
        E::Unmapped,
        "The job demands a field that is not mapped.",
        "Map the field, or omit it from the request.",
    ),
    (
        E::Unindexed,
        "The collection is in strict mode, and a field of the query has no index.",
        "Create the index, then retry the job.",
    ),
    (
        E::Mistyped,
        "The query compares a column with a value of another type. Nothing was touched.",
        "Correct the query, and send it as a new job.",
    ),
    (
        E::NoSnapshot,
        "The rows that were there at the start cannot be told from later ones.",
        "Correct the times of the rows, or write `as` in the mapping.",
    ),
    (
        E::LeaseLost,
        "A lease did not last as long as a call. It is tried again.",
        "Look whether the ledger is slow.",
    ),
    (
        E::Misuse,
        "The filter matches every row. Nothing was touched.",
        "Write {\"all\": true} if every row is meant.",
    ),
    (
        E::Panic,
        "The work made a worker fail several times.",
        "Report it with the worker's log.",
    ),
    (
        E::Poison,
        "Workers died of this work too often.",
        "Find the cause in their logs, then retry the job.",
    ),
    (
        E::Corrupt,
        "The ledger holds a value that cannot be read.",
        "Retrying cannot help: submit the deletion again (the page of the job has its request). \
         The workers' log names the row.",
    ),
    (
        E::LedgerRefused,
        "The ledger's database refuses to store an outcome.",
        "Correct the database, then retry the job.",
    ),
    (
        E::Conflict,
        "A memory changed meanwhile, and the job was to stop at that.",
        "Look at its memories below, then retry the job.",
    ),
    (
        E::PointConflict,
        "A vector disagrees with the row of its memory. Both stay.",
        "Correct one of them, then retry the job.",
    ),
    (
        E::Split,
        "A row changed after its vector was deleted.",
        "Create the vector again.",
    ),
    (
        E::Residue,
        "Memories are still there after all rounds: something writes them again.",
        "Stop the writer, then retry the job.",
    ),
    (
        E::Unverifiable,
        "The owner of vectors without a row is unknown. They stay.",
        "Map the payload field of the owner, or delete them by hand.",
    ),
    (
        E::Unsupported,
        "A store cannot do the requested operation.",
        "Declare the store absent in the mapping, or change the request.",
    ),
    (
        E::LimitExceeded,
        "More was selected than the limit. Nothing was touched.",
        "Raise the limit, or narrow the selection, in a new job.",
    ),
    (
        E::SelectionChanged,
        "The selection differs from the dry run. Nothing was touched.",
        "Look at it with another dry run.",
    ),
    (
        E::Unserved,
        "The time limit passed, and no worker had its mapping.",
        "Start a worker with this mapping, then retry the job.",
    ),
    (
        E::Expired,
        "The time limit passed before a worker tried it.",
        "Start more workers, then retry the job.",
    ),
];

/// Returns the remedy of a wait.
pub(super) fn remedy(wait: &WaitAnswer) -> &'static str {
    match (wait.code.as_deref(), wait.reason) {
        (Some(code), _) => Cause::of(code).remedy,
        (None, "window") => "It goes on by itself when a window opens.",
        (None, "not_before") => "It begins by itself.",
        (None, "pause") => "Lift the pause when the work may go on.",
        (None, "worker") => "Start a worker.",
        (None, "mapping") => "Start a worker with the configuration of this API.",
        (None, "store") => "Look at the store.",
        (None, "pace") => "Raise the pace if the stores can take it.",
        (None, "hold") => "It goes on by itself after the release. Cancel it if its rest is to stay for good.",
        (None, _) => "Start more workers if it waits for long.",
    }
}

/// The part of a wait's sentence that names a route. The console links a page instead.
const ROUTE: &str = "; `/v1/targets` says what to write.";

/// Returns the reason of a wait in one sentence, which names no route.
pub(super) fn detail(wait: &WaitAnswer) -> String {
    let before = wait.detail.strip_suffix(ROUTE);
    before.map_or_else(|| wait.detail.clone(), |before| format!("{before}."))
}

/// Returns the path of the target or of the holds for which a job waits, and the text of the link to it; `None` if the
/// caller may not read that page.
pub(super) fn link(wait: &WaitAnswer, principal: &Principal) -> Option<(String, &'static str)> {
    let is_unserved = wait.code.as_deref() == Some(E::Unserved.as_str());
    let text = match wait.reason {
        "mapping" if !is_unserved => "What to write instead is on the page of targets",
        "mapping" | "store" | "pause" => "Look at the targets",
        "hold" => {
            let may_read = seen::allow(principal).is_ok();
            return may_read.then(|| (links::HOLDS.to_owned(), "Look at the holds"));
        }
        _ => return None,
    };
    // A pause of everything is about no target.
    let path = wait.target.as_deref();
    let path = path.map_or_else(|| links::TARGETS.to_owned(), links::at_target);
    principal.has(Scope::JobsRead).then_some((path, text))
}

/// Returns whether another attempt may end otherwise than in this error.
// Each attempt reads the same damaged row.
pub(super) fn retry_helps(code: Option<&str>) -> bool {
    code != Some(E::Corrupt.as_str())
}

/// Returns whether a wait ends only if somebody does something.
pub(super) fn needs_somebody(wait: &WaitAnswer) -> bool {
    matches!(wait.reason, "worker" | "mapping" | "store")
}

#[cfg(test)]
mod tests {
    use lethe_common::ledger::{Wait, WaitReason};
    use strum::IntoEnumIterator as _;

    use super::*;

    #[test]
    fn every_code_has_a_cause_and_a_remedy() {
        for code in E::iter() {
            assert_ne!(Cause::of(code.as_str()), UNKNOWN, "{code}");
        }
        assert_eq!(Cause::of("of_tomorrow"), UNKNOWN);
    }

    #[test]
    fn no_reason_of_a_wait_names_a_route() {
        for reason in WaitReason::iter() {
            let said = detail(&Wait::new(reason, None, None).into());
            assert!(!said.contains("/v1/") && said.ends_with('.'), "{said}");
        }
    }
}

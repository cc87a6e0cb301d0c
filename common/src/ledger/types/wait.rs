//! The reason why a job does not move now, for callers.

use std::fmt;

use strum::{EnumIter, IntoStaticStr};

use crate::clock::from_millis;
use crate::error_code::{ErrorCode, StoredCode};
use crate::job::StoreKind;

/// The kind of reason why a job does not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum WaitReason {
    /// Only holds keep its memories.
    Hold,
    /// No window of its schedule is open.
    Window,
    /// Its request names a later start.
    NotBefore,
    /// An operator has paused its target, or everything.
    Pause,
    /// No worker reports.
    Worker,
    /// No worker has its mapping, or the mapping does not fit its stores.
    Mapping,
    /// A store of its target fails.
    Store,
    /// Its rate limit delays the next batch.
    Pace,
    /// It can be claimed, and no worker has claimed it yet.
    Turn,
}

impl WaitReason {
    /// Returns the word used in answers.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The reason why a job does not move now. Times are milliseconds since 1970. Its [`Display`](fmt::Display) is one
/// sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The kind of the reason.
    pub reason: WaitReason,
    /// The time at which it began, if that is known.
    pub since: Option<i64>,
    /// The time at which it ends, or at which the next attempt follows, if that is known.
    pub until: Option<i64>,
    /// The target that it is about; absent: the job as a whole.
    pub target: Option<String>,
    /// The table that it is about.
    pub table: Option<String>,
    /// The store that it is about.
    pub store: Option<StoreKind>,
    /// The error of the store or of the mapping.
    pub code: Option<StoredCode>,
}

impl Wait {
    /// Returns a reason between two times, about the job as a whole.
    pub fn new(reason: WaitReason, since: Option<i64>, until: Option<i64>) -> Self {
        Self {
            reason,
            since,
            until,
            target: None,
            table: None,
            store: None,
            code: None,
        }
    }

    /// Returns the store in words: `the vector store of main`.
    fn place(&self) -> String {
        let store = match self.store {
            Some(StoreKind::Sql) => "The SQL database",
            Some(StoreKind::Vector) => "The vector store",
            None => "A store",
        };
        format!("{store} of {}", quoted(self.target.as_deref(), "a target"))
    }

    /// Returns the failure of the store in words.
    fn failure(&self) -> String {
        match &self.code {
            None => "has not answered".to_owned(),
            Some(code) => match code.known() {
                Some(ErrorCode::Unavailable | ErrorCode::Timeout) => "has not answered".to_owned(),
                Some(ErrorCode::Busy) => "has been too busy".to_owned(),
                _ => format!("has refused calls (`{}`)", &**code),
            },
        }
    }

    /// Returns the mapping in words.
    fn mapping(&self) -> String {
        match (&self.target, &self.table) {
            (Some(target), Some(table)) => format!("`{target}/{table}`"),
            (target, _) => quoted(target.as_deref(), "a table"),
        }
    }
}

/// Returns a name in backquotes, or other words if there is none.
fn quoted(name: Option<&str>, otherwise: &str) -> String {
    name.map_or_else(|| otherwise.to_owned(), |name| format!("`{name}`"))
}

/// Returns a time in words, after a word that introduces it; nothing for no time.
fn at(word: &str, at: Option<i64>) -> String {
    let at = at.and_then(from_millis);
    at.map_or_else(String::new, |at| {
        format!(" {word} {}", at.strftime("%Y-%m-%d %H:%M:%S UTC"))
    })
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (since, until) = (at("since", self.since), at("at", self.until));
        match self.reason {
            WaitReason::Hold => write!(
                f,
                "A hold keeps memories of the job{since}; it goes on when the hold is released."
            ),
            WaitReason::Window if until.is_empty() => f.write_str("No window of its schedule is open."),
            WaitReason::Window => write!(f, "No window of its schedule is open; the next one opens{until}."),
            WaitReason::NotBefore => write!(f, "The job starts{until}, as its request demands."),
            WaitReason::Pause => {
                let place = quoted(self.target.as_deref(), "Everything");
                write!(f, "{place} has been paused{since}; the job goes on when it is resumed.")
            }
            WaitReason::Worker => write!(f, "No worker has reported{since}; the job goes on when one starts."),
            WaitReason::Mapping if self.code.as_ref().and_then(StoredCode::known) == Some(ErrorCode::Unserved) => {
                let mapping = self.mapping();
                write!(
                    f,
                    "No worker has the mapping of {mapping} with which the job was accepted."
                )
            }
            WaitReason::Mapping => {
                let mapping = self.mapping();
                write!(
                    f,
                    "The mapping of {mapping} does not fit its stores; `/v1/targets` says what to write."
                )
            }
            WaitReason::Store => {
                write!(f, "{} {}{since}; ", self.place(), self.failure())?;
                if until.is_empty() {
                    return f.write_str("the job is tried again; nothing is lost.");
                }
                write!(f, "the next attempt is{until}; nothing is lost.")
            }
            WaitReason::Pace => write!(f, "The job keeps to its pace; its next batch begins{until}."),
            WaitReason::Turn if until.is_empty() => f.write_str("The job waits for a free worker."),
            WaitReason::Turn => write!(f, "The next attempt is{until}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator as _;

    use super::*;

    fn wait(reason: WaitReason) -> Wait {
        Wait {
            target: Some("main".to_owned()),
            table: Some("memories".to_owned()),
            ..Wait::new(reason, Some(0), Some(60_000))
        }
    }

    #[test]
    fn a_store_that_is_down_is_told_with_its_times() {
        let down = Wait {
            store: Some(StoreKind::Vector),
            code: Some(StoredCode::Known(ErrorCode::Timeout)),
            ..wait(WaitReason::Store)
        };
        assert_eq!(
            down.to_string(),
            "The vector store of `main` has not answered since 1970-01-01 00:00:00 UTC; the next attempt is at \
             1970-01-01 00:01:00 UTC; nothing is lost."
        );
        let refused = Wait {
            store: None,
            code: Some(StoredCode::Known(ErrorCode::Unauthorized)),
            until: None,
            ..down
        };
        assert_eq!(
            refused.to_string(),
            "A store of `main` has refused calls (`unauthorized`) since 1970-01-01 00:00:00 UTC; the job is tried again; \
             nothing is lost."
        );
    }

    #[test]
    fn a_mapping_that_nobody_has_differs_from_one_that_does_not_fit() {
        let unserved = Wait {
            code: Some(StoredCode::Known(ErrorCode::Unserved)),
            ..wait(WaitReason::Mapping)
        };
        assert!(
            unserved
                .to_string()
                .starts_with("No worker has the mapping of `main/memories`")
        );
        assert!(wait(WaitReason::Mapping).to_string().contains("does not fit"));
    }

    #[test]
    fn every_reason_is_one_sentence_with_or_without_facts() {
        for reason in WaitReason::iter() {
            for wait in [wait(reason), Wait::new(reason, None, None)] {
                let said = wait.to_string();
                assert!(said.ends_with('.') && !said.contains("  "), "{said}");
                assert_eq!(said.matches(". ").count(), 0, "{said}");
            }
        }
    }
}

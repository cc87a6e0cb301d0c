//! The health of a target's stores.

use lethe_common::config::Target;
use lethe_common::job::StoreKind;

use crate::console::cause::Cause;
use crate::console::words::{self, Moment};
use crate::routes::targets::TargetAnswer;
use crate::workers::{self, StoreHealth, Trouble};

/// A store of a target.
pub(super) struct Store {
    pub(super) name: &'static str,
    /// `up`, `down`, or `unknown` before the first report.
    pub(super) state: &'static str,
    /// The class of these words in the style sheet: that of an outcome.
    pub(super) class: &'static str,
    pub(super) says: String,
    pub(super) cause: Option<Cause>,
}

impl Store {
    /// Returns the stores of a target.
    pub(super) fn all(target: &Target, answer: &TargetAnswer) -> Vec<Self> {
        let store = |kind: StoreKind| Self::of(kind, answer.stores.get(kind.as_str()));
        workers::stores(target).map(store).collect()
    }

    fn of(kind: StoreKind, health: Option<&StoreHealth>) -> Self {
        let name = match kind {
            StoreKind::Sql => "SQL database",
            StoreKind::Vector => "vector store",
        };
        let (state, class, says) = match health {
            None => ("unknown", "", "no worker has reported it".to_owned()),
            Some(StoreHealth { up: 0, .. }) => ("down", "failed", "no worker reaches it".to_owned()),
            Some(StoreHealth { up, down, .. }) => {
                let all = words::many((up + down) as u64, "worker", "workers");
                ("up", "succeeded", format!("reached by {up} of {all}"))
            }
        };
        let code = health.and_then(|health| health.codes.first());
        Self {
            name,
            state,
            class,
            says,
            cause: code.map(|code| Cause::of(code)),
        }
    }
}

/// Failing calls to the stores of a target.
pub(super) struct Failing {
    pub(super) since: Option<Moment>,
    pub(super) next: Option<Moment>,
    pub(super) code: String,
    pub(super) cause: Cause,
}

impl From<Trouble> for Failing {
    fn from(trouble: Trouble) -> Self {
        Self {
            since: trouble.since.map(Moment),
            next: trouble.next_attempt_at.map(Moment),
            cause: Cause::of(&trouble.code),
            code: trouble.code,
        }
    }
}

//! The meaning of the words of a statement.

use lethe_common::job::{Outcome, SelectorKind};
use lethe_common::receipt::Status;
use lethe_common::receipt::body::{Body, ReadBackResult};
use lethe_common::state::State;
use strum::IntoEnumIterator as _;

/// Returns the result of a deletion, as a sentence. It never says that everything is gone if a count says otherwise.
pub(super) fn result(body: &Body) -> &'static str {
    let has = |outcome: Outcome| {
        let counts = body
            .stores
            .iter()
            .filter_map(|store| store.counts.get(outcome.as_str()));
        counts.copied().any(|memories| memories > 0)
    };
    let stays = Outcome::iter().any(|outcome| !outcome.is_settled() && has(outcome));
    match (body.status.lethe, has(Outcome::Erased), stays) {
        (State::Succeeded, true, false) => {
            "The memories were erased. All stores were asked again, and nothing was left."
        }
        (State::Succeeded, true, true) => "Memories were erased. Others stayed: the counts of the stores say why.",
        (State::Succeeded, false, false) => "No memory was found, so nothing was erased.",
        (State::Succeeded, false, true) => "Nothing was erased. The counts of the stores say why memories stayed.",
        (State::Failed, ..) => "The deletion failed. Memories may be left, and a person has to act.",
        (State::Cancelled, ..) => "The deletion was cancelled. Memories that were erased before stay erased.",
        (State::Held, ..) => {
            "The deletion has not ended. Legal holds keep the rest: the statement names them and their grounds."
        }
        _ => "The deletion has not ended.",
    }
}

/// Returns the state, with its words in OpenDSR and in DROP.
pub(super) fn state(status: Status) -> String {
    let opendsr: &'static str = status.opendsr.into();
    let state = format!("{}; in OpenDSR {opendsr}", status.lethe.as_str());
    match status.drop {
        Some(code) => format!("{state}; in DROP {code}, {}", drop_word(code)),
        None => state,
    }
}

/// Returns the word for a code of DROP.
fn drop_word(code: u8) -> &'static str {
    match code {
        2 => "exempted",
        3 => "deleted",
        5 => "not found",
        _ => "another status",
    }
}

/// Returns the answer of a read-back.
pub(super) fn read_back(result: ReadBackResult) -> &'static str {
    match result {
        ReadBackResult::NothingLeft => {
            "all stores were asked again under the same conditions, less held and conflicted ones: nothing was left"
        }
        ReadBackResult::Residue => "a store still had a memory",
        ReadBackResult::NotDone => "the stores were not asked again, or not all of them",
    }
}

/// Returns the meaning of a selector.
pub(super) fn selector(kind: SelectorKind) -> &'static str {
    match kind {
        SelectorKind::Ids => "memories by their ids",
        SelectorKind::Query => "memories that match a query",
        SelectorKind::Subject => "everything of a person",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;

    /// Returns the result of a job in a state, with these counts in its first store.
    fn said(state: State, counts: &[(Outcome, u64)]) -> &'static str {
        let mut body = example();
        body.status.lethe = state;
        body.stores.truncate(1);
        let counts = counts.iter().map(|(outcome, n)| (outcome.as_str().to_owned(), *n));
        body.stores[0].counts = counts.collect();
        result(&body)
    }

    #[test]
    fn a_result_never_says_more_than_the_counts() {
        let gone = said(State::Succeeded, &[(Outcome::Erased, 1), (Outcome::Absent, 1)]);
        assert!(gone.contains("nothing was left"), "{gone}");
        for stayed in [Outcome::Held, Outcome::Conflicted, Outcome::Left] {
            for erased in [0, 1] {
                let some = said(State::Succeeded, &[(Outcome::Erased, erased), (stayed, 1)]);
                assert!(some.contains("stayed") && !some.contains("nothing was left"), "{some}");
            }
        }
        assert!(said(State::Succeeded, &[(Outcome::Absent, 1)]).contains("No memory was found"));
        let erased = [(Outcome::Erased, 1)];
        assert!(said(State::Failed, &erased).contains("failed"));
        assert!(said(State::Cancelled, &erased).contains("cancelled"));
        let held = said(State::Held, &erased);
        assert!(held.contains("not ended") && held.contains("holds keep"), "{held}");
    }

    #[test]
    fn a_state_has_its_words_elsewhere() {
        let said = state;
        assert_eq!(
            said(Status::of(State::Succeeded, 1, 0)),
            "succeeded; in OpenDSR completed; in DROP 3, deleted"
        );
        assert_eq!(said(Status::of(State::Failed, 0, 0)), "failed; in OpenDSR in_progress");
    }
}

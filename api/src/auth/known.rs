//! A cache of the ledger's API keys, for a few seconds.
//!
//! Without it every request would cost a query. The cache is bounded, and so is the number of concurrent queries for
//! unknown keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lethe_common::config::{KeyHash, Scope};
use lethe_common::ledger::{FoundKey, KeyRow, Ledger, LedgerError};
use strum::IntoEnumIterator as _;
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Principal;
use crate::http::problem::{Kind, Problem};
use crate::migrating;

/// The time for which an answer of the ledger is cached. A revoked key, and a secret that a rotation ends at once, stay
/// valid in other processes for as long.
const REMEMBER: Duration = Duration::from_secs(5);

/// The least time between two records of a key's use, in milliseconds.
const MINUTE_MS: i64 = 60_000;

/// The time limit of such a record: a request waits for it.
const NOTING: Duration = Duration::from_millis(500);

/// The most cached answers: more than the callers of an installation, and few enough to sweep.
const MOST: usize = 1_024;

/// The most concurrent queries, so that guesses do not use up the ledger's connections.
const QUESTIONS: usize = 2;

/// The ledger's answer about a key.
#[derive(Clone)]
pub(super) enum Answer {
    Known(Principal),
    /// The key, or the secret that was presented, has expired. Holds the key's name.
    Expired(String),
    /// The key was revoked. Holds its name.
    Revoked(String),
    Unknown,
}

/// The cached state of a key.
pub(super) enum Remembered {
    /// The ledger's answer is fresh.
    Fresh(Answer),
    /// The answer is old. The key was valid then.
    WasGood,
    Nothing,
}

/// A cache of the ledger's API keys, for a few seconds.
pub(super) struct KnownKeys {
    ledger: Ledger,
    memory: Mutex<Memory>,
    questions: Arc<Semaphore>,
}

/// The right to a query for a key.
pub(super) type Question = OwnedSemaphorePermit;

#[derive(Default)]
struct Memory {
    answers: HashMap<String, (Instant, Answer)>,
    // Grows when a key is made, rotated or revoked. An answer from a query before that is not cached after it.
    removals: u64,
}

impl KnownKeys {
    pub(super) fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            memory: Mutex::default(),
            questions: Arc::new(Semaphore::new(QUESTIONS)),
        }
    }

    /// Returns the cached state of a key, without a query.
    pub(super) fn remembered(&self, presented: &str) -> Remembered {
        self.memory().of(&KeyHash::of(presented).to_string(), Instant::now())
    }

    /// Returns the ledger's answer about a key, from the cache if it is fresh.
    pub(super) async fn find(&self, presented: &str) -> Result<Answer, Problem> {
        let question = self.question().await?;
        self.ask(question, presented).await
    }

    /// Waits for the right to a query.
    pub(super) async fn question(&self) -> Result<Question, Problem> {
        let permit = Arc::clone(&self.questions).acquire_owned().await;
        permit.map_err(|_| Problem::usual(Kind::Internal))
    }

    /// Does the same as [`KnownKeys::find`], with the right to a query.
    pub(super) async fn ask(&self, question: Question, presented: &str) -> Result<Answer, Problem> {
        let hash = KeyHash::of(presented).to_string();
        let removals = {
            let memory = self.memory();
            // An earlier request in this queue may have asked about the same key.
            if let Remembered::Fresh(answer) = memory.of(&hash, Instant::now()) {
                return Ok(answer);
            }
            memory.removals
        };
        if !self.ledger.is_migrated() {
            return Err(migrating::waits());
        }
        let asked = Instant::now();
        let found = self.ledger.key_by_hash(&hash).await?;
        // The database does not compare in constant time; this does.
        let found = found.filter(|found| bool::from(found.sha256.as_bytes().ct_eq(hash.as_bytes())));
        let left = found.as_ref().and_then(|found| found.left);
        let used = found
            .as_ref()
            .filter(|found| is_worth_noting(found))
            .map(|found| found.row.key.name.clone());
        let answer = if let Some(found) = found {
            answer(found.row, found.left)
        } else {
            let revoked = self.ledger.revoked_key(&hash).await?;
            revoked.map_or(Answer::Unknown, Answer::Revoked)
        };
        {
            let mut memory = self.memory();
            if memory.removals == removals {
                // An answer is not cached beyond the expiry of its key or secret.
                let until = asked + left.filter(|left| !left.is_zero()).unwrap_or(REMEMBER).min(REMEMBER);
                memory.keep(hash, until, answer.clone(), asked);
            }
        }
        drop(question);
        if let Some(name) = used {
            self.note_use(&name).await;
        }
        Ok(answer)
    }

    /// Records the use of a key. If that fails, the request goes on.
    async fn note_use(&self, name: &str) {
        let noted = timeout(NOTING, self.ledger.use_key(name)).await;
        if !matches!(noted, Ok(Ok(()))) {
            tracing::debug!("the use of a key could not be recorded");
        }
    }

    /// Returns the ledger's answer about the key of this name, never from the cache.
    pub(super) async fn by_name(&self, name: &str) -> Result<Answer, LedgerError> {
        let row = self.ledger.key_by_name(name).await?;
        Ok(row.map_or(Answer::Unknown, |row| {
            let left = row.left;
            answer(row, left)
        }))
    }

    /// Drops the cached answers for this name, and all refusals, because a key was made, rotated or revoked.
    pub(super) fn forget(&self, name: &str) {
        let mut memory = self.memory();
        memory.removals += 1;
        memory
            .answers
            .retain(|_, (_, answer)| matches!(answer, Answer::Known(principal) if principal.name != name));
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Returns the cached state of a key at `now`.
    fn of(&self, hash: &str, now: Instant) -> Remembered {
        match self.answers.get(hash) {
            Some((until, answer)) if now < *until => Remembered::Fresh(answer.clone()),
            Some((_, Answer::Known(_))) => Remembered::WasGood,
            _ => Remembered::Nothing,
        }
    }

    /// Caches the answer to a query that began at `asked`.
    fn keep(&mut self, hash: String, until: Instant, answer: Answer, asked: Instant) {
        if self.answers.len() >= MOST {
            self.answers.retain(|_, (until, _)| asked < *until);
        }
        if self.answers.len() >= MOST {
            // Many guesses at a time: drop refusals first.
            self.answers.retain(|_, (_, answer)| matches!(answer, Answer::Known(_)));
        }
        if self.answers.len() < MOST {
            self.answers.insert(hash, (until, answer));
        }
    }
}

/// Returns whether a secret is valid, and its key has no recorded use within the last minute.
fn is_worth_noting(found: &FoundKey) -> bool {
    let row = &found.row;
    let is_recent = row.last_used_at.is_some_and(|at| row.now - at < MINUTE_MS);
    !is_recent && found.left.is_none_or(|left| !left.is_zero())
}

/// Returns the answer for a row of the ledger. The key, or the secret that was presented, is valid for `left`.
fn answer(row: KeyRow, left: Option<Duration>) -> Answer {
    if left.is_some_and(|left| left.is_zero()) {
        return Answer::Expired(row.key.name);
    }
    // A scope that this version does not know is ignored.
    let scopes = Scope::iter().filter(|known| row.key.scopes.iter().any(|scope| scope == known.as_str()));
    Answer::Known(Principal::new(&row.key.name, scopes, row.key.bounds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> Answer {
        Answer::Known(Principal::new(name, [], lethe_common::config::Bounds::default()))
    }

    #[test]
    fn an_answer_is_believed_until_its_time_and_a_good_key_is_remembered_as_one() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        memory.keep("good".to_owned(), now + REMEMBER, known("a"), now);
        memory.keep("bad".to_owned(), now + REMEMBER, Answer::Unknown, now);
        for hash in ["good", "bad"] {
            let remembered = memory.of(hash, now + REMEMBER.mul_f64(0.99));
            assert!(matches!(remembered, Remembered::Fresh(_)), "{hash}");
        }
        assert!(matches!(memory.of("good", now + REMEMBER), Remembered::WasGood));
        assert!(matches!(memory.of("bad", now + REMEMBER), Remembered::Nothing));
        assert!(matches!(memory.of("other", now), Remembered::Nothing));
    }

    #[test]
    fn a_flood_of_guesses_is_forgotten_before_good_keys_are() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        memory.keep("good".to_owned(), now + REMEMBER, known("a"), now);
        for n in 0..MOST * 3 {
            memory.keep(n.to_string(), now + REMEMBER, Answer::Unknown, now);
            assert!(memory.answers.len() <= MOST);
        }
        assert!(matches!(memory.of("good", now), Remembered::Fresh(_)));
        // Expired answers make room first.
        for n in 0..MOST {
            memory.keep(n.to_string(), now + REMEMBER * 3, known("b"), now + REMEMBER);
        }
        assert!(matches!(memory.of("good", now), Remembered::Nothing));
        assert_eq!(memory.answers.len(), MOST);
    }
}

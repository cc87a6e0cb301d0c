//! The keys that the ledger knows, remembered for a few seconds.
//!
//! Without this every request would cost a query. What it remembers is bounded, and so is how many
//! queries keys that nobody knows can cause at a time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lethe_common::config::{Bounds, KeyHash, Scope};
use lethe_common::ledger::Ledger;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::Principal;
use crate::problem::{Kind, Problem};

/// How long an answer of the ledger is believed: what a key that was taken away still opens.
const REMEMBER: Duration = Duration::from_secs(5);

/// How many answers are remembered; more callers than an installation has, few enough to sweep.
const MOST: usize = 1_024;

/// How many questions the ledger is asked at a time, so that guesses do not take its connections.
const QUESTIONS: usize = 2;

/// Who holds a key, if anybody does.
type Answer = Option<Principal>;

/// The keys that the ledger knows, remembered for a few seconds.
pub(crate) struct KnownKeys {
    answers: Mutex<HashMap<String, (Instant, Answer)>>,
    questions: Semaphore,
}

impl KnownKeys {
    pub(crate) fn new() -> Self {
        Self {
            answers: Mutex::new(HashMap::new()),
            questions: Semaphore::new(QUESTIONS),
        }
    }

    /// Returns who holds the key.
    pub(crate) async fn find(&self, ledger: &Ledger, presented: &str) -> Result<Answer, Problem> {
        let hash = KeyHash::of(presented).to_string();
        if let Some(answer) = self.remembered(&hash) {
            return Ok(answer);
        }
        let Ok(_question) = self.questions.acquire().await else {
            return Err(Problem::usual(Kind::Internal));
        };
        // Whoever was before us may have asked the same.
        if let Some(answer) = self.remembered(&hash) {
            return Ok(answer);
        }
        let record = ledger.key_by_hash(&hash).await?;
        // The database compared as it likes; this does so in constant time.
        let record = record.filter(|key| bool::from(key.sha256.as_bytes().ct_eq(hash.as_bytes())));
        let principal = record.map(|key| {
            // A word that this version does not know opens nothing.
            let scopes = Scope::ALL
                .into_iter()
                .filter(|(word, _)| key.scopes.iter().any(|scope| scope == word));
            Principal::new(&key.name, scopes.map(|(_, scope)| scope), Bounds::default())
        });
        self.remember(hash, principal.clone());
        Ok(principal)
    }

    fn remembered(&self, hash: &str) -> Option<Answer> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, answer) = answers.get(hash)?;
        (at.elapsed() < REMEMBER).then(|| answer.clone())
    }

    fn remember(&self, hash: String, answer: Answer) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MOST {
            answers.retain(|_, (at, _)| at.elapsed() < REMEMBER);
        }
        if answers.len() >= MOST {
            // A flood of guesses: forget those first, then everything.
            answers.retain(|_, (_, answer)| answer.is_some());
        }
        if answers.len() < MOST {
            answers.insert(hash, (Instant::now(), answer));
        }
    }
}

//! Groups: calls that wait at the same time share one commit, or one read.
//!
//! A commit costs a disk flush. Under load the next group gathers while the present one is being
//! flushed. If the process dies meanwhile, no caller has had an answer yet.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::error::LedgerError;
use super::ledger::Inner;

/// A call that runs in groups.
pub(in crate::ledger) trait Grouped: Sized + Send + Sync + 'static {
    /// The answer to one call.
    type Answer: Send + 'static;

    /// The size at which a group is full, and the next one begins.
    const GROUP: usize;

    /// Whether a group waits for the callers of recent groups, which return together: [`GAP`].
    const GATHERS: bool = false;

    /// Returns the size of the call within a group.
    fn size(&self) -> usize;

    /// Runs a group. The answers are in the order of the group.
    fn together(inner: &Inner, group: &[Self]) -> impl Future<Output = Result<Vec<Self::Answer>, LedgerError>> + Send;
}

type Answer<T> = oneshot::Sender<Result<<T as Grouped>::Answer, LedgerError>>;

/// The most calls that may wait, and the most calls of one group.
// Well above the number that arrives during one flush, and small enough for short SQL.
const WAITING: usize = 256;

/// The time without a call after which a group begins, while recent groups had several calls.
// Callers that were answered together return within a few milliseconds. Without the wait, the first of them has a group of
// its own, its job is claimed alone, and the others wait for it. A caller that is alone never waits: recent groups had one
// call each.
const GAP: Duration = Duration::from_millis(1);

/// The longest wait for the calls of one group.
const LONGEST: Duration = Duration::from_millis(4);

/// The calls that wait, with the senders for their answers.
type Queue<T> = mpsc::Sender<(T, Answer<T>)>;

/// The tasks that run groups, one for each type of call.
///
/// Each type is defined beside its implementation. This module knows none of them.
pub(in crate::ledger) struct Groups {
    queues: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
    inner: Weak<Inner>,
}

impl Groups {
    /// Prepares the tasks. Each starts with the first call of its type.
    pub(super) fn new(inner: Weak<Inner>) -> Self {
        Self {
            queues: Mutex::default(),
            inner,
        }
    }

    /// Adds `one` to the next group, and returns its answer.
    ///
    /// # Cancel safety
    /// The group runs even if the caller stops waiting.
    pub(in crate::ledger) async fn together<T: Grouped>(&self, one: T) -> Result<T::Answer, LedgerError> {
        let queue = self.queue::<T>();
        let (answer, answered) = oneshot::channel();
        queue.send((one, answer)).await.map_err(|_| LedgerError::away())?;
        answered.await.map_err(|_| LedgerError::away())?
    }

    fn queue<T: Grouped>(&self) -> Queue<T> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(TypeId::of::<T>()).or_insert_with(|| {
            let (sender, receiver): (Queue<T>, _) = mpsc::channel(WAITING);
            // The task ends when the last sender is dropped, with the ledger.
            tokio::spawn(run(receiver, Weak::clone(&self.inner)));
            Box::new(sender)
        });
        let queue: &Queue<T> = queue.downcast_ref().expect("a queue is found by its own type");
        queue.clone()
    }
}

async fn run<T: Grouped>(mut queue: mpsc::Receiver<(T, Answer<T>)>, inner: Weak<Inner>) {
    // About the number of calls in the largest recent group.
    let mut recent = 1;
    while let Some(first) = queue.recv().await {
        let Some(inner) = inner.upgrade() else { return };
        let wait = (T::GATHERS && recent > 1).then(|| Instant::now() + LONGEST);
        let group = gather(&mut queue, first, wait).await;
        recent = group.len().max(recent / 2);
        let (group, answers): (Vec<T>, Vec<Answer<T>>) = group.into_iter().unzip();
        match T::together(&inner, &group).await {
            Ok(done) => {
                // What the calls hold in memory is free before their callers go on.
                drop(group);
                answer_all::<T>(answers, done.into_iter().map(Ok));
            }
            // A bad call must not fail the others, so each runs again alone. If the database is unreachable, all fail
            // together: otherwise they would wait one after the other.
            Err(error) if group.len() > 1 && !error.is_away() => {
                for (one, answer) in group.into_iter().zip(answers) {
                    let result = T::together(&inner, std::slice::from_ref(&one)).await;
                    answer_all::<T>([answer], [result.map(|mut one| one.remove(0))]);
                }
            }
            Err(error) => {
                let others = (1..answers.len()).map(|_| Err(LedgerError::away()));
                answer_all::<T>(answers, std::iter::once(Err(error)).chain(others.collect::<Vec<_>>()));
            }
        }
    }
}

/// Takes the calls of one group from the queue: those that are there, and until `wait` those that arrive in close
/// succession.
async fn gather<T: Grouped>(
    queue: &mut mpsc::Receiver<(T, Answer<T>)>,
    first: (T, Answer<T>),
    wait: Option<Instant>,
) -> Vec<(T, Answer<T>)> {
    let mut size = first.0.size();
    let mut group = vec![first];
    while group.len() < WAITING && size < T::GROUP {
        let next = match (queue.try_recv(), wait) {
            (Ok(next), _) => next,
            (Err(_), None) => break,
            (Err(_), Some(until)) => match timeout_at(until.min(Instant::now() + GAP), queue.recv()).await {
                Ok(Some(next)) => next,
                _ => break,
            },
        };
        size += next.0.size();
        group.push(next);
    }
    group
}

fn answer_all<T: Grouped>(
    answers: impl IntoIterator<Item = Answer<T>>,
    results: impl IntoIterator<Item = Result<T::Answer, LedgerError>>,
) {
    for (answer, result) in answers.into_iter().zip(results) {
        // The caller may have left. The group has run anyway.
        drop(answer.send(result));
    }
}

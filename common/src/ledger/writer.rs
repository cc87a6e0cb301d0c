//! Acceptances that wait at the same time share one commit.
//!
//! A commit costs a disk flush; under load the next group gathers while the present one is being
//! flushed. If the process dies here, nobody was told anything yet.

use std::sync::Weak;

use tokio::sync::{mpsc, oneshot};

use super::accept::{self, Accepted, NewJob};
use super::error::LedgerError;
use super::open::Inner;

type Answer = oneshot::Sender<Result<Accepted, LedgerError>>;

/// The most acceptances of one commit, and of those that wait for it.
// Well above what arrives during one flush, small enough that a group's SQL stays short.
const GROUP: usize = 256;

/// The most bytes of ids of one commit, so that a few huge requests do not make one huge statement.
const GROUP_IDS: u64 = 20_000;

/// The task that writes groups of acceptances.
pub(super) struct AcceptWriter {
    queue: std::sync::OnceLock<mpsc::Sender<(NewJob, Answer)>>,
    inner: Weak<Inner>,
}

impl AcceptWriter {
    pub(super) fn start(inner: Weak<Inner>) -> Self {
        Self {
            queue: std::sync::OnceLock::new(),
            inner,
        }
    }

    pub(super) async fn accept(&self, job: NewJob) -> Result<Accepted, LedgerError> {
        let queue = self.queue.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(GROUP);
            // It ends with the last sender, that is with the ledger.
            tokio::spawn(run(receiver, Weak::clone(&self.inner)));
            sender
        });
        let (answer, answered) = oneshot::channel();
        let gone = || LedgerError::Unavailable(sqlx::Error::WorkerCrashed);
        queue.send((job, answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

async fn run(mut queue: mpsc::Receiver<(NewJob, Answer)>, inner: Weak<Inner>) {
    while let Some(first) = queue.recv().await {
        let Some(inner) = inner.upgrade() else { return };
        let mut ids = selected(&first.0);
        let mut group = vec![first];
        while group.len() < GROUP && ids < GROUP_IDS {
            let Ok(next) = queue.try_recv() else { break };
            ids += selected(&next.0);
            group.push(next);
        }
        let (jobs, answers): (Vec<NewJob>, Vec<Answer>) = group.into_iter().unzip();
        match accept::write(&inner, &jobs).await {
            Ok(accepted) => answer_all(answers, accepted.into_iter().map(Ok)),
            // One bad job must not refuse the others: each again by itself.
            Err(_) if jobs.len() > 1 => {
                for (job, answer) in jobs.into_iter().zip(answers) {
                    let result = accept::write(&inner, std::slice::from_ref(&job)).await;
                    answer_all([answer], [result.map(|mut one| one.remove(0))]);
                }
            }
            Err(error) => answer_all(answers, [Err(error)]),
        }
    }
}

fn selected(job: &NewJob) -> u64 {
    job.partitions.iter().map(|partition| partition.remaining).sum()
}

fn answer_all(
    answers: impl IntoIterator<Item = Answer>,
    results: impl IntoIterator<Item = Result<Accepted, LedgerError>>,
) {
    for (answer, result) in answers.into_iter().zip(results) {
        // Whoever asked may have left; the job is accepted all the same.
        drop(answer.send(result));
    }
}

//! Attends one deletion: sends its request, cancels it, retries it, and follows it until its last end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::follow::Follow;
use crate::jobs::{Asked, Sort};
use crate::person::Person;
use crate::timeline::{Timeline, now};
use crate::weather::What;

/// The interval between looks for the job of a schedule.
const LOOK: Duration = Duration::from_millis(300);

/// The caller of a deletion, and the records of its events.
#[derive(Clone)]
pub(crate) struct Attendant {
    pub(crate) person: Person,
    pub(crate) follow: Arc<Follow>,
    pub(crate) timeline: Arc<Timeline>,
    /// The start of the run.
    pub(crate) start: Instant,
}

impl Attendant {
    /// Sends the request at its time, and follows its jobs until all have ended.
    ///
    /// # Errors
    /// Returns a refusal.
    pub(crate) async fn attend(self, asked: Arc<Asked>) -> Result<(), String> {
        tokio::time::sleep_until(self.start + asked.at).await;
        if asked.sort == Sort::Scheduled {
            return self.schedule(&asked).await;
        }
        let id = self.person.ask(&asked).await?;
        self.follow.add(&id, &asked);
        self.see_to(&asked, &id).await
    }

    /// Cancels a job and retries it, if its plan says so.
    async fn see_to(&self, asked: &Asked, id: &str) -> Result<(), String> {
        if let Some(after) = asked.cancel
            && timeout(after, self.follow.ended(id)).await.is_err()
        {
            self.follow.cancelled(id);
            self.person.cancel(id).await;
        }
        let state = self.follow.ended(id).await;
        if let Some(after) = asked.retry
            && state != "succeeded"
        {
            sleep(after).await;
            let when = self.person.retry(id).await?;
            self.follow.retried(id, when);
            self.follow.ended(id).await;
        }
        Ok(())
    }

    async fn schedule(&self, asked: &Arc<Asked>) -> Result<(), String> {
        let since = now();
        self.person.schedule(asked, true, asked.closed.is_some()).await?;
        let closed = asked
            .closed
            .map(|_| self.timeline.begin(What::Closed(asked.number), since));
        let mut ids = self.person.scheduled(asked).await;
        while ids.is_empty() {
            sleep(LOOK).await;
            ids = self.person.scheduled(asked).await;
        }
        self.follow.add(&ids[0], asked);
        if let (Some(number), Some(after)) = (closed, asked.closed) {
            sleep(after).await;
            let since = now();
            self.person.schedule(asked, false, false).await?;
            self.timeline.end(number, since);
        }
        self.see_to(asked, &ids[0]).await?;
        // A schedule that was written twice may have fired twice.
        for id in self.person.scheduled(asked).await {
            self.follow.add(&id, asked);
            self.follow.ended(&id).await;
        }
        Ok(())
    }
}

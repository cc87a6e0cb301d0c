//! Writing the intent of a batch before its first outside effect, and keeping the lease.

use serde_json::{Value, json};

use super::renew::{LEFT, LeaseCheck};
use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::ledger::operation::REVISION;
use crate::ledger::types::{Fence, Lease};

impl Ledger {
    /// Commits the intents of batches under their leases, and renews leases after an eighth of their time.
    ///
    /// The answers are in the order of `intents`. Only [`LeaseCheck::Proceed`] means that an intent is written. A
    /// [refused](LeaseCheck::Refused) intent does not affect the others. An intent that replaces another is written
    /// even during a pause or a cancellation: its batch has begun, and must finish.
    pub async fn intend(&self, intents: &[(&Lease, String)]) -> Result<Vec<LeaseCheck>, LedgerError> {
        let mut answers = Vec::with_capacity(intents.len());
        let mut open = vec![intents];
        while let Some(some) = open.pop() {
            match (self.intend_together(some).await, some) {
                (Err(error), [(lease, _)]) if error.is_refusal() => {
                    error.log_refusal(lease.fence());
                    answers.push(LeaseCheck::Refused);
                }
                // Halving the group finds the refused intent.
                (Err(error), some) if error.is_refusal() && some.len() > 1 => {
                    let (left, right) = some.split_at(some.len() / 2);
                    open.extend([right, left]);
                }
                (written, _) => answers.extend(written?),
            }
        }
        Ok(answers)
    }

    async fn intend_together(&self, intents: &[(&Lease, String)]) -> Result<Vec<LeaseCheck>, LedgerError> {
        let rows: Vec<Value> = intents
            .iter()
            .map(|(lease, intent)| {
                let mut row = rows::fence(lease.fence());
                row["intent"] = Value::String(intent.clone());
                row["siblings"] = json!(lease.siblings);
                row
            })
            .collect();
        let fences: Vec<Fence> = intents.iter().map(|(lease, _)| lease.fence()).collect();
        // A lease is renewed only after an eighth of its time: a new `due_at` writes the row's indexes.
        self.touch(
            &fences,
            &rows,
            &format!(
                "-- ledger::intend
            UPDATE partitions SET intent = e.value->>'intent',
                due_at = CASE WHEN due_at < {{now}} + $2 * 7 / 8 THEN {{now}} + $2 ELSE due_at END
            FROM {{each}} WHERE {HELD}
              AND (partitions.intent IS NOT NULL
                OR EXISTS (SELECT 1 FROM jobs WHERE jobs.id = partitions.job_id AND jobs.state <> {{job.cancelling}})
                  AND NOT EXISTS (SELECT 1 FROM pauses WHERE scope = '*' OR scope = partitions.target)
                  AND {REVISION} = CAST(e.value->>'siblings' AS BIGINT))
            RETURNING {LEFT}",
                HELD = rows::HELD
            ),
        )
        .await
    }
}

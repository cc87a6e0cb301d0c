//! Receipts in answers.

use jiff::Timestamp;
use lethe_common::clock::from_millis;
use lethe_common::ledger::ReceiptRow;
use lethe_common::receipt::dsse::Envelope;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A signed receipt: a DSSE envelope. Keep the answer as a file. It is verified without Lethe.
#[derive(Serialize, ToSchema)]
pub(crate) struct Receipt {
    /// The statement in base64: JSON, described by `/.well-known/lethe-receipt.v1.schema.json`.
    pub(crate) payload: String,
    /// The type of the payload.
    #[serde(rename = "payloadType")]
    #[schema(example = "application/vnd.lethe.receipt.v1+json")]
    pub(crate) payload_type: String,
    /// The signatures over the payload and its type.
    pub(crate) signatures: Vec<ReceiptSignature>,
    /// The proof that the log has the receipt.
    pub(crate) tlog_proof: Option<String>,
}

/// A signature of a receipt.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReceiptSignature {
    /// The id of the key, as `/.well-known/lethe-keys.json` has it.
    pub(crate) keyid: String,
    /// The Ed25519 signature in base64.
    pub(crate) sig: String,
}

impl From<Envelope> for Receipt {
    fn from(envelope: Envelope) -> Self {
        let signatures = envelope.signatures.into_iter().map(|signature| ReceiptSignature {
            keyid: signature.keyid,
            sig: signature.sig,
        });
        Self {
            payload: envelope.payload,
            payload_type: envelope.payload_type,
            signatures: signatures.collect(),
            tlog_proof: envelope.tlog_proof,
        }
    }
}

/// A receipt in a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct ListedReceipt {
    /// Its id.
    pub(crate) id: Uuid,
    /// The job that ended.
    pub(crate) job_id: Uuid,
    /// The number of the ending: 1, and one more for each retry that ended.
    pub(crate) ending: u64,
    /// The state in which the job ended: `succeeded`, `failed` or `cancelled`. `held`: only holds kept it from its end.
    #[schema(example = "succeeded")]
    pub(crate) state: &'static str,
    /// The caller that asked for the job.
    pub(crate) principal: String,
    /// The targets that the job was about.
    pub(crate) targets: Vec<String>,
    /// When the job ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) ended_at: Option<Timestamp>,
    /// Its place in the log; `null`: it is not signed yet.
    pub(crate) log_index: Option<u64>,
    /// Whether its retention has passed. The log still has its hash.
    pub(crate) forgotten: bool,
}

impl From<ReceiptRow> for ListedReceipt {
    fn from(row: ReceiptRow) -> Self {
        Self {
            id: row.id,
            job_id: row.job.0,
            ending: row.ending,
            state: row.state.as_str(),
            principal: row.principal,
            targets: row.targets.into_iter().collect(),
            ended_at: from_millis(row.ended_at),
            log_index: row.log_index,
            forgotten: row.is_forgotten,
        }
    }
}

//! Why a receipt, a key or a proof is refused.

/// Why a receipt, a key or a proof is refused. Each text begins with the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// The file is no receipt.
    #[error("the file is no receipt: {0}")]
    Malformed(&'static str),
    /// Another kind of signed statement.
    #[error("the file is another signed statement: its payloadType is not that of a receipt")]
    OtherType,
    /// No signature is by a known key.
    #[error("the key is not known: no signature is by a key of the list of keys")]
    UnknownKey,
    /// A signature names a known key, and does not fit.
    #[error("the signature does not fit: the receipt was changed, or another key signed it")]
    BadSignature,
    /// The statement names another key than those that signed it.
    #[error("the statement names another key: the key of `key_id` has not signed it")]
    OtherKey,
    /// The statement is of another issuer.
    #[error("the statement is of another issuer: the list of keys is not that of its `issuer`")]
    OtherIssuer,
    /// All keys that signed it had retired before the job ended.
    #[error("the key had retired: each key that signed it had retired before the job ended")]
    RetiredKey,
    /// A key cannot be read.
    #[error("the key cannot be read: {0}")]
    BadKey(&'static str),
    /// The proof cannot be read.
    #[error("the proof cannot be read: {0}")]
    BadProof(&'static str),
    /// The proof's checkpoint is not signed by the log.
    #[error("the checkpoint is not signed by the log: its origin or its signature does not fit")]
    BadCheckpoint,
    /// The proof does not lead from the receipt to the checkpoint.
    #[error("the receipt is not in the log: the proof does not lead from it to the checkpoint")]
    NotInLog,
}

//! Why a note, a checkpoint or a proof is refused.

/// Why a note, a checkpoint or a proof is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// It is not written as its specification demands.
    #[error("it cannot be read: {0}")]
    Malformed(&'static str),
    /// No known key has signed it.
    #[error("no known key has signed it")]
    Unsigned,
    /// A signature by a key of this name is wrong.
    #[error("the signature of `{0}` is wrong")]
    BadSignature(String),
    /// It is about another log.
    #[error("it is of the log `{0}`, not of this one")]
    OtherLog(String),
    /// The proof does not lead from the entry to the root.
    #[error("the proof does not lead from this entry to the signed root")]
    NotInLog,
}

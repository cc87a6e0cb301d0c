//! The scopes in a form: one line about each, and the preset of a key that only reads.

use lethe_common::config::Scope;
use strum::IntoEnumIterator as _;

/// The preset of a key that changes nothing.
pub(super) const READ_ONLY: &str = "read-only";

/// A scope in a form.
pub(super) struct Choice {
    pub(super) word: &'static str,
    pub(super) about: &'static str,
    pub(super) is_chosen: bool,
}

impl Choice {
    /// Returns all scopes, those of a preset chosen.
    pub(super) fn all(preset: &str) -> Vec<Self> {
        let choice = |scope: Scope| Self {
            word: scope.as_str(),
            about: about(scope),
            is_chosen: preset == READ_ONLY && reads(scope),
        };
        Scope::iter().map(choice).collect()
    }
}

fn about(scope: Scope) -> &'static str {
    match scope {
        Scope::MemoriesDelete => "Erases memories by id or query, of an owner that the request names.",
        Scope::MemoriesDeleteAny => "Erases memories by id or query, without an owner.",
        Scope::SubjectsErase => "Erases all memories of a person.",
        Scope::JobsRead => "Reads all jobs and schedules, targets and workers.",
        Scope::JobsAdmin => "Cancels, retries and pauses all jobs, and changes all schedules.",
        Scope::HoldsAdmin => "Places, reads and releases legal holds.",
        Scope::AuditRead => "Reads the audit trail.",
        Scope::ReceiptsRead => "Reads all receipts, and the log.",
        Scope::MetricsRead => "Reads the metrics.",
        Scope::Admin => "Everything, and managing keys.",
    }
}

/// Returns whether a scope changes nothing.
fn reads(scope: Scope) -> bool {
    match scope {
        Scope::JobsRead | Scope::AuditRead | Scope::ReceiptsRead | Scope::MetricsRead => true,
        Scope::MemoriesDelete
        | Scope::MemoriesDeleteAny
        | Scope::SubjectsErase
        | Scope::JobsAdmin
        | Scope::HoldsAdmin
        | Scope::Admin => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preset_has_every_scope_that_reads_and_no_other() {
        let chosen = |preset| {
            let all = Choice::all(preset).into_iter();
            all.filter(|choice| choice.is_chosen)
                .map(|choice| choice.word)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            chosen(READ_ONLY),
            ["jobs:read", "audit:read", "receipts:read", "metrics:read"]
        );
        assert!(chosen("").is_empty());
    }
}

//! Why a caller may not have what it asks for.

use lethe_common::config::Scope;

use crate::http::problem::{Kind, Problem};

/// Why a caller may not have what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It has none of the scopes that would open it; the narrowest of them is named.
    Scope(Scope),
    /// It must say whose memories: it may not erase without naming an owner.
    OwnerNeeded,
    /// It named an owner whom its credentials do not cover.
    OwnerForeign,
    /// It must say which workspace: its credentials cover several.
    WorkspaceNeeded,
    /// It named a workspace that its credentials do not cover.
    WorkspaceForeign,
    /// What it asks for concerns more than its credentials cover.
    Bound,
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Scope(scope) => {
                let detail = format!("use an API key or a token with the scope `{}`", scope.as_str());
                Self::new(Kind::Forbidden, detail)
            }
            Denied::OwnerNeeded => Self::new(
                Kind::Forbidden,
                "name the owner, or use an API key with the scope `memories:delete:any`",
            )
            .of_field("owner"),
            Denied::OwnerForeign => Self::new(Kind::Forbidden, "name yourself as the owner, or nobody"),
            Denied::WorkspaceNeeded => Self::new(Kind::Forbidden, "name one of your workspaces").of_field("workspace"),
            Denied::Bound => Self::new(
                Kind::Forbidden,
                "this concerns more than your credentials cover: use others, or name one of your targets",
            ),
            Denied::WorkspaceForeign => Self::new(Kind::Forbidden, "name a workspace that your credentials cover"),
        }
    }
}

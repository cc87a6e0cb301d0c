//! Refusals of requests that the caller's rights do not cover.

use lethe_common::config::Scope;

use crate::http::problem::{Kind, Problem};

/// The reason why the caller's rights do not cover its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The caller has none of the scopes that the request needs. The narrowest one is named.
    Scope(Scope),
    /// The caller must name an owner: it may not erase without one.
    OwnerNeeded,
    /// The caller named an owner that its credentials do not cover.
    OwnerForeign,
    /// The caller must name a workspace: its credentials cover several, or none.
    WorkspaceNeeded,
    /// The caller named a workspace that its credentials do not cover.
    WorkspaceForeign,
    /// The request concerns more than the caller's credentials cover.
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
            Denied::OwnerForeign => Self::new(Kind::Forbidden, "name yourself as the owner, or leave the owner out"),
            Denied::WorkspaceNeeded => {
                Self::new(Kind::Forbidden, "name a workspace that your credentials cover").of_field("workspace")
            }
            Denied::Bound => Self::new(
                Kind::Forbidden,
                "your credentials do not cover all of this: use other credentials, or name one of your targets",
            ),
            Denied::WorkspaceForeign => Self::new(Kind::Forbidden, "name a workspace that your credentials cover"),
        }
    }
}

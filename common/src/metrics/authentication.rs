//! Why callers were not believed.

#![expect(
    clippy::disallowed_macros,
    reason = "a part of the module that the ban of them points to"
)]

use metrics::counter;
use strum::{EnumIter, IntoEnumIterator as _, IntoStaticStr};

use super::names;

/// Why a caller was not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum AuthFailure {
    /// It sent no credentials.
    Missing,
    /// Its header cannot be read.
    Malformed,
    /// It used a scheme that is not taken there.
    Scheme,
    /// Nobody knows its key.
    UnknownKey,
    /// Its key has expired.
    ExpiredKey,
    /// Its key is another's than it says.
    WrongName,
    /// Its token cannot be read, or demands what is not understood.
    TokenMalformed,
    /// Its token is signed in a way that its issuer does not use.
    TokenAlgorithm,
    /// Its token is signed with a key that its issuer does not have.
    TokenKey,
    /// Its token was not signed with the key that it names.
    TokenSignature,
    /// Its token has expired, or never does.
    TokenExpired,
    /// Its token is not valid yet.
    TokenNotYet,
    /// Its token was made by somebody else.
    TokenIssuer,
    /// Its token was made for somebody else.
    TokenAudience,
    /// Its token does not say who the person is.
    TokenUser,
    /// It failed too often before.
    Limited,
}

impl AuthFailure {
    /// Returns the word used in logs and metric labels.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Counts a caller who was not believed.
pub fn authentication_failed(why: AuthFailure) {
    counter!(names::AUTH_FAILURES, "reason" => why.as_str()).increment(1);
}

/// Puts every reason at 0.
pub(super) fn expose() {
    for why in AuthFailure::iter() {
        counter!(names::AUTH_FAILURES, "reason" => why.as_str()).increment(0);
    }
}

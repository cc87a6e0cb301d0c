//! Failed authentications, by reason.

#![expect(
    clippy::disallowed_macros,
    reason = "a part of the module that the ban of them points to"
)]

use metrics::counter;
use strum::{EnumIter, IntoEnumIterator as _, IntoStaticStr};

use super::names;

/// The reason why authentication failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum AuthFailure {
    /// It sent no credentials.
    Missing,
    /// Its header cannot be read.
    Malformed,
    /// It used a scheme that the route does not accept.
    Scheme,
    /// Its key is unknown.
    UnknownKey,
    /// Its key has expired.
    ExpiredKey,
    /// Its key belongs to another name than it claims.
    WrongName,
    /// Its token cannot be read, or demands an unknown extension.
    TokenMalformed,
    /// Its token is signed in a way that its issuer does not use.
    TokenAlgorithm,
    /// Its token is signed with a key that its issuer does not have.
    TokenKey,
    /// Its token was not signed with the key that it names.
    TokenSignature,
    /// Its token has expired, or never expires.
    TokenExpired,
    /// Its token is not valid yet.
    TokenNotYet,
    /// Its token was made by another issuer.
    TokenIssuer,
    /// Its token was made for another audience.
    TokenAudience,
    /// Its token does not name the person.
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

/// Counts a failed authentication.
pub fn authentication_failed(why: AuthFailure) {
    counter!(names::AUTH_FAILURES, "reason" => why.as_str()).increment(1);
}

/// Puts every reason at 0.
pub(super) fn expose() {
    for why in AuthFailure::iter() {
        counter!(names::AUTH_FAILURES, "reason" => why.as_str()).increment(0);
    }
}

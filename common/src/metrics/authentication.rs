//! Why callers were not believed.

#![expect(
    clippy::disallowed_macros,
    reason = "a part of the module that the ban of them points to"
)]

use metrics::counter;

use super::names;

/// Why a caller was not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// All reasons.
    pub const ALL: [Self; 16] = [
        Self::Missing,
        Self::Malformed,
        Self::Scheme,
        Self::UnknownKey,
        Self::ExpiredKey,
        Self::WrongName,
        Self::TokenMalformed,
        Self::TokenAlgorithm,
        Self::TokenKey,
        Self::TokenSignature,
        Self::TokenExpired,
        Self::TokenNotYet,
        Self::TokenIssuer,
        Self::TokenAudience,
        Self::TokenUser,
        Self::Limited,
    ];

    /// Returns the word used in logs and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Scheme => "scheme",
            Self::UnknownKey => "unknown_key",
            Self::ExpiredKey => "expired_key",
            Self::WrongName => "wrong_name",
            Self::TokenMalformed => "token_malformed",
            Self::TokenAlgorithm => "token_algorithm",
            Self::TokenKey => "token_key",
            Self::TokenSignature => "token_signature",
            Self::TokenExpired => "token_expired",
            Self::TokenNotYet => "token_not_yet",
            Self::TokenIssuer => "token_issuer",
            Self::TokenAudience => "token_audience",
            Self::TokenUser => "token_user",
            Self::Limited => "limited",
        }
    }
}

/// Counts a caller who was not believed.
pub fn authentication_failed(why: AuthFailure) {
    counter!(names::AUTH_FAILURES, "reason" => why.as_str()).increment(1);
}

/// Puts every reason at 0.
pub(super) fn expose() {
    for why in AuthFailure::ALL {
        counter!(names::AUTH_FAILURES, "reason" => why.as_str()).increment(0);
    }
}

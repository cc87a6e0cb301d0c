//! The check that a token is valid at a time.
//!
//! The signature library would read the system's clock. Here the time is a parameter, so that tests can set it.

use std::time::Duration;

use jiff::Timestamp;
use lethe_common::metrics::AuthFailure;
use serde_json::Value;

use crate::auth::token::Claims;

/// Checks that a token is valid at `now`. Clocks may differ by `leeway`. No token is valid for longer than `max_age`.
pub(super) fn check(claims: &Claims, now: Timestamp, leeway: Duration, max_age: Duration) -> Result<(), AuthFailure> {
    let (now, leeway) = (u64::try_from(now.as_second()).unwrap_or(0), leeway.as_secs());
    let longest = max_age.as_secs().saturating_add(leeway);
    // A token without `exp` would be valid for ever, which no token may be.
    let end = claims.get("exp").and_then(seconds).ok_or(AuthFailure::TokenExpired)?;
    if end < now.saturating_sub(leeway) || end > now.saturating_add(longest) {
        return Err(AuthFailure::TokenExpired);
    }
    for name in ["nbf", "iat"] {
        match claims.get(name).map(seconds) {
            Some(None) => return Err(AuthFailure::TokenMalformed),
            Some(Some(begin)) if begin > now.saturating_add(leeway) => return Err(AuthFailure::TokenNotYet),
            Some(Some(made)) if name == "iat" && made < now.saturating_sub(longest) => {
                return Err(AuthFailure::TokenExpired);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads a `NumericDate` (RFC 7519, 2), which may have a fraction.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the number is known to fit"
)]
fn seconds(claim: &Value) -> Option<u64> {
    let fits = |number: &f64| *number >= 0.0 && *number < u64::MAX as f64;
    claim
        .as_u64()
        .or_else(|| claim.as_f64().filter(fits).map(|number| number.round() as u64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_900_000_000;
    const HOUR: Duration = Duration::from_hours(1);

    fn at(claims: &Value) -> Result<(), AuthFailure> {
        let now = Timestamp::from_second(NOW).unwrap();
        check(claims.as_object().unwrap(), now, Duration::from_secs(30), HOUR)
    }

    #[test]
    fn a_token_is_good_from_its_begin_to_its_end_and_a_little_more() {
        for (claims, expected) in [
            (json!({"exp": NOW}), Ok(())),
            (json!({"exp": NOW - 30}), Ok(())),
            (json!({"exp": NOW - 31}), Err(AuthFailure::TokenExpired)),
            (json!({"exp": NOW, "nbf": NOW + 30}), Ok(())),
            (json!({"exp": NOW, "nbf": NOW + 31}), Err(AuthFailure::TokenNotYet)),
            (json!({"exp": 1_899_999_969.6}), Ok(())),
            (json!({"exp": 1_899_999_969.4}), Err(AuthFailure::TokenExpired)),
            (json!({"exp": NOW + 3_630, "nbf": 0, "iat": NOW - 3_630}), Ok(())),
            (json!({"exp": NOW + 3_631}), Err(AuthFailure::TokenExpired)),
            (json!({"exp": u64::MAX}), Err(AuthFailure::TokenExpired)),
            (json!({"exp": NOW, "iat": NOW - 3_631}), Err(AuthFailure::TokenExpired)),
            (json!({"exp": NOW, "iat": NOW + 31}), Err(AuthFailure::TokenNotYet)),
        ] {
            assert_eq!(at(&claims), expected, "{claims}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for no_time in [
            json!(null),
            json!("tomorrow"),
            json!(-1),
            json!(1e300),
            json!([NOW]),
            json!(true),
        ] {
            assert_eq!(
                at(&json!({"exp": no_time})),
                Err(AuthFailure::TokenExpired),
                "{no_time}"
            );
            for name in ["nbf", "iat"] {
                let claims = json!({"exp": NOW, name: no_time});
                assert_eq!(at(&claims), Err(AuthFailure::TokenMalformed), "{name} {no_time}");
            }
        }
        assert_eq!(at(&json!({})), Err(AuthFailure::TokenExpired));
    }
}

//! The grounds of law that a receipt names, as closed sets of words.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr, VariantNames};

/// The ground of an erasure: a point of Article 17(1) of the GDPR.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumIter,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
pub enum ErasureGround {
    /// The data are no longer necessary.
    #[serde(rename = "17(1)(a)")]
    #[strum(serialize = "17(1)(a)")]
    NoLongerNecessary,
    /// The person withdrew consent.
    #[serde(rename = "17(1)(b)")]
    #[strum(serialize = "17(1)(b)")]
    ConsentWithdrawn,
    /// The person objected to the processing.
    #[serde(rename = "17(1)(c)")]
    #[strum(serialize = "17(1)(c)")]
    Objection,
    /// The data were processed unlawfully.
    #[serde(rename = "17(1)(d)")]
    #[strum(serialize = "17(1)(d)")]
    Unlawful,
    /// The law of the Union or of a Member State demands the erasure.
    #[serde(rename = "17(1)(e)")]
    #[strum(serialize = "17(1)(e)")]
    LegalObligation,
    /// The data were collected from a child.
    #[serde(rename = "17(1)(f)")]
    #[strum(serialize = "17(1)(f)")]
    Child,
}

/// The ground of a hold: a point of Article 17(3) of the GDPR, or another duty to keep.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumIter,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum HoldGround {
    /// Freedom of expression and information.
    #[serde(rename = "17(3)(a)")]
    #[strum(serialize = "17(3)(a)")]
    Expression,
    /// A legal obligation, or a task in the public interest.
    #[serde(rename = "17(3)(b)")]
    #[strum(serialize = "17(3)(b)")]
    Obligation,
    /// Public health.
    #[serde(rename = "17(3)(c)")]
    #[strum(serialize = "17(3)(c)")]
    PublicHealth,
    /// Archives, research, statistics.
    #[serde(rename = "17(3)(d)")]
    #[strum(serialize = "17(3)(d)")]
    Research,
    /// Legal claims, as the GDPR has them.
    #[serde(rename = "17(3)(e)")]
    #[strum(serialize = "17(3)(e)")]
    Claims,
    /// Legal claims under another law.
    LegalClaims,
    /// An order of a court or an authority to preserve data.
    PreservationOrder,
    /// Another ground.
    Other,
}

/// The reason for a later due time: Article 12(3) of the GDPR.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumIter,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ExtensionReason {
    /// The request is complex.
    Complexity,
    /// The person, or many persons, sent many requests.
    NumberOfRequests,
}

impl ErasureGround {
    /// Returns the word used in the ledger, in requests and in receipts.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl HoldGround {
    /// Returns the word used in the ledger, in requests and in receipts.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl ExtensionReason {
    /// Returns the word used in the ledger, in requests and in receipts.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use strum::IntoEnumIterator;

    use super::*;

    /// Asserts that JSON, the ledger and requests have the same words.
    fn agree<T>(expected: &[&str])
    where
        T: IntoEnumIterator + Serialize + for<'de> Deserialize<'de> + Copy + Into<&'static str>,
        T: std::str::FromStr + PartialEq + std::fmt::Debug,
    {
        let words: Vec<&str> = T::iter().map(Into::into).collect();
        assert_eq!(words, expected);
        for value in T::iter() {
            let word: &'static str = value.into();
            assert_eq!(serde_json::to_value(value).unwrap(), json!(word));
            assert_eq!(serde_json::from_value::<T>(Value::from(word)).unwrap(), value);
            assert_eq!(word.parse::<T>().ok(), Some(value));
        }
    }

    #[test]
    fn words_are_the_same_everywhere() {
        agree::<ErasureGround>(&["17(1)(a)", "17(1)(b)", "17(1)(c)", "17(1)(d)", "17(1)(e)", "17(1)(f)"]);
        agree::<HoldGround>(&[
            "17(3)(a)",
            "17(3)(b)",
            "17(3)(c)",
            "17(3)(d)",
            "17(3)(e)",
            "legal_claims",
            "preservation_order",
            "other",
        ]);
        agree::<ExtensionReason>(&["complexity", "number_of_requests"]);
    }
}

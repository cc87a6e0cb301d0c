//! The effect of a collection's payload indexes on conditions.
//!
//! An index answers in place of the payload. It holds only values of its own type, read in its own way:
//! an index of integers has no `0.5`, one of UUIDs has every spelling of one. So the store gets only
//! conditions whose result the field's index, if any, cannot change. Indexes come and go: they are read
//! again for every page.

use std::collections::BTreeMap;

use qdrant_client::qdrant::{CollectionInfo, PayloadSchemaType};

use super::filter::FieldForm;

/// The values that a condition compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compares {
    /// Whole texts.
    Texts,
    /// Numbers with bounds.
    Numbers,
    /// True and false.
    Bools,
    /// Whether there is a value at all.
    Anything,
    /// A value that identifies, as a text or as a whole number.
    Identity,
}

/// The reliability of the store's answer to a condition on a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The store's answer is the payload's.
    Exact,
    /// The answer may differ from the payload's, so the store must not be asked.
    Doubtful,
    /// The store would refuse to answer.
    Refused,
}

/// The payload indexes of a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Indexes {
    types: BTreeMap<String, PayloadSchemaType>,
    strict: bool,
}

impl Indexes {
    pub(super) fn of(info: &CollectionInfo, strict: bool) -> Self {
        let types = info
            .payload_schema
            .iter()
            .map(|(key, index)| (key.clone(), index.data_type()));
        Self {
            types: types.collect(),
            strict,
        }
    }

    /// Returns whether any of these keys has an index, or needs none.
    pub(super) fn may_ask(&self, keys: &[String]) -> bool {
        !self.strict || keys.iter().any(|key| self.types.contains_key(key))
    }

    /// Returns the form in which identifying values are looked up: in strict mode that of the index.
    pub(super) fn written(&self, key: &str) -> FieldForm {
        let index = self.types.get(key).filter(|_| self.strict);
        index.and_then(|index| FieldForm::by(*index)).unwrap_or_default()
    }

    /// Returns the reliability of the store's answer to a condition on a key.
    pub(super) fn answer(&self, key: &str, compares: Compares) -> Answer {
        let Some(index) = self.types.get(key) else {
            return if self.strict { Answer::Refused } else { Answer::Exact };
        };
        let harmless: &[PayloadSchemaType] = match compares {
            Compares::Texts => &[PayloadSchemaType::Keyword],
            Compares::Numbers => &[PayloadSchemaType::Float],
            Compares::Bools => &[PayloadSchemaType::Bool],
            Compares::Anything => &[],
            // Extra matches do no harm: required values are compared again.
            Compares::Identity => &[
                PayloadSchemaType::Keyword,
                PayloadSchemaType::Uuid,
                PayloadSchemaType::Integer,
            ],
        };
        if harmless.contains(index) {
            Answer::Exact
        } else {
            Answer::Doubtful
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns indexes of these types.
    pub(in crate::store::vector) fn indexes(strict: bool, types: &[(&str, PayloadSchemaType)]) -> Indexes {
        Indexes {
            types: types.iter().map(|(key, index)| ((*key).to_owned(), *index)).collect(),
            strict,
        }
    }

    #[test]
    fn an_index_of_another_type_makes_an_answer_doubtful() {
        let indexes = indexes(
            false,
            &[
                ("word", PayloadSchemaType::Keyword),
                ("whole", PayloadSchemaType::Integer),
                ("text", PayloadSchemaType::Text),
                ("uuid", PayloadSchemaType::Uuid),
                ("time", PayloadSchemaType::Datetime),
            ],
        );
        let texts = |key| indexes.answer(key, Compares::Texts);
        assert_eq!(texts("none"), Answer::Exact);
        assert_eq!(texts("word"), Answer::Exact);
        for key in ["whole", "text", "uuid", "time"] {
            assert_eq!(texts(key), Answer::Doubtful, "{key}");
            assert_eq!(indexes.answer(key, Compares::Anything), Answer::Doubtful, "{key}");
        }
        assert_eq!(indexes.answer("whole", Compares::Numbers), Answer::Doubtful);
        assert_eq!(indexes.answer("uuid", Compares::Identity), Answer::Exact);
        assert_eq!(indexes.answer("text", Compares::Identity), Answer::Doubtful);
    }

    #[test]
    fn in_strict_mode_what_has_no_index_is_refused() {
        let indexes = indexes(true, &[("a.b", PayloadSchemaType::Keyword)]);
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        assert_eq!(indexes.answer("a[].b", Compares::Texts), Answer::Refused);
        assert!(indexes.may_ask(&keys(&["a.b", "a[].b"])));
        assert!(!indexes.may_ask(&keys(&["a.c"])));
    }
}

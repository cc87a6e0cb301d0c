//! Values that have several spellings, such as UUIDs.
//!
//! A column of UUIDs or bytes has one form of each value. A payload has the spelling of its writer, and the vector
//! store compares texts byte for byte. So a lookup there names every spelling.

use lethe_common::filter::bytes_text;
use lethe_common::job::Field;
use uuid::Uuid;

/// The spellings that values of a column may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spelling {
    /// One spelling: other bytes are another value.
    #[default]
    Exact,
    /// UUIDs: with hyphens or without, in either case.
    Uuid,
    /// Bytes as hexadecimal digits, in either case.
    Bytes,
}

impl Spelling {
    /// Returns the canonical spelling of a value, which comparisons use. A value of another kind stays as it is.
    pub fn canonical(self, value: &str) -> String {
        let canonical = match self {
            Self::Exact => None,
            Self::Uuid => Uuid::try_parse(value).ok().map(|uuid| uuid.to_string()),
            Self::Bytes => bytes_text(value, false),
        };
        canonical.unwrap_or_else(|| value.to_owned())
    }

    /// Returns every spelling of a value, the canonical one first, the given one included.
    pub fn forms(self, value: &str) -> Vec<String> {
        let canonical = self.canonical(value);
        let mut forms = vec![canonical.clone()];
        let mut add = |form: String| {
            if !forms.contains(&form) {
                forms.push(form);
            }
        };
        if self != Self::Exact {
            add(value.to_owned());
        }
        match (self, Uuid::try_parse(&canonical)) {
            (Self::Uuid, Ok(uuid)) => {
                let digits = uuid.simple().to_string();
                add(digits.clone());
                add(digits.to_ascii_uppercase());
                add(canonical.to_ascii_uppercase());
            }
            (Self::Bytes, _) if bytes_text(&canonical, false).is_some() => add(canonical.to_ascii_uppercase()),
            _ => {}
        }
        forms
    }
}

/// The spellings that values of a table's columns may have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spellings {
    /// The spellings of its memories' ids.
    pub ids: Spelling,
    /// The spellings of the fields that payload lookups name. Fields that are not listed: [`Spelling::Exact`].
    pub fields: Vec<(Field, Spelling)>,
}

impl Spellings {
    /// Returns the spellings of a table in which only ids have several.
    pub fn of_ids(ids: Spelling) -> Self {
        Self { ids, ..Self::default() }
    }

    /// Returns the spellings that the values of a field may have.
    pub(crate) fn of(&self, field: Field) -> Spelling {
        let spelling = self.fields.iter().find(|(name, _)| *name == field);
        spelling.map(|(_, spelling)| *spelling).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a0a0-0000-7000-8000-00000000000a";

    #[test]
    fn a_uuid_is_written_with_hyphens_or_without_in_either_case() {
        let forms = [
            ID.to_owned(),
            ID.replace('-', ""),
            ID.replace('-', "").to_uppercase(),
            ID.to_uppercase(),
        ];
        for form in &forms {
            let mut found = Spelling::Uuid.forms(form);
            assert_eq!((found[0].as_str(), Spelling::Uuid.canonical(form).as_str()), (ID, ID));
            found.sort();
            let mut expected = forms.clone();
            expected.sort();
            assert_eq!(found, expected, "{form}");
        }
    }

    #[test]
    fn bytes_are_written_in_either_case() {
        assert_eq!(Spelling::Bytes.forms("fF00"), ["ff00", "fF00", "FF00"]);
        assert_eq!(Spelling::Bytes.forms("0190"), ["0190"]);
        assert_eq!(Spelling::Bytes.forms("f"), ["f"]);
    }

    #[test]
    fn what_is_no_uuid_and_what_is_a_text_is_written_as_it_is() {
        assert_eq!(Spelling::Uuid.forms("Alice"), ["Alice"]);
        assert_eq!(Spelling::Exact.forms(&ID.to_uppercase()), [ID.to_uppercase()]);
    }
}

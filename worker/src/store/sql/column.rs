//! The types of columns, and the conversion of a caller's text to a column's value.

use std::borrow::Cow;

use lethe_common::filter::{Type, Unit, bytes_text};
use uuid::Uuid;

use super::dialect::Dialect;
use crate::store::Spelling;

/// A mapped column of the live schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The table with the names of its values, if they are references. Comparisons use the names.
    pub(super) names: Option<Box<Names>>,
}

/// A table that has a name for each value of a reference column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// The table, quoted.
    pub(super) table: String,
    /// The table, as the mapping writes it.
    pub(super) source: String,
    /// The column that is referenced.
    pub(super) id: String,
    /// The column of names.
    pub(super) name: Column,
    /// The column that filters name for it: no column of the memories.
    pub(super) field: String,
    /// The type of the names for queries; `None` if queries cannot compare them.
    pub(super) holds: Option<Holds>,
}

impl Column {
    /// Returns whether `text` is of the column's type.
    pub(super) fn is_of(&self, text: &str) -> bool {
        self.compared().is_of(text)
    }

    /// Returns the spellings that values may have elsewhere.
    pub(super) fn spelling(&self) -> Spelling {
        self.compared().spelling()
    }

    /// Returns the type that a caller's texts are compared by.
    fn compared(&self) -> &Kind {
        self.names.as_ref().map_or(&self.kind, |names| &names.name.kind)
    }

    /// Returns `text` as a value of this column, or `None` if no row can hold it.
    pub(super) fn parse<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        self.compared().parse(text)
    }
}

/// A type of ids and owners: how its values are written and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// PostgreSQL: text, varchar, char, citext, or a domain over one of them.
    Text {
        /// The type, quoted, with its schema.
        type_name: String,
        /// The type's equality operator with its schema, which may not be on the search path.
        equals: String,
        /// Whether equal values have equal bytes: not for citext, nor for a collation that is not
        /// deterministic.
        binary: bool,
    },
    /// PostgreSQL: uuid.
    Uuid,
    /// PostgreSQL: smallint, integer or bigint, by its width in bits.
    Integer(u32),
    /// SQLite: each value has its own type. It is compared by the column's rules and as text.
    Dynamic,
    /// SQLite: a UUID as 32 hexadecimal digits.
    Hex,
    /// MySQL: char, varchar or text.
    Collated {
        /// The character set.
        charset: String,
        /// The collation. Most ignore case and blanks at the end.
        collation: String,
        /// Whether values are UUIDs as 32 hexadecimal digits.
        hex: bool,
    },
    /// MySQL: a whole number.
    Whole {
        /// Its width in bits.
        bits: u32,
        /// Whether it has negative values.
        signed: bool,
    },
    /// MariaDB: uuid.
    NativeUuid,
    /// bytea, blob, or binary and varbinary; written as hexadecimal digits.
    Bytes {
        /// The database that keeps the bytes.
        dialect: Dialect,
        /// Whether a UUID in any spelling means its bytes.
        uuids: bool,
    },
}

/// The type of a column for queries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holds {
    /// PostgreSQL, MySQL: a type that ids may have too, compared in the same way.
    Key(Kind),
    /// PostgreSQL, MySQL: floating-point numbers.
    Float,
    /// PostgreSQL, MySQL: numeric.
    Numeric,
    /// PostgreSQL, MySQL: boolean, which MySQL writes `tinyint(1)`.
    Bool,
    /// PostgreSQL: timestamp, with or without time zone, or date. MySQL: datetime, timestamp or date. A value
    /// without an offset is in the mapping's time zone.
    Time {
        /// The type's name.
        type_name: &'static str,
    },
    /// Moments that are written as texts.
    Moments(Box<Holds>),
    /// Numbers that count time since 1970, as the mapping says.
    Counted {
        /// The unit.
        unit: Unit,
        /// The type of the numbers.
        number: Box<Holds>,
    },
    /// PostgreSQL: json, which may hold texts that jsonb cannot.
    Json,
    /// PostgreSQL: jsonb. MySQL: json.
    Jsonb,
    /// PostgreSQL: an array of texts, uuids or integers.
    Array,
    /// SQLite: each value has its own type. The declared type says how to read a query's value.
    Declared(Declared),
}

/// The declared type of a SQLite column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    /// Texts.
    Text,
    /// Texts, in a column that converts a text that looks like a number.
    Converted,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Number,
    /// Numbers, in a column that is declared for dates. Some of its values may be texts.
    Stamp,
    /// 0 and 1.
    Bool,
    /// JSON, as text.
    Json,
    /// Bytes: only in an id or a field, whose rows were checked for other values.
    Bytes {
        /// Whether a UUID in any spelling means its bytes.
        uuids: bool,
    },
    /// Anything.
    Any,
}

impl Holds {
    /// Returns whether its values are whole numbers.
    pub(super) fn is_integer(&self) -> bool {
        matches!(
            self,
            Self::Key(Kind::Integer(_) | Kind::Whole { .. }) | Self::Declared(Declared::Integer)
        )
    }

    /// Returns the type of its numbers, if they can count time.
    pub(super) fn as_number(&self) -> Option<Self> {
        match self {
            Self::Key(Kind::Integer(_) | Kind::Whole { .. })
            | Self::Float
            | Self::Numeric
            | Self::Declared(Declared::Integer | Declared::Number | Declared::Any) => Some(self.clone()),
            Self::Moments(inner) => inner.as_number(),
            Self::Counted { .. }
            | Self::Key(_)
            | Self::Bool
            | Self::Time { .. }
            | Self::Json
            | Self::Jsonb
            | Self::Array
            | Self::Declared(_) => None,
        }
    }

    /// Returns whether its values are numbers, which may count time.
    pub(super) fn is_number(&self) -> bool {
        matches!(
            self,
            Self::Key(Kind::Integer(_) | Kind::Whole { .. })
                | Self::Float
                | Self::Numeric
                | Self::Declared(Declared::Integer | Declared::Number | Declared::Stamp)
        )
    }

    /// Returns whether its values are texts of any kind.
    pub(super) fn is_text(&self) -> bool {
        matches!(
            self,
            Self::Key(Kind::Text { .. } | Kind::Collated { hex: false, .. })
                | Self::Declared(Declared::Text | Declared::Converted | Declared::Any)
        )
    }

    /// Returns whether its values have an order.
    pub(super) fn is_ordered(&self) -> bool {
        !matches!(
            self,
            Self::Key(Kind::Bytes { .. })
                | Self::Bool
                | Self::Json
                | Self::Jsonb
                | Self::Array
                | Self::Declared(Declared::Bool | Declared::Json | Declared::Bytes { .. })
        )
    }

    /// Returns whether its values may be JSON with paths inside.
    pub(super) fn has_paths(&self) -> bool {
        matches!(
            self,
            Self::Json
                | Self::Jsonb
                // A text may be JSON.
                | Self::Key(Kind::Collated { .. })
                | Self::Declared(Declared::Json | Declared::Text | Declared::Converted | Declared::Any)
        )
    }
}

impl Kind {
    /// Returns whether `text` is of the type. It may still be no value of it: a number may be too large, or
    /// not spelled as the database spells it.
    pub(super) fn is_of(&self, text: &str) -> bool {
        let of = match self {
            Self::Text { .. } | Self::Dynamic | Self::Collated { hex: false, .. } => Type::Text,
            Self::Uuid | Self::NativeUuid | Self::Hex | Self::Collated { hex: true, .. } => Type::Uuid,
            Self::Bytes { uuids, .. } => Type::Bytes { uuids: *uuids },
            Self::Integer(bits) | Self::Whole { bits, .. } => Type::Integer(*bits),
        };
        of.may_be(text)
    }

    /// Returns the spellings that values may have elsewhere.
    fn spelling(&self) -> Spelling {
        match self {
            kind if kind.is_uuid() => Spelling::Uuid,
            Self::Bytes { .. } => Spelling::Bytes,
            _ => Spelling::Exact,
        }
    }

    /// Returns whether values are UUIDs by type, so that every spelling of one is the same value.
    pub(super) fn is_uuid(&self) -> bool {
        matches!(
            self,
            Self::Uuid
                | Self::NativeUuid
                | Self::Hex
                | Self::Collated { hex: true, .. }
                | Self::Bytes { uuids: true, .. }
        )
    }

    /// Returns whether values of the two can be compared without a cast.
    pub(super) fn is_comparable(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text { .. }, Self::Text { .. })
            | (Self::Integer(_), Self::Integer(_))
            | (Self::Whole { .. }, Self::Whole { .. }) => true,
            _ => self == other,
        }
    }

    /// Returns `text` as a value of this type, or `None` if no row can hold it.
    ///
    /// Numbers must be written as the database writes them, so that `007` is not 7.
    pub(super) fn parse<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        // PostgreSQL's text and JSON hold no NUL.
        if text.contains('\0') {
            return None;
        }
        match self {
            Self::Text { .. } | Self::Dynamic | Self::Collated { hex: false, .. } => Some(Cow::Borrowed(text)),
            Self::Uuid | Self::NativeUuid => Uuid::try_parse(text).ok().map(|id| Cow::Owned(id.to_string())),
            Self::Hex | Self::Collated { hex: true, .. } => {
                Uuid::try_parse(text).ok().map(|id| Cow::Owned(id.simple().to_string()))
            }
            Self::Bytes { uuids, .. } => bytes_text(text, *uuids).map(Cow::Owned),
            Self::Integer(bits) => {
                let number: i64 = text.parse().ok()?;
                let fits = match bits {
                    16 => i16::try_from(number).is_ok(),
                    32 => i32::try_from(number).is_ok(),
                    _ => true,
                };
                (fits && number.to_string() == text).then_some(Cow::Borrowed(text))
            }
            Self::Whole { bits, signed } => {
                let number: i128 = text.parse().ok()?;
                let range = if *signed {
                    -(1 << (bits - 1))..1 << (bits - 1)
                } else {
                    0..1 << bits
                };
                (range.contains(&number) && number.to_string() == text).then_some(Cow::Borrowed(text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_read_by_value() {
        let read = |text| Kind::Uuid.parse(text).map(Cow::into_owned);
        let canonical = "0190a0a0-0000-7000-8000-00000000000a";
        assert_eq!(read("0190A0A0-0000-7000-8000-00000000000A").as_deref(), Some(canonical));
        assert_eq!(read("0190a0a0000070008000"), None);
        assert_eq!(read("x' OR 1=1 --"), None);
    }

    #[test]
    fn a_uuid_of_digits_is_the_same_in_every_spelling() {
        let read = |text| Kind::Hex.parse(text).map(Cow::into_owned);
        let digits = "0190a0a000007000800000000000000a";
        assert_eq!(read(digits).as_deref(), Some(digits));
        assert_eq!(read("0190A0A0-0000-7000-8000-00000000000A").as_deref(), Some(digits));
        assert_eq!(read("0190a0a0"), None);
    }

    #[test]
    fn an_integer_is_read_only_as_the_database_writes_it() {
        for (bits, text, fits) in [
            (64, "7", true),
            (64, "-7", true),
            (64, "007", false),
            (64, "+7", false),
            (64, "-0", false),
            (64, " 7", false),
            (64, "9223372036854775808", false),
            (16, "32768", false),
            (32, "2147483647", true),
            (32, "1 OR 1=1", false),
        ] {
            assert_eq!(Kind::Integer(bits).parse(text).is_some(), fits, "{bits} {text}");
        }
    }

    #[test]
    fn a_number_without_sign_is_read_up_to_its_width() {
        let whole = |bits, signed, text| Kind::Whole { bits, signed }.parse(text).is_some();
        assert!(whole(64, false, "18446744073709551615") && !whole(64, true, "18446744073709551615"));
        assert!(!whole(64, false, "18446744073709551616") && !whole(64, false, "-1"));
        assert!(whole(8, true, "-128") && !whole(8, true, "128") && whole(24, false, "16777215"));
        assert!(!whole(64, true, "007") && !whole(64, true, "abc") && !whole(64, true, ""));
    }

    #[test]
    fn nul_is_in_no_column() {
        assert_eq!(Kind::Dynamic.parse("a\0b"), None);
    }
}

//! Reads the keys of a section from its type, so no list is kept beside it.

use std::fmt::Write;

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;
use serde_ignored::Path;

/// Returns the keys of `T`, as they are written in the file.
pub(in super::super) fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // The call always fails. Its purpose is that serde asks the probe for a struct, with the field names.
    drop(T::deserialize(Probe(&mut fields)));
    fields
}

struct Probe<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("a probe holds no value"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("a probe holds no value"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Returns a path as it is written in the file: `dependents[0].table`.
pub(super) fn path(path: &Path<'_>) -> String {
    let mut text = String::new();
    append(path, &mut text);
    text
}

fn append(path: &Path<'_>, text: &mut String) {
    match path {
        Path::Root => {}
        Path::Seq { parent, index } => {
            append(parent, text);
            write!(text, "[{index}]").expect("a String takes any text");
        }
        Path::Map { parent, key } => {
            append(parent, text);
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(key);
        }
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            append(parent, text);
        }
    }
}

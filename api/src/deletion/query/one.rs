//! An object with one field.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A field and its condition.
pub(crate) struct One<T> {
    pub(super) field: String,
    pub(super) asked: T,
}

impl<T: Serialize> Serialize for One<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(1))?;
        map.serialize_entry(&self.field, &self.asked)?;
        map.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for One<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(OneField(PhantomData))
    }
}

struct OneField<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneField<T> {
    type Value = One<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one field; combine several with `and`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<One<T>, A::Error> {
        let Some((field, asked)) = map.next_entry()? else {
            return Err(A::Error::invalid_length(0, &self));
        };
        match map.next_key::<IgnoredAny>()? {
            None => Ok(One { field, asked }),
            Some(_) => Err(A::Error::invalid_length(2, &self)),
        }
    }
}

//! The values in a query.

use std::borrow::Cow;
use std::fmt;

use lethe_common::filter::Scalar;
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A text, a number, true or false.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Term(pub(super) Scalar);

impl PartialSchema for Term {
    fn schema() -> RefOr<Schema> {
        let types = SchemaType::from_iter([Type::String, Type::Number, Type::Boolean]);
        let object = ObjectBuilder::new().schema_type(types);
        let says = "A text, a number of 64 bits, true or false: read as the column's type reads it";
        object.description(Some(says)).into()
    }
}

impl ToSchema for Term {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Term")
    }
}

impl<'de> Deserialize<'de> for Term {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OneValue).map(Self)
    }
}

pub(super) struct OneValue;

impl Visitor<'_> for OneValue {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number of 64 bits, true or false")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar, E> {
        // Rounding would change the number.
        let whole = i64::try_from(number);
        whole
            .map(Scalar::Integer)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
        Ok(Scalar::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }
}

/// Returns a JSON value as a filter's value, or `None` if filters do not support it.
pub(crate) fn scalar(value: &Value) -> Option<Scalar> {
    value.deserialize_any(OneValue).ok()
}

/// The value `true`.
pub(super) struct True;

impl<'de> Deserialize<'de> for True {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if bool::deserialize(from)? {
            Ok(Self)
        } else {
            Err(D::Error::invalid_value(Unexpected::Bool(false), &"true"))
        }
    }
}

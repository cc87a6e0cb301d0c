//! Choices among objects with one field each, such as the operators of a filter.
//!
//! Generators of clients leave out a choice that contains itself, and all that refers to it: a filter, a selection, and
//! with it `createJob`. An object that takes one of the fields says the same, and they can read it.

use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{Object, OneOf, OpenApi, RefOr, Schema, Type};

/// Describes such choices as objects.
pub(super) fn by_field(document: &mut OpenApi) {
    let components = document.components.iter_mut();
    for schema in components.flat_map(|components| components.schemas.values_mut()) {
        if let RefOr::T(Schema::OneOf(choice)) = schema
            && let Some(object) = object(choice)
        {
            *schema = RefOr::T(Schema::Object(object));
        }
    }
}

/// Returns the object, if each alternative is an object with one field.
fn object(choice: &OneOf) -> Option<Object> {
    let mut object = Object::with_type(Type::Object);
    object.description.clone_from(&choice.description);
    object.min_properties = Some(1);
    object.max_properties = Some(1);
    object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    for alternative in &choice.items {
        let RefOr::T(Schema::Object(alternative)) = alternative else {
            return None;
        };
        let mut fields = alternative.properties.iter();
        let (Some((name, field)), None) = (fields.next(), fields.next()) else {
            return None;
        };
        let field = described(field.clone(), alternative.description.as_deref());
        object.properties.insert(name.clone(), field);
    }
    Some(object)
}

fn described(mut field: RefOr<Schema>, says: Option<&str>) -> RefOr<Schema> {
    let Some(says) = says else { return field };
    match &mut field {
        RefOr::Ref(reference) => says.clone_into(&mut reference.description),
        RefOr::T(Schema::Object(object)) => object.description = Some(says.to_owned()),
        RefOr::T(Schema::Array(array)) => array.description = Some(says.to_owned()),
        RefOr::T(_) => {}
    }
    field
}

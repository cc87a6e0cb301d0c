//! Reads filters.

use qdrant_client::qdrant::{
    self, DatetimeRange, FieldCondition, condition::ConditionOneOf, r#match::MatchValue as Wanted,
};
use qdrant_edge::{
    AnyVariants, Condition, DateTimeWrapper, Filter, HasVectorCondition, Match, MatchAny, MatchExcept, MatchPhrase,
    MatchText, MatchTextAny, MatchValue, MinShould, Nested, NestedCondition, Range, RangeInterface, ValueVariants,
    ValuesCount, external::ordered_float::OrderedFloat,
};
use tonic::Status;

use super::{path, points, refuse, unsupported};

/// Reads a filter that may be absent.
pub(crate) fn optional(given: Option<qdrant::Filter>) -> Result<Option<Filter>, Status> {
    given.map(filter).transpose()
}

/// Reads a filter. An empty one matches everything, as in Qdrant.
pub(crate) fn filter(given: qdrant::Filter) -> Result<Filter, Status> {
    let min_should = given.min_should.map(|min| {
        Ok::<_, Status>(MinShould {
            conditions: min.conditions.into_iter().map(condition).collect::<Result<_, _>>()?,
            min_count: count(min.min_count)?,
        })
    });
    Ok(Filter {
        should: conditions(given.should)?,
        min_should: min_should.transpose()?,
        must: conditions(given.must)?,
        must_not: conditions(given.must_not)?,
    })
}

// An absent list and an empty one are the same in the protocol.
fn conditions(given: Vec<qdrant::Condition>) -> Result<Option<Vec<Condition>>, Status> {
    if given.is_empty() {
        return Ok(None);
    }
    given.into_iter().map(condition).collect::<Result<_, _>>().map(Some)
}

fn condition(given: qdrant::Condition) -> Result<Condition, Status> {
    Ok(match given.condition_one_of {
        None => return Err(Status::invalid_argument("a condition of the filter is empty")),
        Some(ConditionOneOf::Field(field)) => Condition::Field(field_condition(field)?),
        Some(ConditionOneOf::IsEmpty(empty)) => Condition::IsEmpty(path(&empty.key)?.into()),
        Some(ConditionOneOf::IsNull(null)) => Condition::IsNull(path(&null.key)?.into()),
        Some(ConditionOneOf::HasId(ids)) => Condition::HasId(points::ids(ids.has_id)?.into_iter().collect()),
        Some(ConditionOneOf::HasVector(has)) => Condition::HasVector(HasVectorCondition::from(has.has_vector)),
        Some(ConditionOneOf::Filter(inner)) => Condition::Filter(filter(inner)?),
        Some(ConditionOneOf::Nested(nested)) => {
            let inner = nested
                .filter
                .ok_or_else(|| Status::invalid_argument("a nested condition has no filter"))?;
            Condition::Nested(NestedCondition::new(Nested {
                key: path(&nested.key)?,
                filter: filter(inner)?,
            }))
        }
        Some(ConditionOneOf::Slice(_)) => return Err(unsupported("filter.slice")),
    })
}

fn field_condition(given: FieldCondition) -> Result<qdrant_edge::FieldCondition, Status> {
    refuse(given.geo_bounding_box.is_some(), "filter.field.geo_bounding_box")?;
    refuse(given.geo_radius.is_some(), "filter.field.geo_radius")?;
    refuse(given.geo_polygon.is_some(), "filter.field.geo_polygon")?;
    let float = given.range.map(float_range);
    let datetime = given.datetime_range.as_ref().map(datetime_range).transpose()?;
    // The engine uses only one of them, and does not say which.
    let questions = [
        given.r#match.is_some(),
        float.is_some(),
        datetime.is_some(),
        given.values_count.is_some(),
        given.is_empty.is_some(),
        given.is_null.is_some(),
    ];
    if questions.iter().filter(|asked| **asked).count() != 1 {
        return Err(Status::invalid_argument(
            "a field condition must ask exactly one question",
        ));
    }
    Ok(qdrant_edge::FieldCondition {
        key: path(&given.key)?,
        r#match: given.r#match.map(matching).transpose()?,
        range: float.or(datetime),
        geo_bounding_box: None,
        geo_radius: None,
        geo_polygon: None,
        values_count: given.values_count.map(values_count).transpose()?,
        is_empty: given.is_empty,
        is_null: given.is_null,
    })
}

fn matching(given: qdrant::Match) -> Result<Match, Status> {
    let value = |value| Match::Value(MatchValue { value });
    Ok(match given.match_value {
        None => return Err(Status::invalid_argument("a match condition is empty")),
        Some(Wanted::Keyword(text)) => value(ValueVariants::String(text)),
        Some(Wanted::Integer(integer)) => value(ValueVariants::Integer(integer)),
        Some(Wanted::Boolean(bool)) => value(ValueVariants::Bool(bool)),
        Some(Wanted::Text(text)) => Match::Text(MatchText { text }),
        Some(Wanted::TextAny(text_any)) => Match::TextAny(MatchTextAny { text_any }),
        Some(Wanted::Phrase(phrase)) => Match::Phrase(MatchPhrase { phrase }),
        Some(Wanted::Keywords(list)) => Match::Any(MatchAny {
            any: AnyVariants::Strings(list.strings.into_iter().collect()),
        }),
        Some(Wanted::Integers(list)) => Match::Any(MatchAny {
            any: AnyVariants::Integers(list.integers.into_iter().collect()),
        }),
        Some(Wanted::ExceptKeywords(list)) => Match::Except(MatchExcept {
            except: AnyVariants::Strings(list.strings.into_iter().collect()),
        }),
        Some(Wanted::ExceptIntegers(list)) => Match::Except(MatchExcept {
            except: AnyVariants::Integers(list.integers.into_iter().collect()),
        }),
        Some(Wanted::Prefix(_)) => return Err(unsupported("filter.field.match.prefix")),
        Some(Wanted::Substring(_)) => return Err(unsupported("filter.field.match.substring")),
    })
}

fn float_range(given: qdrant::Range) -> RangeInterface {
    RangeInterface::Float(Range {
        lt: given.lt.map(OrderedFloat),
        gt: given.gt.map(OrderedFloat),
        gte: given.gte.map(OrderedFloat),
        lte: given.lte.map(OrderedFloat),
    })
}

fn datetime_range(given: &DatetimeRange) -> Result<RangeInterface, Status> {
    // The protocol's timestamps print as RFC 3339, which the engine parses.
    let time = |text: Option<String>| {
        let parsed = text.map(|text| text.parse::<DateTimeWrapper>()).transpose();
        parsed.map_err(|_| Status::invalid_argument("a time of the filter is out of range"))
    };
    Ok(RangeInterface::DateTime(Range {
        lt: time(given.lt.as_ref().map(ToString::to_string))?,
        gt: time(given.gt.as_ref().map(ToString::to_string))?,
        gte: time(given.gte.as_ref().map(ToString::to_string))?,
        lte: time(given.lte.as_ref().map(ToString::to_string))?,
    }))
}

fn values_count(given: qdrant::ValuesCount) -> Result<ValuesCount, Status> {
    Ok(ValuesCount {
        lt: given.lt.map(count).transpose()?,
        gt: given.gt.map(count).transpose()?,
        gte: given.gte.map(count).transpose()?,
        lte: given.lte.map(count).transpose()?,
    })
}

fn count(number: u64) -> Result<usize, Status> {
    usize::try_from(number).map_err(|_| Status::invalid_argument("a number of the filter is out of range"))
}

#[cfg(test)]
mod tests {
    use qdrant_client::qdrant::{Condition as Asked, Filter as Given, GeoRadius};

    use super::*;

    fn refused(condition: Asked) -> Status {
        filter(Given::must([condition])).unwrap_err()
    }

    #[test]
    fn a_filter_reads_as_its_json() {
        let given = Given {
            must: vec![
                Asked::matches("user", "u".to_owned()),
                Asked::matches("n", vec![1, 2]),
                Asked::range(
                    "age",
                    qdrant::Range {
                        gte: Some(3.0),
                        ..Default::default()
                    },
                ),
                Asked::is_empty("gone"),
                Asked::has_id([7]),
            ],
            must_not: vec![Asked::from(Given::should([Asked::matches("b", true)]))],
            ..Given::default()
        };
        let json = serde_json::json!({
            "must": [
                {"key": "user", "match": {"value": "u"}},
                {"key": "n", "match": {"any": [1, 2]}},
                {"key": "age", "range": {"gte": 3.0}},
                {"is_empty": {"key": "gone"}},
                {"has_id": [7]},
            ],
            "must_not": [{"should": [{"key": "b", "match": {"value": true}}]}],
        });
        assert_eq!(filter(given).unwrap(), serde_json::from_value(json).unwrap());
    }

    #[test]
    fn what_cannot_be_asked_is_refused_by_name() {
        let geo = refused(Asked::geo_radius("place", GeoRadius::default()));
        assert_eq!(geo.code(), tonic::Code::Unimplemented);
        assert!(geo.message().contains("geo_radius"));
        assert_eq!(refused(Asked::default()).code(), tonic::Code::InvalidArgument);
        let two = FieldCondition {
            key: "a".to_owned(),
            is_empty: Some(true),
            is_null: Some(true),
            ..FieldCondition::default()
        };
        let two = Asked {
            condition_one_of: Some(ConditionOneOf::Field(two)),
        };
        assert_eq!(refused(two).code(), tonic::Code::InvalidArgument);
    }
}

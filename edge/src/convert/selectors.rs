//! Selectors: the points of a call, and the parts of points that it returns.

use qdrant_client::qdrant::{
    PointsSelector, WithPayloadSelector, WithVectorsSelector, points_selector::PointsSelectorOneOf,
    with_payload_selector, with_vectors_selector,
};
use qdrant_edge::{
    Filter, PayloadSelector, PayloadSelectorExclude, PayloadSelectorInclude, PointId, WithPayloadInterface, WithVector,
};
use tonic::Status;

use super::{filter, path, points};

/// The points that a call changes.
pub(crate) enum Selected {
    /// The points with these ids.
    Ids(Vec<PointId>),
    /// The points that match.
    Filter(Filter),
}

/// Reads the selector of the points that a call changes.
pub(crate) fn selected(selector: Option<PointsSelector>) -> Result<Selected, Status> {
    match selector.and_then(|selector| selector.points_selector_one_of) {
        Some(PointsSelectorOneOf::Points(list)) => points::ids(list.ids).map(Selected::Ids),
        Some(PointsSelectorOneOf::Filter(filter)) => filter::filter(filter).map(Selected::Filter),
        None => Err(Status::invalid_argument("PointsSelector is missing")),
    }
}

/// Reads the selector of payload fields; absent: `default`.
pub(crate) fn payload(selector: Option<WithPayloadSelector>, default: bool) -> Result<WithPayloadInterface, Status> {
    use with_payload_selector::SelectorOptions;
    let paths = |fields: Vec<String>| fields.iter().map(|field| path(field)).collect::<Result<Vec<_>, _>>();
    Ok(match selector.and_then(|selector| selector.selector_options) {
        None => WithPayloadInterface::Bool(default),
        Some(SelectorOptions::Enable(enable)) => WithPayloadInterface::Bool(enable),
        Some(SelectorOptions::Include(include)) => {
            let include = paths(include.fields)?;
            WithPayloadInterface::Selector(PayloadSelector::Include(PayloadSelectorInclude { include }))
        }
        Some(SelectorOptions::Exclude(exclude)) => {
            let exclude = paths(exclude.fields)?;
            WithPayloadInterface::Selector(PayloadSelector::Exclude(PayloadSelectorExclude { exclude }))
        }
    })
}

/// Reads the selector of vectors; absent: none.
pub(crate) fn vectors(selector: Option<WithVectorsSelector>) -> WithVector {
    use with_vectors_selector::SelectorOptions;
    match selector.and_then(|selector| selector.selector_options) {
        None => WithVector::Bool(false),
        Some(SelectorOptions::Enable(enable)) => WithVector::Bool(enable),
        Some(SelectorOptions::Include(include)) => WithVector::Selector(include.names),
    }
}

//! Calls that read points.
//!
//! Every value of the field `read_consistency` is accepted: there is one copy. Reads see applied writes,
//! which may not be flushed yet.

use qdrant_client::qdrant::{
    CountPoints, CountResponse, CountResult, GetPoints, GetResponse, QueryPoints, QueryResponse, ScrollPoints,
    ScrollResponse, SearchParams, SearchPoints, SearchResponse, query, vector_input,
};
use qdrant_edge::{
    CountRequest, DEFAULT_VECTOR_NAME, NamedQuery, QueryEnum, ScoredPoint, ScrollRequest, SearchRequest, WithVector,
};
use tonic::Status;

use crate::{
    collection::Collection,
    convert::{filter, points, refuse, selectors, unsupported, vectors},
    store::Store,
};

/// The most points of one answer, which is held in memory. A larger request is refused, never cut.
const PAGE_LIMIT: usize = 100_000;
/// The points of a page if the request does not say, as in Qdrant.
const PAGE: usize = 10;

/// Returns the points with these ids that exist.
pub(super) async fn get(store: &Store, request: GetPoints) -> Result<GetResponse, Status> {
    refuse(request.shard_key_selector.is_some(), "shard_key_selector")?;
    let collection = store.get(&request.collection_name)?;
    check_limit(request.ids.len())?;
    let ids = points::ids(request.ids)?;
    let payload = selectors::payload(request.with_payload, true)?;
    let vectors = selectors::vectors(request.with_vectors);
    check_vectors(&collection, &vectors)?;
    let found = collection
        .read(move |shard| shard.retrieve(&ids, Some(payload), Some(vectors)))
        .await?;
    Ok(GetResponse {
        result: found.into_iter().map(points::record).collect(),
        ..GetResponse::default()
    })
}

/// Returns a page of the points that match, in the order of their ids.
pub(super) async fn scroll(store: &Store, request: ScrollPoints) -> Result<ScrollResponse, Status> {
    refuse(request.shard_key_selector.is_some(), "shard_key_selector")?;
    refuse(request.order_by.is_some(), "order_by")?;
    let collection = store.get(&request.collection_name)?;
    let limit = request.limit.map(|limit| limit as usize);
    if limit == Some(0) {
        return Err(Status::invalid_argument("`limit` must be at least 1"));
    }
    check_limit(limit.unwrap_or(PAGE))?;
    let page = ScrollRequest {
        offset: request.offset.map(|id| points::id(Some(id))).transpose()?,
        limit: Some(limit.unwrap_or(PAGE)),
        filter: filter::optional(request.filter)?,
        with_payload: Some(selectors::payload(request.with_payload, true)?),
        with_vector: selectors::vectors(request.with_vectors),
        order_by: None,
    };
    check_vectors(&collection, &page.with_vector)?;
    let (found, next) = collection.read(move |shard| shard.scroll(page)).await?;
    Ok(ScrollResponse {
        next_page_offset: next.map(points::id_out),
        result: found.into_iter().map(points::record).collect(),
        ..ScrollResponse::default()
    })
}

/// Counts the points that match, always exactly.
pub(super) async fn count(store: &Store, request: CountPoints) -> Result<CountResponse, Status> {
    refuse(request.shard_key_selector.is_some(), "shard_key_selector")?;
    let collection = store.get(&request.collection_name)?;
    let filter = filter::optional(request.filter)?;
    let count = collection
        .read(move |shard| shard.count(CountRequest { filter, exact: true }))
        .await?;
    Ok(CountResponse {
        result: Some(CountResult { count: count as u64 }),
        ..CountResponse::default()
    })
}

/// Finds the points nearest to a vector.
pub(super) async fn search(store: &Store, request: SearchPoints) -> Result<SearchResponse, Status> {
    refuse(request.shard_key_selector.is_some(), "shard_key_selector")?;
    refuse(request.sparse_indices.is_some(), "sparse_indices")?;
    check_params(request.params.as_ref())?;
    let collection = store.get(&request.collection_name)?;
    let wanted = SearchRequest {
        query: nearest(&collection, request.vector, request.vector_name)?,
        filter: filter::optional(request.filter)?,
        params: None,
        limit: number(request.limit)?,
        offset: number(request.offset.unwrap_or_default())?,
        with_payload: Some(selectors::payload(request.with_payload, false)?),
        with_vector: Some(selectors::vectors(request.with_vectors)),
        score_threshold: request.score_threshold,
    };
    let found = find(&collection, wanted).await?;
    Ok(SearchResponse {
        result: found.into_iter().map(points::scored).collect(),
        ..SearchResponse::default()
    })
}

/// Finds the points nearest to a vector: the only supported kind of query.
pub(super) async fn query(store: &Store, request: QueryPoints) -> Result<QueryResponse, Status> {
    refuse(request.shard_key_selector.is_some(), "shard_key_selector")?;
    refuse(!request.prefetch.is_empty(), "prefetch")?;
    refuse(request.lookup_from.is_some(), "lookup_from")?;
    check_params(request.params.as_ref())?;
    let vector = match request.query.and_then(|query| query.variant) {
        Some(query::Variant::Nearest(input)) => match input.variant {
            Some(vector_input::Variant::Dense(dense)) => dense.data,
            _ => return Err(unsupported("query.nearest, other than by a dense vector,")),
        },
        _ => return Err(unsupported("query, other than nearest,")),
    };
    let collection = store.get(&request.collection_name)?;
    let wanted = SearchRequest {
        query: nearest(&collection, vector, request.using)?,
        filter: filter::optional(request.filter)?,
        params: None,
        limit: request.limit.map_or(Ok(PAGE), number)?,
        offset: number(request.offset.unwrap_or_default())?,
        with_payload: Some(selectors::payload(request.with_payload, false)?),
        with_vector: Some(selectors::vectors(request.with_vectors)),
        score_threshold: request.score_threshold,
    };
    let found = find(&collection, wanted).await?;
    Ok(QueryResponse {
        result: found.into_iter().map(points::scored).collect(),
        ..QueryResponse::default()
    })
}

async fn find(collection: &Collection, wanted: SearchRequest) -> Result<Vec<ScoredPoint>, Status> {
    check_limit(wanted.limit.saturating_add(wanted.offset))?;
    if let Some(vectors) = &wanted.with_vector {
        check_vectors(collection, vectors)?;
    }
    Ok(collection.read(move |shard| shard.search(wanted)).await?)
}

fn nearest(collection: &Collection, vector: Vec<f32>, using: Option<String>) -> Result<QueryEnum, Status> {
    let name = using.unwrap_or_else(|| DEFAULT_VECTOR_NAME.to_owned());
    vectors::check(collection.config(), &name, &vector)?;
    Ok(QueryEnum::Nearest(NamedQuery {
        query: vector.into(),
        using: Some(name),
    }))
}

/// Searches are exact, so parameters that tune an approximate search have no effect. Other ones are refused.
fn check_params(params: Option<&SearchParams>) -> Result<(), Status> {
    let Some(params) = params else {
        return Ok(());
    };
    refuse(params.quantization.is_some(), "params.quantization")?;
    refuse(params.indexed_only == Some(true), "params.indexed_only")?;
    refuse(params.acorn.is_some(), "params.acorn")?;
    refuse(params.idf.is_some(), "params.idf")
}

fn check_vectors(collection: &Collection, wanted: &WithVector) -> Result<(), Status> {
    let WithVector::Selector(names) = wanted else {
        return Ok(());
    };
    let known = |name: &String| collection.config().vectors.contains_key(name);
    if names.iter().all(known) {
        return Ok(());
    }
    Err(Status::invalid_argument(
        "`with_vectors` names a vector that the collection does not have",
    ))
}

fn check_limit(points: usize) -> Result<(), Status> {
    if points > PAGE_LIMIT {
        return Err(Status::invalid_argument(format!(
            "one call returns at most {PAGE_LIMIT} points: ask for pages"
        )));
    }
    Ok(())
}

fn number(number: u64) -> Result<usize, Status> {
    usize::try_from(number).map_err(|_| Status::invalid_argument("`limit` or `offset` is out of range"))
}

//! `GET /log/tile/…`: tiles of hashes, and bundles of entries.
//!
//! The route is not in the `OpenAPI` document: its path has any number of parts, which documents cannot describe.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use lethe_common::tlog::tile::Part;

use super::Reader;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The template of the route.
pub(crate) const PATH: &str = "/log/tile/{*path}";

/// Reads a tile or a bundle. A part of a tile that has grown since has the hashes of its time.
pub(crate) async fn tile(
    State(state): State<AppState>,
    reader: Reader,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<impl IntoResponse, Problem> {
    let unknown = || {
        Problem::new(
            Kind::NotFound,
            "the log has no such tile: /log/checkpoint has its size, and C2SP's tlog-tiles the paths",
        )
    };
    let Path(path) = path.map_err(|_| unknown())?;
    let ledger = state.ledger();
    let bytes = match Part::parse(&path).ok_or_else(unknown)? {
        Part::Tile(id) => ledger.log_tile(id).await?,
        Part::Bundle { n, width } => ledger.log_bundle(n, width).await?,
    };
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, reader.cache_for_ever()),
    ];
    Ok((headers, bytes.ok_or_else(unknown)?))
}

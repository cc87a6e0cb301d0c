//! `GET /v1/jobs/{id}/items`: the memories that were not simply erased.

use std::fmt::Write;
use std::iter;

use axum::Json;
use axum::extract::State;
use lethe_common::job::{JobId, Outcome};
use lethe_common::ledger::{Act, ItemCursor, ItemRow, Object};
use serde::{Deserialize, Serialize};
use strum::IntoEnumIterator as _;
use utoipa::{IntoParams, ToSchema};

use crate::auth::Principal;
use crate::http::extract::{JobPath, Params};
use crate::http::page::{self, limit};
use crate::http::problem::{Kind, Problem};
use crate::job::answer::Item;
use crate::job::visible::visible;
use crate::routes::answers::{IdsForgotten, NoJob, Usual};
use crate::state::AppState;

/// The default and the greatest number of memories in a page: ids are short.
const LIMIT: (u32, u32) = (100, 1_000);

/// The outcome of memories that a dry run would have erased.
const FOUND: &str = "found";

/// Returns the words of the outcomes whose memories are kept by id.
fn outcomes() -> impl Iterator<Item = &'static str> {
    let listed = Outcome::iter()
        .filter(|outcome| outcome.is_listed())
        .map(Outcome::as_str);
    iter::once(FOUND).chain(listed).chain(iter::once("residue"))
}

/// The filter of memories.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ItemParams {
    /// The outcome of the memories. `found`: some of the memories that a dry run would erase. Others: `absent`, `held`,
    /// `conflicted`, `unsupported`, `unverifiable`, `failed` and `residue`.
    #[param(required, value_type = String)]
    pub(crate) outcome: Option<String>,
    /// `next` of the page before.
    pub(crate) after: Option<String>,
    /// The greatest number of memories to list, 1 to 1000; 100 if absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000)]
    pub(crate) limit: Option<String>,
}

/// Memories of a job with one outcome.
#[derive(Serialize, ToSchema)]
pub(crate) struct ItemList {
    /// The memories.
    pub(crate) items: Vec<Item>,
    /// The value of `after` for the next page; `null` on the last.
    pub(crate) next: Option<String>,
}

/// List the memories of a job with an outcome other than erased, until their retention has passed.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/items",
    operation_id = "listItems",
    tag = "jobs",
    params(("id" = Uuid, Path, description = "The job's id"), ItemParams),
    responses(
        (status = 200, description = "The memories", body = ItemList),
        NoJob,
        IdsForgotten,
        Usual,
    ),
)]
pub(crate) async fn items(
    State(state): State<AppState>,
    principal: Principal,
    JobPath(id): JobPath,
    Params(params): Params<ItemParams>,
) -> Result<Json<ItemList>, Problem> {
    listed(&state, &principal, id, params).await.map(Json)
}

/// Returns a page of a job's memories with one outcome, and notes in the audit trail that they were read.
pub(crate) async fn listed(
    state: &AppState,
    principal: &Principal,
    id: JobId,
    params: ItemParams,
) -> Result<ItemList, Problem> {
    let outcome = params.outcome.filter(|outcome| outcomes().any(|word| word == outcome));
    let Some(outcome) = outcome else {
        let words: Vec<&str> = outcomes().collect();
        let what = format_args!("write one of {}", words.join(", "));
        return Err(Problem::invalid("outcome", what));
    };
    let limit = limit(params.limit.as_deref(), LIMIT)?;
    let after = match &params.after {
        None => Cursor::default(),
        Some(text) => {
            Cursor::read(text).ok_or_else(|| Problem::invalid("after", "write the `next` of the page before"))?
        }
    };
    let job = visible(state, principal, id).await?;
    // A dry run's found memories are stored as `left`.
    let kept_as = if job.dry_run && outcome == FOUND {
        Outcome::Left.as_str()
    } else {
        &outcome
    };
    if job.forgotten_at.is_some() {
        let detail = "the retention of this job's ids has passed: its counts remain";
        return Err(Problem::new(Kind::Forgotten, detail));
    }
    let rows = state.ledger().items(id, kept_as, after.place(), limit + 1).await?;
    if !rows.is_empty() {
        state.readings().note(principal, Act::JobItems, Object::Job(id)).await?;
    }
    let (rows, next) = page::cut(rows, limit, |row| Cursor::at(row).write());
    let items = rows.into_iter().map(|row| Item::new(row, &outcome)).collect();
    Ok(ItemList { items, next })
}

/// The last memory, table, store and partition of a page.
#[derive(Default, Serialize, Deserialize)]
struct Cursor(String, String, String, i64);

impl Cursor {
    fn at(row: &ItemRow) -> Self {
        Self(row.id.clone(), row.table.clone(), row.store.clone(), row.ordinal)
    }

    fn place(&self) -> ItemCursor<'_> {
        let Self(id, table, store, ordinal) = self;
        ItemCursor {
            id,
            table,
            store,
            ordinal: *ordinal,
        }
    }

    // Hexadecimal needs no escaping in a query, whatever an id holds.
    fn write(&self) -> String {
        let json = serde_json::to_vec(self).expect("texts and a number are always JSON");
        json.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a String takes any text");
            text
        })
    }

    fn read(text: &str) -> Option<Self> {
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|digit| u8::try_from(digit.to_digit(16)?).ok())
            .collect();
        let bytes: Vec<u8> = digits?
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect();
        let cursor: Self = serde_json::from_slice(&bytes).ok()?;
        // No id holds a NUL, and PostgreSQL accepts none.
        let Self(id, table, store, _) = &cursor;
        let whole = [id, table, store].iter().all(|text| !text.contains('\0'));
        whole.then_some(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn a_cursor_survives_the_way_to_the_caller_and_back() {
        let cursor = Cursor("ü/\"x".to_owned(), "memories".to_owned(), "sql".to_owned(), 7);
        let Cursor(id, table, store, ordinal) = Cursor::read(&cursor.write()).unwrap();
        assert_eq!(
            (id.as_str(), table.as_str(), store.as_str(), ordinal),
            ("ü/\"x", "memories", "sql", 7)
        );
        // The last one holds U+0000.
        for wrong in ["", "7", "zz", "5b5d", "é", "5b225c7530303030222c2262222c2263222c375d"] {
            assert!(Cursor::read(wrong).is_none(), "{wrong}");
        }
    }
}

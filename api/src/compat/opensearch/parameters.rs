//! The parameters of OpenSearch's deletions by query, with errors in its own words.

use lethe_common::ledger::ExecutionOptions;
use utoipa::IntoParams;

use super::body::Body;
use super::mistyped;
use super::values::{FROM, Flag, STORED_FIELDS, flag, illegal, int, only, requests_per_second, time};
use crate::compat::read::Query;
use crate::compat::wanted::How;
use crate::http::json::short;
use crate::http::problem::Problem;

/// The supported parameters of a deletion by query.
const BY_QUERY: [&str; 17] = [
    "allow_no_indices",
    "conflicts",
    "expand_wildcards",
    "from",
    "ignore_unavailable",
    "max_docs",
    "refresh",
    "requests_per_second",
    "scroll",
    "scroll_size",
    "search_timeout",
    "size",
    "slices",
    "stored_fields",
    "timeout",
    "wait_for_active_shards",
    "wait_for_completion",
];

/// OpenSearch's default limit of slices.
const MAX_SLICES: u32 = 1024;

/// OpenSearch's default limit of memories per batch.
const MAX_BATCH: i32 = 10_000;

/// The options of a deletion by query.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only for the document")]
pub(crate) struct ByQueryParams {
    /// The reaction to a memory that changed meanwhile: `abort` (the default) or `proceed`. Also allowed in the body.
    conflicts: Option<String>,
    /// The most matching memories to delete. Also allowed in the body.
    #[param(minimum = 1, maximum = 2_147_483_647)]
    max_docs: Option<u32>,
    /// The old name of `max_docs`.
    #[param(minimum = 1, maximum = 2_147_483_647)]
    #[deprecated]
    size: Option<u32>,
    /// The most memories per batch.
    #[param(minimum = 1, maximum = 10_000)]
    scroll_size: Option<u32>,
    /// The most memories per second. -1, the default, means no limit.
    requests_per_second: Option<f64>,
    /// `false`: answer at once, with the id of a task.
    #[param(inline)]
    wait_for_completion: Option<Flag>,
    /// The number of slices in the answer: 1 to 1024, or `auto`, which is 1.
    slices: Option<String>,
    /// Checked, and of no effect.
    #[param(inline)]
    refresh: Option<Flag>,
    /// Checked, and of no effect.
    timeout: Option<String>,
    /// Checked, and of no effect.
    scroll: Option<String>,
    /// Checked, and of no effect.
    search_timeout: Option<String>,
    /// A whole number or `all`: checked, and of no effect.
    wait_for_active_shards: Option<String>,
    /// Checked, and of no effect: an unknown index is refused.
    #[param(inline)]
    ignore_unavailable: Option<Flag>,
    /// Checked, and of no effect.
    #[param(inline)]
    allow_no_indices: Option<Flag>,
    /// `open`, `closed`, `hidden`, `none` or `all`, with commas between them: checked, and of no effect.
    expand_wildcards: Option<String>,
}

/// The parameters of a deletion by query.
pub(super) struct Parameters {
    per_second: Option<f64>,
    batch: Option<u32>,
    size: Option<i32>,
    max_docs: Option<i32>,
    slices: u32,
    /// Whether a conflict stops the job, if the parameters say so.
    aborts: Option<bool>,
    /// OpenSearch's errors for search parameters that a deletion does not support.
    pub(super) unsupported: Vec<&'static str>,
    /// Whether the answer waits for the end of the job.
    pub(super) wait_for_completion: bool,
}

impl Parameters {
    /// Reads the parameters. Unknown and invalid ones are refused.
    pub(super) fn read(query: &Query) -> Result<Self, Problem> {
        only(query, &BY_QUERY)?;
        // These have no effect: deletions are visible at once, have no time limit, and hold no search open.
        flag(query, "refresh", false)?;
        for name in ["scroll", "search_timeout", "timeout"] {
            time(query, name)?;
        }
        active_shards(query)?;
        indices(query)?;
        let mut unsupported = Vec::new();
        if int(query, "from")?.is_some() {
            unsupported.push(FROM);
        }
        if query.one("stored_fields")?.is_some() {
            unsupported.push(STORED_FIELDS);
        }
        Ok(Self {
            per_second: requests_per_second(query)?.flatten(),
            batch: scroll_size(query)?,
            size: int(query, "size")?,
            max_docs: int(query, "max_docs")?,
            slices: slices(query)?,
            aborts: query.one("conflicts")?.map(aborts).transpose()?,
            unsupported,
            wait_for_completion: flag(query, "wait_for_completion", true)?,
        })
    }

    /// Returns whether the request uses an old name.
    pub(super) fn is_dated(&self) -> bool {
        self.size.is_some()
    }

    /// Returns the options of the job. The body may give some of them too.
    pub(super) fn how(&self, body: &Body, opaque_id: Option<String>) -> Result<How, Problem> {
        let in_body = body.conflicts.as_deref().map(aborts).transpose()?;
        let mut most: Option<i32> = None;
        for given in [body.max_docs, self.size, self.max_docs].into_iter().flatten() {
            if let Some(before) = most.filter(|before| *before != given) {
                let text = format!("[max_docs] set to two different values [{before}] and [{given}]");
                return Err(illegal(&text));
            }
            if given < 0 {
                let text = format!("[max_docs] parameter cannot be negative, found [{given}]");
                return Err(illegal(&text));
            }
            most = Some(given);
        }
        let most = most.and_then(|most| u32::try_from(most).ok());
        if most.is_some_and(|most| most < self.slices) {
            return Err(illegal("[max_docs] should be >= [slices]"));
        }
        Ok(How {
            mistyped: mistyped::says,
            per_second: self.per_second,
            execution: ExecutionOptions {
                batch: self.batch,
                max_memories: most.map(u64::from),
                aborts: self.aborts.or(in_body).unwrap_or(true),
                slices: Some(self.slices).filter(|slices| *slices > 1),
                opaque_id,
                ..ExecutionOptions::default()
            },
        })
    }
}

fn aborts(text: &str) -> Result<bool, Problem> {
    match text {
        "abort" => Ok(true),
        "proceed" => Ok(false),
        other => {
            let other = short(other);
            let text = format!("conflicts may only be \"proceed\" or \"abort\" but was [{other}]");
            Err(illegal(&text))
        }
    }
}

fn scroll_size(query: &Query) -> Result<Option<u32>, Problem> {
    let Some(size) = int(query, "scroll_size")? else {
        return Ok(None);
    };
    if size < 1 {
        let text = format!("[scroll_size] parameter must be greater than 0, found [{size}]");
        return Err(illegal(&text));
    }
    if size > MAX_BATCH {
        let text =
            format!("Batch size is too large, size must be less than or equal to: [{MAX_BATCH}] but was [{size}].");
        return Err(illegal(&text));
    }
    Ok(u32::try_from(size).ok())
}

/// Returns the number of slices. `auto` means one slice per shard, and a table is one shard.
fn slices(query: &Query) -> Result<u32, Problem> {
    let Some(text) = query.one("slices")?.filter(|text| *text != "auto") else {
        return Ok(1);
    };
    let number: Option<i32> = text.parse().ok().filter(|number| *number > 0);
    let Some(number) = number.and_then(|number| u32::try_from(number).ok()) else {
        let text = short(text);
        let text = format!("[slices] must be a positive integer or the string \"auto\", but was [{text}]");
        return Err(illegal(&text));
    };
    if number > MAX_SLICES {
        let text = format!("The number of slices [{number}] is too large. It must be less than [{MAX_SLICES}].");
        return Err(illegal(&text));
    }
    Ok(number)
}

/// Checks the number of index copies to wait for. A table has none, so there is no wait.
fn active_shards(query: &Query) -> Result<(), Problem> {
    let Some(text) = query.one("wait_for_active_shards")?.filter(|text| *text != "all") else {
        return Ok(());
    };
    match text.parse::<i32>() {
        Ok(0..) => Ok(()),
        Ok(_) => Err(illegal("shard count cannot be a negative value")),
        Err(_) => Err(illegal(&format!("cannot parse ActiveShardCount[{}]", short(text)))),
    }
}

/// Checks the options for missing indices and patterns. They have no effect: a request names one index, and an
/// unknown one is always refused, since its name may be mistyped.
fn indices(query: &Query) -> Result<(), Problem> {
    for name in ["ignore_unavailable", "allow_no_indices"] {
        if !matches!(query.one(name)?, None | Some("" | "true" | "false")) {
            return Err(illegal(&format!("Could not convert [{name}] to boolean")));
        }
    }
    let states = query.one("expand_wildcards")?.unwrap_or("open");
    match states
        .split(',')
        .find(|state| !["open", "closed", "hidden", "none", "all"].contains(state))
    {
        None => Ok(()),
        Some(state) => Err(illegal(&format!("No valid expand wildcard value [{}]", short(state)))),
    }
}

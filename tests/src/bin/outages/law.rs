//! Checks the totals: accepted jobs have ended, each job exists once, and no job exists without a request.

use std::collections::{BTreeMap, BTreeSet};

use lethe_tests::client::Client;

use crate::follow::Followed;
use crate::judge::{Fault, Wrong};

/// Compares the totals with each other, and with the known jobs.
pub(crate) async fn judge(client: &Client, jobs: &BTreeMap<String, Followed>) -> Vec<Fault> {
    let metrics = client.metrics().await;
    let sum = |name: &str, without: &str| -> f64 {
        let of_name = |series: &&String| {
            let rest = series.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('{')) && !series.contains(without)
        };
        metrics
            .iter()
            .filter(|(series, _)| of_name(series))
            .map(|(_, value)| value)
            .sum()
    };
    let accepted = sum("lethe_jobs_accepted_total", "\0");
    let (ended, unfinished) = (sum("lethe_jobs_ended_total", "\0"), sum("lethe_jobs", "receiving"));
    let mut faults = Vec::new();
    let mut fault = |wrong, text| faults.push(Fault { wrong, job: None, text });
    let close = |a: f64, b: f64| (a - b).abs() < 0.5;
    if !close(accepted, ended + unfinished) {
        fault(
            Wrong::Totals,
            format!("accepted {accepted}, ended {ended} + unfinished {unfinished}"),
        );
    }
    let known: usize = jobs.values().map(|job| job.attempts.len()).sum();
    let known = f64::from(u32::try_from(known).expect("a run has fewer jobs"));
    if !close(accepted, known) {
        fault(
            Wrong::Totals,
            format!("accepted {accepted}, and {known} attempts are known"),
        );
    }
    let (selected, met) = (
        sum("lethe_memories_selected_total", "\0"),
        sum("lethe_memories_total", "\0"),
    );
    if unfinished < 0.5 && !close(selected, met) {
        let by_store = metrics.iter().filter(|(series, _)| {
            series.starts_with("lethe_memories_selected_total") || series.starts_with("lethe_memories_total")
        });
        let by_store: Vec<_> = by_store.filter(|(_, value)| **value > 0.0).collect();
        fault(
            Wrong::Totals,
            format!("selected {selected}, outcomes {met}: {by_store:?}"),
        );
    }
    let listed = listed(client).await;
    let known: BTreeSet<&String> = jobs.keys().collect();
    let lost: Vec<_> = known.iter().filter(|id| !listed.contains(**id)).collect();
    let more: Vec<_> = listed.iter().filter(|id| !known.contains(id)).collect();
    if !lost.is_empty() || !more.is_empty() {
        fault(Wrong::Accepted, format!("lost {lost:?}, unknown {more:?}"));
    }
    faults
}

/// Returns the ids of all jobs.
async fn listed(client: &Client) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut after = String::new();
    loop {
        let page = client.get(&format!("/v1/jobs?limit=200{after}")).await.body;
        let jobs = page["jobs"].as_array().into_iter().flatten();
        ids.extend(jobs.filter_map(|job| job["id"].as_str().map(str::to_owned)));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return ids,
        }
    }
}

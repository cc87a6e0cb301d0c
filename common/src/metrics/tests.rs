//! Tests that every series exists from the start, under the names that dashboards use.

mod page;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write;

use strum::IntoEnumIterator as _;

use super::*;
use crate::error_code::ErrorCode;
use crate::ledger::{Kind, Running, ServiceState, TotalRow};

const TARGET: &str = "[doorbell]\nurl = \"rediss://r\"\n[[target]]\nname = \"main\"\n\
    sql = { url = \"sqlite://m.db\" }\nvector = { url = \"https://q:6334\" }";

fn rendered(service: &Service, act: impl FnOnce()) -> String {
    let recorder = recorder();
    metrics::with_local_recorder(&recorder, || {
        let metrics = Metrics::with(recorder.handle(), &Config::from_toml(TARGET).unwrap());
        metrics.expose_worker(&[(RetryClass::Transient, ErrorCode::Timeout)]);
        metrics.expose_api();
        act();
        metrics.render_with(service)
    })
}

fn act_on_everything() {
    attempt(Kind::Erase);
    retry(RetryClass::Transient, Some(ErrorCode::Timeout));
    in_progress(3);
    queue_wait(Duration::from_millis(3));
    job_ended(Duration::from_secs(30));
    store_call("main", StoreKind::Sql, StoreCall::Delete, Duration::from_millis(7));
    breaker("main", StoreKind::Vector, true);
    claimed(jiff::Timestamp::UNIX_EPOCH);
    certificate_ends(jiff::Timestamp::UNIX_EPOCH);
    dependency(Dependency::Ledger, true, Some(Duration::from_millis(2)));
    doorbell_sent(1);
    doorbell_received(1);
    doorbell_failed(1);
    doorbell_miss();
    http_request("/v1/jobs/{id}".to_owned(), "GET", 200, Duration::from_millis(4));
}

fn total(metric: &str, target: &str, store: &str, outcome: &str, n: u64) -> TotalRow {
    let text = str::to_owned;
    TotalRow {
        metric: text(metric),
        target: text(target),
        store: text(store),
        outcome: text(outcome),
        n,
    }
}

/// Splits a sample into its name, its labels and its value.
fn sample(line: &str) -> (&str, &str, f64) {
    let (series, value) = line.rsplit_once(' ').expect(line);
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    (
        name,
        labels.strip_suffix('}').expect(line),
        value.replace("+Inf", "inf").parse().expect(line),
    )
}

fn value(text: &str, series: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// Returns the metrics of a process that is an API and a worker, one a line: name, type, labels.
fn listed() -> String {
    let largest = vec![Running {
        id: crate::job::JobId::new(),
        progress: 0.5,
        per_second: 1.0,
    }];
    let service = Service {
        state: ServiceState {
            largest,
            ..ServiceState::default()
        },
        ..Service::default()
    };
    let text = rendered(&service, act_on_everything);
    let mut types = BTreeMap::new();
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            types.extend(rest.split_once(' '));
        } else if !line.starts_with('#') {
            let (name, pairs, _) = sample(line);
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end));
            let base = base.filter(|base| types.contains_key(base)).unwrap_or(name);
            let names = pairs.split("\",").filter_map(|pair| Some(pair.split_once('=')?.0));
            labels.entry(base).or_default().extend(names);
        }
    }
    let mut list = String::new();
    for (name, kind) in types.iter().filter(|(name, _)| name.starts_with("lethe_")) {
        let labels = labels.get(name).into_iter().flatten().copied().collect::<Vec<_>>();
        let labels = if labels.is_empty() {
            "-".to_owned()
        } else {
            labels.join(",")
        };
        writeln!(list, "{name} {kind} {labels}").unwrap();
    }
    assert!(types.contains_key("process_resident_memory_bytes"));
    list
}

#[test]
fn names_types_and_labels() {
    insta::assert_snapshot!(listed(), @r"
    lethe_audit_unwritten_total counter -
    lethe_authentication_failures_total counter reason
    lethe_breaker_open gauge store,target
    lethe_build_info gauge version
    lethe_certificate_expiry_timestamp_seconds gauge -
    lethe_dependency_latency_seconds gauge dependency
    lethe_dependency_up gauge dependency
    lethe_doorbell_misses_total counter -
    lethe_doorbell_rings_total counter direction
    lethe_holds gauge -
    lethe_holds_unsettled gauge -
    lethe_http_body_bytes gauge -
    lethe_http_connections gauge -
    lethe_http_connections_refused_total counter reason
    lethe_http_request_duration_seconds histogram le,method,route
    lethe_http_requests_refused_total counter reason
    lethe_http_requests_total counter method,route,status
    lethe_job_duration_seconds histogram le
    lethe_job_erased_per_second gauge job_id
    lethe_job_progress_ratio gauge job_id
    lethe_jobs gauge state
    lethe_jobs_accepted_total counter -
    lethe_jobs_due_soon gauge -
    lethe_jobs_ended_total counter outcome
    lethe_jobs_overdue gauge -
    lethe_log_entries_total counter -
    lethe_log_lag_seconds gauge -
    lethe_mappings_unfit gauge target
    lethe_memories_remaining gauge target
    lethe_memories_selected_total counter store,target
    lethe_memories_total counter outcome,store,target
    lethe_oldest_unfinished_job_age_seconds gauge -
    lethe_partition_attempts_total counter kind
    lethe_partitions_in_progress gauge -
    lethe_paused gauge target
    lethe_queue_wait_seconds histogram le
    lethe_receipts_unsequenced gauge -
    lethe_residue_total counter store,target
    lethe_retries_total counter class,code
    lethe_schedule_runs_total counter outcome
    lethe_store_call_duration_seconds histogram call,le,store,target
    lethe_target_unserved gauge target
    lethe_worker_last_claim_timestamp_seconds gauge -
    lethe_workers_gone gauge -
    ");
}

#[test]
fn the_text_is_what_prometheus_reads() {
    let text = rendered(&Service::default(), act_on_everything);
    let (mut helps, mut types, mut series) = (HashSet::new(), HashMap::new(), HashSet::new());
    let mut buckets: HashMap<String, f64> = HashMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect(line);
            assert!(!help.is_empty() && helps.insert(name), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect(line);
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(types.insert(name, kind).is_none(), "{line}");
        } else {
            let (name, labels, value) = sample(line);
            assert!(series.insert((name, labels)), "twice: {line}");
            assert!(value >= 0.0, "{line}");
            if let Some(base) = name.strip_suffix("_bucket") {
                assert_eq!(types.get(base), Some(&"histogram"), "{line}");
                let (others, _) = labels.rsplit_once("le=").expect(line);
                let below = buckets.entry(format!("{base}{others}")).or_default();
                assert!(value >= *below, "buckets are cumulative: {line}");
                *below = value;
            }
        }
    }
    for (name, kind) in types {
        assert!(helps.contains(name), "no help for {name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
    }
}

#[test]
fn every_series_is_there_before_anything_happened() {
    let text = rendered(&Service::default(), || {});
    for outcome in crate::job::Outcome::iter() {
        let series = format!(
            "lethe_memories_total{{target=\"main\",store=\"sql\",outcome=\"{}\"}}",
            outcome.as_str()
        );
        assert_eq!(value(&text, &series), Some(0.0), "{series}");
    }
    for series in [
        "lethe_jobs_accepted_total",
        "lethe_jobs_ended_total{outcome=\"cancelled\"}",
        "lethe_jobs{state=\"queued\"}",
        "lethe_residue_total{target=\"main\",store=\"vector\"}",
        "lethe_paused{target=\"main\"}",
        "lethe_workers_gone",
        "lethe_log_lag_seconds",
        "lethe_receipts_unsequenced",
        "lethe_holds",
        "lethe_holds_unsettled",
        "lethe_target_unserved{target=\"main\"}",
        "lethe_mappings_unfit{target=\"main\"}",
        "lethe_partition_attempts_total{kind=\"read_back\"}",
        "lethe_retries_total{class=\"rescue\",code=\"none\"}",
        "lethe_retries_total{class=\"transient\",code=\"timeout\"}",
        "lethe_doorbell_rings_total{direction=\"failed\"}",
        "lethe_doorbell_misses_total",
        "lethe_audit_unwritten_total",
        "lethe_job_duration_seconds_count",
        "lethe_authentication_failures_total{reason=\"unknown_key\"}",
        "lethe_http_connections_refused_total{reason=\"address\"}",
        "lethe_http_requests_refused_total{reason=\"caller_ids\"}",
        "lethe_http_body_bytes",
        "lethe_dependency_up{dependency=\"main/vector\"}",
        "lethe_dependency_up{dependency=\"doorbell\"}",
        "lethe_queue_wait_seconds_count",
        "lethe_store_call_duration_seconds_count{target=\"main\",store=\"vector\",call=\"page\"}",
    ] {
        assert_eq!(value(&text, series), Some(0.0), "{series}\n{text}");
    }
}

#[test]
fn ledger_totals_are_shown_as_they_are() {
    let service = Service {
        totals: vec![
            total("accepted", "", "", "", 7),
            total("ended", "", "", "failed", 2),
            total("memories", "gone\"\\", "sql", "erased", 5),
        ],
        pauses: crate::ledger::Pauses {
            all: true,
            targets: BTreeSet::new(),
        },
        unfit: BTreeMap::from([("main".to_owned(), 2)]),
        ..Service::default()
    };
    let text = rendered(&service, || {});
    assert_eq!(value(&text, "lethe_jobs_accepted_total"), Some(7.0));
    assert_eq!(value(&text, "lethe_jobs_ended_total{outcome=\"failed\"}"), Some(2.0));
    // A target that was removed from the configuration stays in the sums.
    let gone = r#"lethe_memories_total{target="gone\"\\",store="sql",outcome="erased"}"#;
    assert_eq!(value(&text, gone), Some(5.0));
    assert_eq!(value(&text, "lethe_paused{target=\"main\"}"), Some(1.0));
    assert_eq!(value(&text, "lethe_mappings_unfit{target=\"main\"}"), Some(2.0));
}

#[test]
fn a_job_that_ended_has_no_series() {
    let job = Running {
        id: crate::job::JobId::new(),
        progress: 0.25,
        per_second: 10.0,
    };
    let series = format!("lethe_job_progress_ratio{{job_id=\"{}\"}}", job.id);
    let state = ServiceState {
        largest: vec![job; 50],
        ..ServiceState::default()
    };
    let mut service = Service {
        state,
        ..Service::default()
    };
    let text = rendered(&service, || {});
    assert_eq!(value(&text, &series), Some(0.25));
    assert_eq!(text.matches("lethe_job_erased_per_second{").count(), LARGEST as usize);
    service.state.largest.clear();
    assert_eq!(value(&rendered(&service, || {}), &series), None);
}

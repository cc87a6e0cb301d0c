//! Traces over OTLP: the spans that a receiver gets, and the cost of a receiver that fails.

use std::collections::BTreeSet;

use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::receiver::{self, Receiver, Span, SpanKind, attribute};
use lethe_tests::service::{Service, Site};
use lethe_tests::wait;
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;

/// The trace and the span of a caller.
const CALLER: (u128, u64) = (0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, 0xb7ad_6b71_6920_3331);

/// A name that nothing else contains.
const PERSON: &str = "marked-person-77aa";

/// The receiver's token.
const TOKEN: &str = "marked-token-91bd";

/// All attributes that may leave a process.
const ATTRIBUTES: [&str; 17] = [
    "db.operation.name",
    "db.system.name",
    "error.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "lethe.attempt",
    "lethe.job.id",
    "lethe.partition",
    "lethe.partition.kind",
    "lethe.target",
    "messaging.batch.message_count",
    "messaging.destination.name",
    "messaging.operation.name",
    "messaging.operation.type",
    "messaging.system",
    "server.address",
];

/// Makes processes send traces to a receiver. Logs have only warnings: traces do not depend on their level.
fn traced(site: &mut Site, endpoint: &str) {
    site.configure(|config| config.set("telemetry.otlp.endpoint", endpoint).set("log.level", "warn"));
}

/// Asks a service to stop, and waits for its end.
async fn stopped(service: &mut Service) {
    service.process.terminate();
    assert!(service.process.exits().await.success());
}

fn of_kind(spans: &[Span], kind: SpanKind) -> Vec<&Span> {
    spans.iter().filter(|span| span.kind == i32::from(kind)).collect()
}

/// Asserts that the request is the caller's child, that the work is linked to it, and that each call is a child of work.
fn lead_from_the_caller_to_the_stores(spans: &[Span], job: &str) {
    let requests = of_kind(spans, SpanKind::Server);
    let submissions: Vec<_> = requests.iter().filter(|span| span.name == "POST /v1/jobs").collect();
    let [request] = submissions[..] else {
        panic!("{submissions:#?}")
    };
    let (trace, parent) = CALLER;
    assert_eq!(request.trace_id, trace.to_be_bytes());
    assert_eq!(request.parent_span_id, parent.to_be_bytes());
    assert_eq!(attribute(request, "http.response.status_code").unwrap(), "202");

    let work = of_kind(spans, SpanKind::Consumer);
    assert!(!work.is_empty());
    for span in &work {
        assert_eq!(span.name, "process memories");
        assert!(
            span.parent_span_id.is_empty() && span.trace_id != request.trace_id,
            "{span:#?}"
        );
        let links: Vec<_> = span.links.iter().map(|link| (&link.trace_id, &link.span_id)).collect();
        assert_eq!(links, [(&request.trace_id, &request.span_id)], "{span:#?}");
        assert_eq!(attribute(span, "lethe.job.id").as_deref(), Some(job));
        assert_eq!(attribute(span, "messaging.system").as_deref(), Some("lethe"));
        assert_eq!(attribute(span, "messaging.operation.type").as_deref(), Some("process"));
    }

    let parents: BTreeSet<_> = work.into_iter().map(receiver::ids).collect();
    let asked: BTreeSet<_> = of_kind(spans, SpanKind::Client)
        .into_iter()
        .map(|call| {
            assert!(
                parents.contains(&(call.trace_id.clone(), call.parent_span_id.clone())),
                "{call:#?}"
            );
            ["db.system.name", "db.operation.name", "server.address"]
                .map(|key| attribute(call, key).unwrap_or_default())
        })
        .collect();
    for deletion in [["sqlite", "delete", ""], ["qdrant", "delete", "127.0.0.1"]] {
        assert!(asked.contains(&deletion.map(str::to_owned)), "{asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_leads_from_the_caller_to_the_stores_and_holds_nothing_personal() {
    let receiver = Receiver::start().await;
    let mut site = Site::new(Layout::SQLITE).await;
    let headers = site.directory.path().join("headers");
    std::fs::write(&headers, format!("authorization: Bearer {TOKEN}\n")).unwrap();
    traced(&mut site, &receiver.url());
    site.configure(|config| config.set("telemetry.otlp.headers_file", headers.display().to_string()));
    let all = memories::of(PERSON, 20);
    site.add(&all).await;
    let mut service = site.up().await;

    let (trace, span) = CALLER;
    let request = service
        .client
        .request(Method::POST, "/v1/jobs")
        .header("traceparent", format!("00-{trace:032x}-{span:016x}-01"))
        .header("x-request-id", PERSON)
        .json(&json!({"select": {"ids": ids(&all)}, "owner": PERSON}));
    let job = service.client.send(request).await.accepted();
    assert_eq!(service.client.ended(&job).await["state"], "succeeded");
    // The end of the process sends the last spans.
    stopped(&mut service).await;

    let spans = receiver.spans();
    lead_from_the_caller_to_the_stores(&spans, &job);
    for span in &spans {
        assert!(span.events.is_empty(), "{span:#?}");
        for attribute in &span.attributes {
            assert!(ATTRIBUTES.contains(&attribute.key.as_str()), "{span:#?}");
        }
    }
    let (text, log) = (receiver.text(), service.process.log());
    for mark in ids(&all).into_iter().chain([PERSON, TOKEN]) {
        assert!(!text.contains(mark) && !log.contains(mark), "{mark}");
    }
    let authorization = Some(format!("Bearer {TOKEN}"));
    assert!(receiver.authorizations().iter().all(|sent| *sent == authorization));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_records_no_trace_starts_none() {
    let receiver = Receiver::start().await;
    let mut site = Site::new(Layout::SQLITE).await;
    traced(&mut site, &receiver.url());
    let all = memories::of("alice", 3);
    site.add(&all).await;
    let mut service = site.up().await;
    let (trace, span) = CALLER;
    let request = service
        .client
        .request(Method::POST, "/v1/jobs")
        .header("traceparent", format!("00-{trace:032x}-{span:016x}-00"))
        .json(&json!({"select": {"ids": ids(&all)}}));
    let job = service.client.send(request).await.accepted();
    assert_eq!(service.client.ended(&job).await["state"], "succeeded");
    stopped(&mut service).await;

    let spans = receiver.spans();
    // Its later requests have no such header, so the ratio decides.
    assert!(spans.iter().any(|span| span.name.starts_with("GET ")), "{spans:#?}");
    assert!(spans.iter().all(|span| span.trace_id != trace.to_be_bytes()));
    assert!(of_kind(&spans, SpanKind::Consumer).is_empty(), "{spans:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_costs_one_warning_and_no_line_loses_its_job() {
    let mut site = Site::new(Layout::SQLITE).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    traced(&mut site, &format!("http://{closed}"));
    let all = memories::of("alice", 2);
    site.add(&all).await;
    site.memories.run("ALTER TABLE agno_memories RENAME TO elsewhere").await;
    let mut service = site.up().await;
    let (first, second) = (&all[..1], &all[1..]);
    let failing = service.client.submit_ids(&ids(first)).await;
    for said in ["a partition failed and will be retried", "the receiver takes no traces"] {
        wait::until_true(said, || async { service.process.log().contains(said) }).await;
    }
    site.memories.run("ALTER TABLE elsewhere RENAME TO agno_memories").await;
    assert_eq!(service.client.ended(&failing).await["state"], "succeeded");
    let done = service.client.submit_ids(&ids(second)).await;
    assert_eq!(service.client.ended(&done).await["state"], "succeeded");
    stopped(&mut service).await;

    let log = service.process.log();
    assert_eq!(log.matches("the receiver takes no traces").count(), 1, "{log}");
    let failed: Vec<&str> = log.lines().filter(|line| line.contains("a partition failed")).collect();
    assert!(!failed.is_empty(), "{log}");
    for line in failed {
        assert_eq!(line.matches(&failing).count(), 1, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_never_answers_delays_neither_jobs_nor_the_end() {
    let mut site = Site::new(Layout::SQLITE).await;
    // Connections to it are made, and it reads nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    traced(&mut site, &format!("http://{}", silent.local_addr().unwrap()));
    let all = memories::of("alice", 3);
    site.add(&all).await;
    let mut service = site.up().await;
    let id = service.client.submit_ids(&ids(&all)).await;
    assert_eq!(service.client.ended(&id).await["state"], "succeeded");
    stopped(&mut service).await;
}

//! The examples of bodies, by operation: all in one place, so that they tell of the same job, schedule and key.

use serde_json::{Value, json};

use crate::compat::sample;

/// The media type of most bodies.
const JSON: &str = "application/json";

/// The event of the examples, as the audit trail is exported.
const AUDIT_AS_CSV: &str = "\
id,at,actor,address,act,object_type,object_id,effect,details,request_id
0198f3a2-6a1d-7c11-8f3a-1b2c3d4e5f60,2026-01-31T12:00:00Z,ops,192.0.2.7,key.create,key,crm,done,{},
";

/// Returns an example of a request's body.
pub(super) fn sent(operation: &str, media: &str) -> Option<Value> {
    let body = match operation {
        "createJob" if media == JSON => json!({"select": {"ids": ["memory-1"]}, "owner": "ana"}),
        "createJob" => "\"memory-1\"\n\"memory-2\"\n".into(),
        "changeJob" | "changeJobs" => json!({"per_second": 50}),
        "putSchedule" => json!({"cron": "0 3 * * *", "time_zone": "Europe/Berlin", "job": recurring()}),
        "putHold" => json!({
            "target": "main", "persons": ["ana"], "ground": "17(3)(e)", "by": "Legal, Ms Lee", "reference": "CASE-77",
            "until": "2099-01-31T12:00:00Z",
        }),
        "createKey" => json!({"name": "crm", "scopes": ["memories:delete"], "expires_at": "2099-01-31T12:00:00Z"}),
        "rotateKey" => json!({"overlap": "1h"}),
        "agnoDeleteMemories" => json!({"memory_ids": ["memory-1", "memory-2"], "user_id": "ana"}),
        "mem0DeleteBatch" => json!({"memories": [{"memory_id": "0198f3a2-6a1c-7b60-9d2e-5a3c1f0e8b47"}]}),
        "openSearchDeleteByQuery" | "openSearchDeleteInIndex" => {
            json!({"query": {"term": {"namespace.user_id": "ana"}}})
        }
        _ => return None,
    };
    Some(body)
}

/// Returns an example of an answer's body.
pub(super) fn answered(operation: &str, status: &str, media: &str) -> Option<Value> {
    if !status.starts_with('2') && operation != "readyz" {
        return None;
    }
    let body: Value = match operation {
        "watchJob" => format!("event: job\nid: 1\ndata: {}\n\n", sample::job()).into(),
        "listAuditEvents" if media == "text/csv" => AUDIT_AS_CSV.into(),
        "listAuditEvents" if media != JSON => format!("{}\n", event()).into(),
        "createJob" | "getJob" if status == "200" => with(&ended()),
        "createJob" => with(&json!({})),
        "changeJob" => with(&json!({"state": "running", "per_second": 50})),
        "cancelJob" => with(&json!({"state": "cancelling"})),
        "retryJob" => with(&json!({"attempt": 2})),
        "cancelJobs" | "retryJobs" | "changeJobs" => {
            json!({"done": 12, "refused": 0, "unchanged": 1, "left": 0, "next": null})
        }
        "previewSchedule" => with(&json!({"dry_run": true})),
        "listJobs" => json!({"jobs": [with(&ended())], "next": null}),
        "listItems" => json!({
            "items": [{"id": "memory-1", "table": "memories", "store": "sql", "outcome": "absent", "code": null}],
            "next": null,
        }),
        "getReceipt" | "getJobReceipt" => json!({
            "payload": "eyJpc3N1ZXIiOiJsZXRoZS5leGFtcGxlIiwg4oCmfQ==", "payloadType": "application/vnd.lethe.receipt.v1+json",
            "signatures": [{"keyid": "5fa1…", "sig": "b2sg…"}], "tlog_proof": "c2sp.org/tlog-proof@v1\nindex 7\n…",
        }),
        "getReceiptProof" => "c2sp.org/tlog-proof@v1\nindex 7\n…\n\nlethe.example/log\n8\n…\n".into(),
        "logCheckpoint" => "lethe.example/log\n8\n…\n\n— lethe.example/log …\n".into(),
        "receiptKeys" => json!({
            "issuer": "lethe.example", "origin": "lethe.example/log", "schema": "/.well-known/lethe-receipt.v1.schema.json",
            "keys": [{
                "key_id": "5fa1…", "algorithm": "Ed25519", "public_key": "b2sg…", "pem": "-----BEGIN PUBLIC KEY-----\n…",
                "note_key": "lethe.example/log+1a2b3c4d+b2sg…", "made": "2026-01-31T12:00:00.000Z", "retired": null,
            }],
        }),
        "receiptSchema" => json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Receipt"}),
        "listReceipts" => json!({"receipts": [receipt()], "next": null}),
        "putHold" => {
            let mut placed = hold();
            placed["in_flight"] = json!({"jobs": [{"id": sample::job()["id"], "partitions": 1}], "more": false});
            placed["not_covered"] = json!([]);
            placed["unserved"] = json!([]);
            placed
        }
        "getHold" => hold(),
        "listHolds" => {
            let mut summary = hold();
            if let Some(fields) = summary.as_object_mut() {
                fields.remove("persons");
            }
            json!({"holds": [summary], "next": null})
        }
        "getSchedule" | "putSchedule" | "resumeSchedule" => schedule(false),
        "pauseSchedule" => schedule(true),
        "listSchedules" => json!({"schedules": [schedule(false)], "next": null}),
        "createKey" | "rotateKey" => {
            let mut made = key();
            made["key"] = "lethe_2f6c…".into();
            made
        }
        "revokeKey" => json!({"refused_schedules": ["old-memories"], "more": false}),
        "listKeys" => json!({"keys": [key()], "next": null}),
        "pause" => json!({"all": true, "targets": []}),
        "pauseTarget" => json!({"all": false, "targets": ["main"]}),
        "resume" | "resumeTarget" => json!({"all": false, "targets": []}),
        "listTargets" => json!({"targets": [{
            "name": "main", "paused": false, "tables": [{"name": "memories", "stores": ["sql", "vector"], "served_by": 2}],
            "stores": {"sql": {"up": 2, "down": 0, "codes": []}, "vector": {"up": 2, "down": 0, "codes": []}}, "trouble": null,
            "faults": [],
        }]}),
        "listWorkers" => json!({"workers": [{
            "name": "worker-1", "version": "0.1.0", "slots": 8, "mappings": ["main/memories/3f1c9a50"],
            "started_at": "2026-01-31T11:00:00Z", "last_seen_at": "2026-01-31T12:00:00Z",
            "last_claim_at": "2026-01-31T12:00:00Z",
        }]}),
        "listSiblings" => json!({"siblings": [{
            "place": "localhost:6334/memories", "kind": "collection", "target": "main", "table": "memories", "served_by": 2,
        }]}),
        "listAuditEvents" => json!({"events": [event()], "next": null}),
        "livez" => "ok\n".into(),
        "readyz" => json!({"ready": status == "200"}),
        "metrics" => "lethe_jobs_accepted_total 1\n".into(),
        "openapi" => json!({"openapi": "3.1.0", "info": {"title": "Lethe", "version": "0.1.0"}, "paths": {}}),
        _ => return None,
    };
    Some(body)
}

/// Returns the job of the examples with these fields.
fn with(fields: &Value) -> Value {
    let mut job = sample::job();
    for (name, value) in fields.as_object().into_iter().flatten() {
        job[name] = value.clone();
    }
    job
}

/// Returns the fields of the job that differ after its end.
fn ended() -> Value {
    let mut stores = sample::job()["stores"].take();
    for store in stores.as_array_mut().into_iter().flatten() {
        store["counts"]["erased"] = 1.into();
    }
    json!({
        "state": "succeeded", "version": 4, "remaining": 0, "stores": stores, "progress": 1.0, "rate": 40.0,
        "next_attempt_at": null, "started_at": "2026-01-31T12:00:00.010Z", "ended_at": "2026-01-31T12:00:00.035Z",
        "receipt": format!("/v1/jobs/{}/receipt", sample::job()["id"].as_str().unwrap_or_default()),
    })
}

/// Returns the deletion of the schedule in examples.
fn recurring() -> Value {
    let old = json!({"range": {"updated_at": {"lt": {"ago": "90d", "as": "seconds"}}}});
    json!({"select": {"query": old}, "per_second": 500})
}

fn schedule(paused: bool) -> Value {
    let mut job = recurring();
    job["dry_run"] = false.into();
    json!({
        "name": "old-memories", "principal": "web", "target": "main", "cron": "0 3 * * *", "time_zone": "Europe/Berlin",
        "job": job, "windows": null, "paused": paused,
        "next_run_at": if paused { Value::Null } else { "2026-02-01T02:00:00Z".into() },
        "last_run_at": "2026-01-31T02:00:00Z", "last_job": sample::job()["id"], "last_outcome": "fired",
        "last_problem": null, "skipped": 0, "refused": 0, "created_at": "2026-01-01T12:00:00Z",
        "changed_at": "2026-01-01T12:00:00Z",
    })
}

fn hold() -> Value {
    json!({
        "name": "case-77", "target": "main", "table": null, "kind": "persons", "persons": ["ana"], "ground": "17(3)(e)",
        "by": "Legal, Ms Lee", "reference": "CASE-77", "principal": "legal", "until": "2099-01-31T12:00:00Z",
        "created_at": "2026-01-31T12:00:00Z", "changed_at": "2026-01-31T12:00:00Z", "released_at": null, "jobs": 0,
    })
}

fn key() -> Value {
    json!({
        "name": "crm", "scopes": ["memories:delete"], "user": null, "workspaces": null, "targets": null,
        "expires_at": "2099-01-31T12:00:00Z", "expired": false, "created_at": "2026-01-31T12:00:00Z", "created_by": "ops",
        "last_used_at": null, "previous_secret_ends_at": null,
    })
}

fn receipt() -> Value {
    json!({
        "id": "0198f3a2-6a3f-7d22-9b1c-2c3d4e5f6071", "job_id": sample::job()["id"], "ending": 1, "state": "succeeded",
        "principal": "web", "targets": ["main"], "ended_at": "2026-01-31T12:00:00.035Z", "log_index": 7,
        "forgotten": false,
    })
}

fn event() -> Value {
    json!({
        "id": "0198f3a2-6a1d-7c11-8f3a-1b2c3d4e5f60", "at": "2026-01-31T12:00:00Z", "actor": "ops", "address": "192.0.2.7",
        "act": "key.create", "object_type": "key", "object_id": "crm", "effect": "done", "details": {},
        "request_id": null,
    })
}

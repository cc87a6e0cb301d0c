//! The pages of receipts and of the log.

use lethe_common::job::JobId;
use lethe_common::receipt::{Envelope, KeySet, verify};
use serde_json::{Value, json};

use super::browser::Browser;
use crate::app::App;
use crate::audit::failed;
use crate::log::sequenced;

/// Returns the id of a job's receipt.
pub(super) async fn of_job(app: &App, job: JobId) -> String {
    let list = app.get("root", &format!("/v1/receipts?job={job}")).await.body;
    list["receipts"][0]["id"].as_str().expect("an id").to_owned()
}

/// Makes a key that reads receipts, and nothing else.
async fn auditor(app: &App) -> String {
    let body = json!({"name": "auditor", "scopes": ["receipts:read"]});
    let made = app.send_json("root", "POST", "/v1/keys", &body).await;
    made.body["key"].as_str().expect("a key").to_owned()
}

#[tokio::test]
async fn a_job_leads_to_its_receipts_and_a_list_to_each() {
    let app = App::new().await;
    let (one, other) = (failed(&app).await, failed(&app).await);
    let [first, second] = [of_job(&app, one).await, of_job(&app, other).await];
    let root = Browser::signed_in(&app, "root").await;
    let job = root.get(&format!("/console/jobs/{one}")).await.text;
    let filtered = format!("/console/receipts?job={one}");
    assert!(job.contains(&format!("href=\"{filtered}\"")), "{job}");
    let page = root.get(&filtered).await.text;
    assert!(page.contains(&format!("href=\"/console/receipts/{first}\"")), "{page}");
    assert!(page.contains(&format!("href=\"/console/jobs/{one}\"")), "{page}");
    assert!(!page.contains(&second), "{page}");

    let newest = root.get("/console/receipts?limit=1&job=&since=").await.text;
    assert!(newest.contains(&second) && !newest.contains(&first), "{newest}");
    let next = newest
        .split('"')
        .find(|text| text.contains("after="))
        .expect("a next page");
    let next = root.get(&next.replace("&#38;", "&")).await.text;
    assert!(next.contains(&first) && !next.contains(&second), "{next}");
    let none = root.get("/console/receipts?since=2999-01-01T00:00:00Z").await.text;
    assert!(none.contains("No receipt matches"), "{none}");
    for (query, says) in [
        ("job=x", "id of a job"),
        ("since=yesterday", "2030"),
        ("colour=red", "colour"),
    ] {
        let wrong = root.get(&format!("/console/receipts?{query}")).await;
        assert_eq!(wrong.status, 422, "{query}: {}", wrong.text);
        assert!(wrong.text.contains(says), "{query}: {}", wrong.text);
    }
    let waiting = app.accepted("eraser").await;
    let waiting = root.get(&format!("/console/jobs/{waiting}")).await.text;
    assert!(
        !waiting.contains("/console/receipts?job="),
        "it has not ended: {waiting}"
    );
}

#[tokio::test]
async fn a_receipt_that_is_not_signed_says_so_and_has_no_certificate() {
    let app = App::new().await;
    let id = of_job(&app, failed(&app).await).await;
    let root = Browser::signed_in(&app, "root").await;
    let path = format!("/console/receipts/{id}");
    let page = root.get(&path).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(
        page.text.contains("not signed yet") && !page.text.contains("Verified here"),
        "{}",
        page.text
    );
    let certificate = root.get(&format!("{path}/certificate")).await;
    assert_eq!(certificate.status, 303, "{}", certificate.text);
    assert_eq!(certificate.headers["location"], path);
    let file = root.get(&format!("{path}/file")).await;
    assert_eq!(file.status, 503, "{}", file.text);
    assert!(file.text.contains("id=\"problem\""), "{}", file.text);
}

#[tokio::test]
async fn a_signed_receipt_is_verified_and_its_certificate_carries_the_file() {
    let app = App::new().await;
    let job = failed(&app).await;
    sequenced(&app).await;
    let id = of_job(&app, job).await;
    let root = Browser::signed_in(&app, "root").await;
    let path = format!("/console/receipts/{id}");
    let page = root.get(&path).await.text;
    for said in [
        "The signature fits, and the log has the receipt",
        "The deletion failed",
        "does not show that the statement is true",
        "lethe receipts verify",
        &job.to_string(),
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }

    let file = root.get(&format!("{path}/file")).await;
    let disposition = file.headers["content-disposition"].to_str().expect("text");
    assert_eq!(disposition, format!("attachment; filename=\"receipt-{id}.json\""));
    assert_eq!(file.headers["content-type"], "application/json");
    let keys = app.get("", "/.well-known/lethe-keys.json").await.text;
    let keys = KeySet::read(keys.as_bytes()).expect("a list of keys");
    let verified = verify(file.text.as_bytes(), &keys, &keys.origin, None).expect("a receipt");
    assert!(verified.logged.is_some());

    let certificate = root.get(&format!("{path}/certificate")).await.text;
    let (_, block) = certificate
        .split_once("<script type=\"application/json\" id=\"receipt-file\">")
        .expect("a block");
    let (block, _) = block.split_once("</script>").expect("its end");
    assert!(!block.contains('\n'), "the guide's command takes one line: {block}");
    let carried = Envelope::read(block.as_bytes()).expect("a receipt");
    assert_eq!(Envelope::read(file.text.as_bytes()), Ok(carried));
    assert!(
        certificate.contains(&format!("lethe/receipt/v1 {id} ")),
        "{certificate}"
    );
}

#[tokio::test]
async fn receipts_and_the_log_are_shown_to_those_who_may_read_them() {
    let app = App::new().await;
    let job = failed(&app).await;
    sequenced(&app).await;
    let path = format!("/console/receipts/{}", of_job(&app, job).await);
    let certificate = format!("{path}/certificate");
    // The auditor reads receipts and the log, and sees no job.
    let auditor = auditor(&app).await;
    let auditor = Browser::signed_in(&app, &auditor).await;
    let (list, page) = (auditor.get("/console/receipts").await, auditor.get(&path).await);
    for page in [&list.text, &page.text] {
        assert!(page.contains(&job.to_string()), "{page}");
        assert!(!page.contains("href=\"/console/jobs/"), "{page}");
    }
    assert!(list.text.contains("href=\"/console/log\""), "{}", list.text);
    assert_eq!(auditor.get(&certificate).await.status, 200);
    assert_eq!(auditor.get("/console/log").await.status, 200);

    // Callers of others' jobs see nothing of it, and no log.
    let owner = Browser::signed_in(&app, "owner").await;
    let list = owner.get("/console/receipts").await.text;
    assert!(
        !list.contains(&job.to_string()) && !list.contains("href=\"/console/log\""),
        "{list}"
    );
    for foreign in [
        path.clone(),
        certificate,
        format!("{path}/file"),
        "/console/receipts/x".to_owned(),
    ] {
        assert_eq!(owner.get(&foreign).await.status, 404, "{foreign}");
    }
    let refused = owner.get("/console/log").await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert!(refused.text.contains("receipts:read"), "{}", refused.text);
    assert_eq!(Browser::new(&app).get(&path).await.status, 303);
}

#[tokio::test]
async fn the_log_shows_its_checkpoint_and_its_keys() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    let empty = root.get("/console/log").await.text;
    assert!(
        empty.contains("No checkpoint is signed yet") && empty.contains("No key has signed yet"),
        "{empty}"
    );
    failed(&app).await;
    sequenced(&app).await;
    let page = root.get("/console/log").await.text;
    let checkpoint = app.get("root", "/log/checkpoint").await.text;
    let (text, _) = checkpoint.split_once("\n\n").expect("a signed note");
    for line in text.lines() {
        assert!(page.contains(line), "{line}: {page}");
    }
    let keys: Value = app.get("", "/.well-known/lethe-keys.json").await.body;
    let id = keys["keys"][0]["key_id"].as_str().expect("an id");
    assert!(page.contains(id), "{id}: {page}");
}

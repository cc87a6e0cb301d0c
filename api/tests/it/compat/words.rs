//! The advice in refusals: another system's API may have no place for it.

use super::{delete, shaped, two_targets};
use crate::app::{Answer, App, MAIN};

const ID: &str = "d23f0824-128b-4f33-8c5c-7fd0a6a3a450";

fn said(answer: &Answer) -> &str {
    let body = &answer.body;
    let texts = [&body["detail"], &body["error"], &body["detail"][0]["msg"]];
    texts.into_iter().find_map(|text| text.as_str()).expect("a text")
}

#[tokio::test]
async fn nobody_is_told_to_name_an_owner_where_no_owner_can_be_named() {
    let app = App::with(MAIN).await;
    for (path, named) in [
        (format!("/api/memories/{ID}"), None),
        (format!("/v1/memories/{ID}/"), None),
        (format!("/memories/{ID}"), Some("user_id")),
    ] {
        let answer = delete(&app, "owner", &path).await;
        let text = said(&answer);
        assert!([400, 403].contains(&answer.status.as_u16()), "{path}: {text}");
        assert!(
            text.contains("bound to a person") && text.contains("memories:delete:any"),
            "{path}: {text}"
        );
        assert_eq!(text.contains("name the owner"), named.is_some(), "{path}: {text}");
        assert!(named.is_none_or(|named| text.contains(named)), "{path}: {text}");
        shaped(&path, &answer);
    }
}

#[tokio::test]
async fn a_place_that_nobody_can_name_is_a_setting() {
    let app = two_targets().await;
    for (path, section) in [
        (format!("/api/memories/{ID}"), "compat.memoryplugin"),
        (format!("/api/v1/memories/{ID}?user_id=ana"), "compat.mielto"),
    ] {
        let answer = delete(&app, "root", &path).await;
        let text = said(&answer);
        assert!(text.contains(&format!("`{section}.target`")), "{path}: {text}");
        assert!(text.contains("`main`, `other`"), "{path}: {text}");
        shaped(&path, &answer);
    }
    let app = App::with(&format!(
        "[compat]\nmemoryplugin = {{ target = \"other\" }}\nmem0 = {{ target = \"other\" }}\n{MAIN}{}",
        super::TWO
    ))
    .await;
    for (path, section) in [
        (format!("/api/memories/{ID}"), "compat.memoryplugin"),
        (format!("/v1/memories/{ID}/"), "compat.mem0"),
    ] {
        let answer = delete(&app, "root", &path).await;
        let text = said(&answer);
        assert!(text.contains(&format!("`{section}.table`")), "{path}: {text}");
        assert!(text.contains("`memories`, `notes`"), "{path}: {text}");
    }
    // Agno's API can name both.
    let answer = delete(&app, "root", &format!("/memories/{ID}?db_id=other")).await;
    assert!(
        said(&answer).contains("name one of `memories`, `notes`"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_condition_that_no_column_is_mapped_for_is_an_operators_to_map() {
    let toml = MAIN.replace(", workspace = \"workspace_id\"", "");
    let app = App::with(&toml).await;
    let asked = crate::app::request("root", "DELETE", &format!("/api/v1/memories/{ID}?user_id=ana"));
    let asked = asked.header("x-workspace-id", "w").body(axum::body::Body::empty());
    let answer = app.send(asked.expect("a request")).await;
    let text = said(&answer);
    assert!(
        text.contains("map `columns.workspace`") && !text.contains("choose other tables"),
        "{text}"
    );
    assert_eq!(answer.body["detail"][0]["loc"][1], "X-Workspace-Id", "{}", answer.text);
    let answer = delete(&app, "root", "/v1/memories/?user_id=ana&app_id=b").await;
    assert!(
        said(&answer).starts_with("`app_id`: ") && !said(&answer).contains("choose other"),
        "{}",
        answer.text
    );
}

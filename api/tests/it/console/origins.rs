//! Pages of other origins have no part in the console, not even those of the configuration.

use super::browser::{Browser, HERE, form_of};
use crate::app::{App, MAIN};

#[tokio::test]
async fn an_origin_of_the_configuration_signs_nobody_in() {
    for named in ["https://app.example", "*"] {
        let app = App::with(&format!("[api.cors]\norigins = [\"{named}\"]\n{MAIN}")).await;
        let form = form_of(&[("credentials", "key-of-root")]);
        let there = [("origin", "https://app.example"), ("sec-fetch-site", "cross-site")];
        let answer = Browser::new(&app).send("POST", "/console/sign-in", &there, &form).await;
        assert_eq!(answer.status, 403, "{named}: {}", answer.text);
        assert!(answer.text.contains("id=\"problem\""), "{named}: {}", answer.text);
        assert!(!answer.headers.contains_key("set-cookie"), "{named}");
        let here = [("origin", HERE), ("sec-fetch-site", "same-origin")];
        let answer = Browser::new(&app).send("POST", "/console/sign-in", &here, &form).await;
        assert_eq!(answer.status, 303, "{named}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_page_of_a_sibling_host_gets_nothing_with_the_cookie_of_a_reader() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    for site in ["same-site", "cross-site"] {
        for mode in ["no-cors", "cors"] {
            for path in ["/", "/console/jobs", "/console/audit.csv", "/console/events"] {
                let part = [("sec-fetch-site", site), ("sec-fetch-mode", mode)];
                let answer = root.send("GET", path, &part, "").await;
                assert_eq!(answer.status, 403, "{site} {mode} {path}: {}", answer.text);
            }
        }
    }
    for own in [
        [("sec-fetch-site", "same-site"), ("sec-fetch-mode", "navigate")],
        [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")],
    ] {
        for path in ["/", "/console/jobs"] {
            let answer = root.send("GET", path, &own, "").await;
            assert_eq!(answer.status, 200, "{own:?} {path}: {}", answer.text);
        }
    }
}

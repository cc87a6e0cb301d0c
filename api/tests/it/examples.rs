//! The guide has an example for each native route, and problems lead to a page.

use crate::app::App;
use crate::documented::{document, is_compatible, operations};

/// Returns the method and the path of each request in the guide's examples. `tests/python/documented_snippets.py` sends
/// them.
fn examples() -> Vec<(String, String)> {
    let page = include_str!("../../../docs/src/reference/examples.md");
    let requests = page.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_matches('"')).collect();
        let url = words
            .iter()
            .find_map(|word| word.strip_prefix("http://127.0.0.1:7878"))?;
        let method = match words.iter().position(|word| *word == "-X") {
            Some(place) => words[place + 1].to_lowercase(),
            None if words.contains(&"-d") => "post".to_owned(),
            None => "get".to_owned(),
        };
        Some((method, url.split('?').next()?.to_owned()))
    });
    requests.collect()
}

/// Returns whether a path has the form of a template.
fn fits(path: &str, template: &str) -> bool {
    let (parts, wanted) = (path.split('/'), template.split('/'));
    let fits = |(part, wanted): (&str, &str)| part == wanted || wanted.starts_with('{') && !part.is_empty();
    parts.clone().count() == wanted.clone().count() && parts.zip(wanted).all(fits)
}

#[tokio::test]
async fn every_native_route_has_an_example_in_the_guide() {
    let examples = examples();
    let operations = operations(&document(&App::new().await).await);
    for (path, method) in operations.iter().filter(|(path, _)| !is_compatible(path)) {
        let has_one = examples.iter().any(|(with, there)| with == method && fits(there, path));
        assert!(has_one, "{method} {path}");
    }
    for (method, there) in &examples {
        let exists = operations
            .iter()
            .any(|(path, with)| with == method && fits(there, path));
        assert!(exists, "{method} {there}");
    }
}

#[tokio::test]
async fn the_type_of_a_problem_is_a_url_of_the_api() {
    let app = App::new().await;
    let refused = app.get("", "/v1/jobs").await;
    let (path, section) = refused.body["type"]
        .as_str()
        .and_then(|kind| kind.split_once('#'))
        .expect("a page, and a section of it");
    let page = app.get("", path).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.text.contains(&format!("id=\"{section}\"")), "{}", page.text);
}

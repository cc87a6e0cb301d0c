//! The rules of the issue and the design, one by one.

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::model::{Filter, Ids, Points, Rule, Users, Via};

fn columns(ids: Ids) -> Columns {
    Columns {
        table: 0,
        ids,
        users: Users::Text,
        workspace: true,
        kind: false,
        scope: None,
    }
}

fn mapping(ids: Ids, rule: Rule) -> Mapping {
    Mapping {
        target: "main".to_owned(),
        table: "memories",
        columns: Some(columns(ids)),
        points: Some(Points {
            rule,
            id: Some("memory_id"),
            user: Some("user_id"),
            workspace: Some("workspace"),
            kind: None,
            scope: None,
        }),
    }
}

fn row_of(user: &str) -> Row {
    Row {
        user: Some(user.to_owned()),
        ..Row::default()
    }
}

fn by_ids(ids: &[&str], owner: Option<&str>) -> Job {
    Job {
        mapping: 0,
        via: Via::Native,
        what: What::Ids(ids.iter().map(|id| (*id).to_owned()).collect()),
        owner: owner.map(str::to_owned),
        workspace: None,
        kind: None,
        dry_run: false,
        hold: None,
    }
}

/// Returns a state with rows of table 0 and points with number ids.
fn state(rows: &[(&str, Row)], points: &[(u64, Value)]) -> State {
    State {
        rows: rows
            .iter()
            .map(|(id, row)| ((0, (*id).to_owned()), row.clone()))
            .collect(),
        points: points
            .iter()
            .map(|(id, payload)| (Pid::Number(*id), payload.as_object().unwrap().clone()))
            .collect(),
    }
}

/// Returns the points that go, whether the row of memory 7 goes, and the ends.
fn goes(mappings: &[Mapping], state: &State, job: &Job) -> (Vec<u64>, bool, Ends) {
    let verdict = judge(mappings, state, job);
    let points = state.points.keys().filter_map(|pid| match pid {
        Pid::Number(number) if verdict.fate(&Element::Point(*pid)) == Fate::Goes => Some(*number),
        _ => None,
    });
    let row = verdict.fate(&Element::Row(0, "7".to_owned())) == Fate::Goes;
    (points.collect(), row, verdict.ends.clone())
}

fn failed(code: &'static str) -> Ends {
    Ends {
        codes: [code].into(),
        must_fail: true,
    }
}

#[test]
fn a_point_that_disagrees_keeps_its_memory_and_fails_the_job() {
    let mappings = [mapping(Ids::Number, Rule::Payload)];
    let points = [
        (1, json!({"memory_id": 7, "user_id": "ana"})),
        (2, json!({"memory_id": "7", "user_id": "bob"})),
        (3, json!({"memory_id": 8, "user_id": "ana"})),
    ];
    let state = state(&[("7", row_of("ana")), ("8", row_of("ana"))], &points);
    let judged = goes(&mappings, &state, &by_ids(&["7", "8"], Some("ana")));
    assert_eq!(judged, (vec![3], false, failed("point_conflict")));
}

#[test]
fn what_a_point_does_not_say_does_not_disagree() {
    let mappings = [mapping(Ids::Number, Rule::Number)];
    for payload in [
        json!({}),
        json!({"user_id": null}),
        json!({"user_id": [], "workspace": "w"}),
        json!({"user_id": ["ana"], "memory_id": null}),
    ] {
        let state = state(&[("7", row_of("ana"))], &[(7, payload.clone())]);
        let judged = goes(&mappings, &state, &by_ids(&["7"], Some("ana")));
        assert_eq!(judged, (vec![7], true, Ends::default()), "{payload}");
    }
}

#[test]
fn several_owners_or_an_object_disagree() {
    let mappings = [mapping(Ids::Number, Rule::Number)];
    for user in [json!(["ana", "bob"]), json!({"name": "ana"}), json!("Ana"), json!(true)] {
        let state = state(&[("7", row_of("ana"))], &[(7, json!({"user_id": user}))]);
        let judged = goes(&mappings, &state, &by_ids(&["7"], None));
        assert_eq!(judged, (vec![], false, failed("point_conflict")), "{user}");
    }
}

#[test]
fn somebody_elses_row_is_absent_with_its_points() {
    let mappings = [mapping(Ids::Number, Rule::Number)];
    let state = state(&[("7", row_of("bob"))], &[(7, json!({"user_id": "ana"}))]);
    assert_eq!(
        goes(&mappings, &state, &by_ids(&["7"], Some("ana"))),
        (vec![], false, Ends::default())
    );
}

#[test]
fn an_orphan_goes_if_it_carries_what_is_demanded() {
    let mappings = [mapping(Ids::Number, Rule::Number)];
    let perhaps = Ends {
        must_fail: false,
        ..failed("unverifiable")
    };
    for (payload, owner, right) in [
        (
            json!({"user_id": "ana"}),
            Some("ana"),
            (vec![7], false, Ends::default()),
        ),
        (json!({"user_id": "bob"}), Some("ana"), (vec![], false, Ends::default())),
        (
            json!({"user_id": ["ana", "bob"]}),
            Some("ana"),
            (vec![], false, perhaps),
        ),
        (
            json!({"user_id": null}),
            Some("ana"),
            (vec![], false, failed("unverifiable")),
        ),
        (json!({}), Some("ana"), (vec![], false, failed("unverifiable"))),
        (json!({"user_id": "bob"}), None, (vec![7], false, Ends::default())),
        (json!({}), None, (vec![7], false, Ends::default())),
    ] {
        let state = state(&[], &[(7, payload.clone())]);
        assert_eq!(
            goes(&mappings, &state, &by_ids(&["7"], owner)),
            right,
            "{payload} {owner:?}"
        );
    }
}

#[test]
fn points_of_another_scope_are_not_there() {
    let mut mappings = [mapping(Ids::Number, Rule::Payload), mapping(Ids::Number, Rule::Payload)];
    for (n, scope) in ["a", "b"].into_iter().enumerate() {
        mappings[n].points.as_mut().unwrap().scope = Some(scope);
        mappings[n].columns.as_mut().unwrap().table = n;
    }
    let point = |tenant: Value| json!({"memory_id": 7, "user_id": "ana", "tenant": tenant});
    let points = [
        (1, point(json!("a"))),
        (2, point(json!("b"))),
        (3, point(json!(null))),
        (4, point(json!(["a", "b"]))),
        (5, json!({"memory_id": 7})),
    ];
    let mut state = state(&[("7", row_of("ana"))], &points);
    assert_eq!(
        goes(&mappings, &state, &by_ids(&["7"], None)),
        (vec![1], true, Ends::default())
    );
    // The other tenant's row does not keep this one's orphan.
    let row = state.rows.remove(&(0, "7".to_owned())).unwrap();
    state.rows.insert((1, "7".to_owned()), row);
    assert_eq!(
        goes(&mappings, &state, &by_ids(&["7"], None)),
        (vec![1], false, Ends::default())
    );
}

#[test]
fn a_query_leaves_what_disagrees_and_succeeds() {
    let mappings = [mapping(Ids::Number, Rule::Number)];
    let points = [
        (7, json!({"user_id": "bob"})),
        (8, json!({"user_id": "ana"})),
        (9, json!({"user_id": "ana"})),
    ];
    let state = state(&[("7", row_of("ana")), ("8", row_of("ana"))], &points);
    let job = Job {
        what: What::Query(Filter::Eq("user_id", json!("ana"))),
        ..by_ids(&[], None)
    };
    // A point without a row matches nothing.
    assert_eq!(goes(&mappings, &state, &job), (vec![8], false, Ends::default()));
}

#[test]
fn a_person_goes_with_orphans_and_strangers_points_stay() {
    let mappings = [mapping(Ids::Number, Rule::Payload)];
    let points = [
        (1, json!({"memory_id": 7, "user_id": "ana"})),
        (2, json!({"memory_id": 7})),
        (3, json!({"memory_id": 9, "user_id": "ana"})),
        (4, json!({"memory_id": 9, "user_id": "bob"})),
        (5, json!({"memory_id": 9})),
    ];
    let person = |user: &str| Job {
        what: What::Subject {
            users: vec![user.to_owned()],
            workspace: None,
        },
        ..by_ids(&[], None)
    };
    let mut state = state(&[("7", row_of("ana")), ("8", row_of("bob"))], &points);
    assert_eq!(
        goes(&mappings, &state, &person("ana")),
        (vec![1, 2, 3], true, Ends::default())
    );
    // The point carries her name, and the row is another person's.
    let stray = json!({"memory_id": 8, "user_id": "ana"}).as_object().unwrap().clone();
    state.points.insert(Pid::Number(6), stray);
    let (points, row, ends) = goes(&mappings, &state, &person("ana"));
    assert_eq!((points, row, ends.must_fail), (vec![1, 2, 3], true, true));
}

#[test]
fn ids_are_spelled_as_their_column_has_them() {
    let id = "0190a0a0-0000-7000-8000-00000000000a";
    let upper = id.to_uppercase();
    for (ids, goes) in [(Ids::Text, false), (Ids::Uuid, true)] {
        let mappings = [mapping(ids, Rule::Uuid)];
        let mut state = state(&[(id, row_of("ana"))], &[]);
        let pid = Pid::Uuid(Uuid::try_parse(id).unwrap());
        state.points.insert(pid, serde_json::Map::new());
        let verdict = judge(&mappings, &state, &by_ids(&[&upper], None));
        assert_eq!(verdict.fate(&Element::Point(pid)) == Fate::Goes, goes, "{ids:?}");
    }
}

#[test]
fn a_dry_run_touches_nothing() {
    let mappings = [mapping(Ids::Number, Rule::Number)];
    let state = state(&[("7", row_of("ana"))], &[(7, json!({}))]);
    let job = Job {
        dry_run: true,
        ..by_ids(&["7"], None)
    };
    assert_eq!(goes(&mappings, &state, &job), (vec![], false, Ends::default()));
}

#[test]
fn what_names_the_person_beside_another_tenants_row_is_unverifiable() {
    let mut scoped = mapping(Ids::Number, Rule::Number);
    scoped.columns.as_mut().unwrap().scope = Some("a");
    let row = Row {
        tenant: Some("b".to_owned()),
        ..row_of("bob")
    };
    let state = state(&[("7", row)], &[(7, json!({"memory_id": 7, "user_id": "alice"}))]);
    let mappings = [scoped];
    let ends = failed("unverifiable");
    assert_eq!(
        goes(&mappings, &state, &by_ids(&["7"], Some("alice"))),
        (vec![], false, ends)
    );
    let (points, row, ends) = goes(&mappings, &state, &by_ids(&["7"], Some("bob")));
    assert_eq!((points, row, ends), (vec![], false, Ends::default()));
}

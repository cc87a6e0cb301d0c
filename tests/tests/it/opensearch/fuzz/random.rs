//! Random queries and rows, the same for the same seed.

use serde_json::{Value, json};

use super::rows::Row;

const OWNERS: [&str; 7] = ["ana", "ben", "", "5", "5.0", "2024-01-31", "Ana"];
const TITLES: [&str; 6] = ["note", "No te", "keep", "2024", "true", "n"];
const WHOLE: [i64; 7] = [-1, 0, 5, 7, 51, 2024, 1_706_659_200_000];
const FLOATS: [f64; 4] = [0.5, 5.0, -1.5, 7.25];
/// Moments around the ends of days, months and seconds.
const MOMENTS: [i64; 14] = [
    1_704_067_199_999_999,
    1_704_067_200_000_000,
    1_704_153_599_999_500,
    1_706_655_600_000_000,
    1_706_659_199_999_000,
    1_706_659_200_000_000,
    1_706_695_205_000_000,
    1_706_695_205_250_400,
    1_706_745_599_999_400,
    1_706_745_600_000_000,
    1_709_251_199_999_000,
    1_711_756_799_999_999,
    1_711_756_800_000_000,
    1_711_929_600_000_000,
];
const DATES: [&str; 16] = [
    "2024",
    "2024-01",
    "2024-03",
    "2024-01-31",
    "2024-03-30",
    "2024-01-31T10",
    "2024-01-31T10:00",
    "2024-01-31T10:00:05Z",
    "2024-01-31T10:00:05.250Z",
    "2024-01-31T11:00:05+01:00",
    "2024-01-31||",
    "2024-01-31||/d",
    "2024-02-10||/M+1M",
    "2024-02-10||/M+1M/d",
    "2024-02-03||-1w/w",
    "2024-01-31||/y+1d",
];

/// `SplitMix64`: the same numbers on every machine.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).expect("less than n")
    }

    fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn maybe<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let value = self.of(from);
        (!self.once_in(5)).then_some(value)
    }

    pub(super) fn row(&mut self, batch: usize) -> Row {
        Row {
            id: format!("{batch}-{:016x}", self.next()),
            batch,
            owner: self.maybe(&OWNERS),
            title: self.maybe(&TITLES),
            n: self.maybe(&WHOLE),
            f: self.maybe(&FLOATS),
            flag: self.maybe(&[true, false]),
            at: self.maybe(&MOMENTS),
            meta: self.meta(),
        }
    }

    fn meta(&mut self) -> Value {
        if self.once_in(6) {
            return self.leaf(0);
        }
        let mut object = json!({});
        for name in ["color", "n", "deep"] {
            if self.once_in(4) {
                continue;
            }
            object[name] = match (name, self.below(5)) {
                ("deep", 0..3) => json!({"x": self.leaf(1)}),
                ("deep", 3) => json!([{"x": self.leaf(1)}, {"x": self.leaf(1)}, {}]),
                (_, 0) => Value::Array((0..self.below(3)).map(|_| self.leaf(1)).collect()),
                _ => self.leaf(0),
            };
        }
        object
    }

    fn leaf(&mut self, depth: usize) -> Value {
        match self.below(if depth < 2 { 16 } else { 10 }) {
            0..4 => json!(self.of(&["red", "blue", "5", "5.0", "true", "", "reddish"])),
            4..7 => json!(self.of(&[5_i64, 7, 51, -1])),
            7 => json!(self.of(&[2.5, -0.5])),
            8 => json!(self.once_in(2)),
            9 | 10 => Value::Null,
            11 => json!({}),
            12 => json!({"a": null}),
            13 => json!({"a": self.leaf(depth + 1)}),
            14 => json!([self.leaf(depth + 1)]),
            _ => json!([self.leaf(depth + 1), self.leaf(depth + 1)]),
        }
    }

    /// Returns a query. `dated` says whether the rows have moments of a date type.
    pub(super) fn query(&mut self, dated: bool) -> Value {
        if self.once_in(5) {
            self.simple(dated)
        } else {
            self.bool(dated, 0)
        }
    }

    fn any(&mut self, dated: bool, depth: usize) -> Value {
        if depth < 3 && self.once_in(3) {
            self.bool(dated, depth)
        } else {
            self.simple(dated)
        }
    }

    fn bool(&mut self, dated: bool, depth: usize) -> Value {
        let mut body = json!({});
        for (name, often) in [("must", 3), ("filter", 4), ("should", 2), ("must_not", 2)] {
            if !self.once_in(often) {
                continue;
            }
            let many = 1 + self.below(3);
            body[name] = if self.once_in(4) {
                self.any(dated, depth + 1)
            } else {
                Value::Array((0..many).map(|_| self.any(dated, depth + 1)).collect())
            };
        }
        if body.as_object().is_some_and(serde_json::Map::is_empty) {
            body["must_not"] = self.any(dated, depth + 1);
        }
        match self.below(6) {
            0 => body["minimum_should_match"] = json!(self.below(3)),
            1 => body["minimum_should_match"] = json!(self.below(3).to_string()),
            _ => {}
        }
        json!({"bool": body})
    }

    fn simple(&mut self, dated: bool) -> Value {
        match self.below(if dated { 14 } else { 11 }) {
            0 => json!({"match_all": {}}),
            1 => json!({"match_none": {}}),
            2..5 => self.inside(),
            5 | 6 => self.term(),
            7 => {
                json!({"exists": {"field": self.of(&["owner_id", "n", "at", "meta", "meta.color", "meta.deep", "meta.deep.x"])}})
            }
            8 => self.range(),
            9 => {
                let text = self.of(&["n", "a", "5", "k", "20", "No"]);
                let field = self.of(&["owner_id", "title"]);
                if self.once_in(2) {
                    json!({"prefix": {field: text}})
                } else {
                    json!({"wildcard": {field: {"value": format!("*{text}*")}}})
                }
            }
            10 => json!({"terms": {"title": [self.of(&TITLES), self.of(&TITLES)]}}),
            11 => {
                let value = if self.once_in(5) {
                    json!(2024)
                } else {
                    json!(self.of(&DATES[..10]))
                };
                json!({"term": {"at": value}})
            }
            _ => self.dates(),
        }
    }

    fn term(&mut self) -> Value {
        let word = self.of(&["term", "match"]);
        match self.below(5) {
            0 => json!({"term": {"owner_id": self.of(&OWNERS)}}),
            1 => json!({"term": {"owner_id": 5}}),
            2 => json!({word: {"n": self.of(&WHOLE)}}),
            3 => json!({word: {"f": {"value": self.of(&FLOATS)}}}),
            _ => json!({word: {"flag": self.once_in(2)}}),
        }
    }

    fn range(&mut self) -> Value {
        let (field, from, to) = match self.below(4) {
            0 => ("owner_id", json!(self.of(&OWNERS)), json!(self.of(&OWNERS))),
            1 => ("f", json!(self.of(&FLOATS)), json!(self.of(&WHOLE[..5]))),
            2 => ("meta.n", json!(self.of(&WHOLE[..5])), json!(self.of(&FLOATS))),
            _ => ("n", json!(self.of(&WHOLE)), json!(self.of(&WHOLE))),
        };
        let mut bounds = json!({self.of(&["gt", "gte"]): from});
        if self.once_in(2) {
            bounds[self.of(&["lt", "lte"])] = to;
        }
        json!({"range": {field: bounds}})
    }

    fn dates(&mut self) -> Value {
        let mut bounds = json!({});
        for name in ["gt", "gte", "lt", "lte"] {
            if self.once_in(3) {
                bounds[name] = json!(self.of(&DATES));
            }
        }
        if bounds.as_object().is_some_and(serde_json::Map::is_empty) {
            bounds["lte"] = json!(self.of(&DATES));
        }
        match self.below(6) {
            0 | 1 => bounds["format"] = json!("strict_date_optional_time"),
            2 => {
                bounds["format"] = json!("strict_date_optional_time||epoch_millis");
                bounds["time_zone"] = json!("+01:00");
            }
            3 => bounds = json!({self.of(&["gt", "gte", "lt", "lte"]): 1_706_695_205_250_i64}),
            _ => {}
        }
        json!({"range": {"at": bounds}})
    }

    /// Returns a query about values inside JSON.
    fn inside(&mut self) -> Value {
        let field = self.of(&["meta.color", "meta.color", "meta.n", "meta.deep.x", "meta.deep", "meta"]);
        let value = match self.below(8) {
            0..3 => json!(self.of(&["red", "blue", "5", "5.0", "true"])),
            3 | 4 => json!(self.of(&[5, 7, 51])),
            5 => json!(self.of(&[5.0, 2.5])),
            6 => json!(true),
            _ => json!("7"),
        };
        let query = match self.below(if field == "meta" { 1 } else { 6 }) {
            0 if field == "meta" => json!({"term": {field: value}}),
            0 => json!({"terms": {field: [value, "blue"]}}),
            1 => json!({"prefix": {field: self.of(&["re", "5", "t", "b"])}}),
            2 => json!({"wildcard": {field: self.of(&["*ed*", "re*", "*", "*5*"])}}),
            _ => json!({"term": {field: value}}),
        };
        if field != "meta" && self.once_in(6) {
            return json!({"nested": {"path": "meta", "query": query}});
        }
        query
    }
}

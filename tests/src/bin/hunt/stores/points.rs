//! The points of a site's collection.

use std::collections::BTreeMap;

use lethe_tests::vectors::Vectors;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::{
    CreateCollectionBuilder, DeletePointsBuilder, Distance, PointId, PointStruct, PointsIdsList, ScrollPointsBuilder,
    UpsertPointsBuilder, VectorParamsBuilder,
};
use qdrant_client::{Payload, Qdrant};
use serde_json::{Map, Value};

use crate::model::{Element, Pid, State};

/// The number of points per read or write request.
const PAGE: usize = 2_000;

/// A collection.
pub(super) struct Collection {
    client: Qdrant,
    name: String,
}

impl Collection {
    pub(super) async fn make(vectors: &Vectors, name: &str) -> Self {
        let client = vectors.client();
        let parameters = VectorParamsBuilder::new(2, Distance::Dot);
        let request = CreateCollectionBuilder::new(name).vectors_config(parameters);
        client.create_collection(request).await.unwrap();
        Self {
            client,
            name: name.to_owned(),
        }
    }

    pub(super) async fn read(&self) -> BTreeMap<Pid, Map<String, Value>> {
        let mut found = BTreeMap::new();
        let mut offset = None;
        loop {
            let limit = u32::try_from(PAGE).expect("a page is small");
            let mut request = ScrollPointsBuilder::new(&self.name).limit(limit).with_payload(true);
            if let Some(offset) = offset {
                request = request.offset(offset);
            }
            let page = self.client.scroll(request).await.unwrap();
            for point in page.result {
                let id = match point.id.and_then(|id| id.point_id_options).unwrap() {
                    PointIdOptions::Num(number) => Pid::Number(number),
                    PointIdOptions::Uuid(uuid) => Pid::Uuid(uuid.parse().unwrap()),
                };
                let Value::Object(payload) = Payload::from(point.payload).into() else {
                    panic!("a payload is an object")
                };
                found.insert(id, payload);
            }
            offset = page.next_page_offset;
            if offset.is_none() {
                return found;
            }
        }
    }

    pub(super) async fn write(&self, gone: &[Element], changed: &[Element], to: &State) {
        let point = |element: &Element| match element {
            Element::Point(id) => Some(*id),
            Element::Row(..) => None,
        };
        let gone: Vec<PointId> = gone.iter().filter_map(point).map(written).collect();
        for ids in gone.chunks(PAGE) {
            let list = PointsIdsList { ids: ids.to_vec() };
            let request = DeletePointsBuilder::new(&self.name).points(list).wait(true);
            self.client.delete_points(request).await.unwrap();
        }
        let points = changed.iter().filter_map(point).map(|id| {
            let payload = Payload::from(to.points[&id].clone());
            PointStruct::new(written(id), vec![0.5, 0.5], payload)
        });
        let points: Vec<PointStruct> = points.collect();
        for points in points.chunks(PAGE) {
            let request = UpsertPointsBuilder::new(&self.name, points.to_vec()).wait(true);
            self.client.upsert_points(request).await.unwrap();
        }
    }
}

fn written(id: Pid) -> PointId {
    match id {
        Pid::Number(number) => number.into(),
        Pid::Uuid(uuid) => uuid.to_string().into(),
    }
}

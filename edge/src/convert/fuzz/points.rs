//! Random points. A point that the engine takes comes back as it was sent.

use std::collections::HashMap;

use proptest::collection::{hash_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use prost::Message as _;
use qdrant_client::qdrant::{
    self, CreateCollection, DenseVector, ListValue, NamedVectors, PointId, PointStruct, Struct, Value, Vector,
    VectorOutput, VectorParams, VectorParamsMap, Vectors, VectorsConfig, VectorsOutput, point_id::PointIdOptions,
    value::Kind, vector, vector_output, vectors::VectorsOptions, vectors_config::Config, vectors_output,
};
use qdrant_edge::{EdgeConfig, PointStructPersisted, Record, VectorStructInternal};
use tonic::Code;
use uuid::Uuid;

use crate::convert::{config, points};

/// The number of points, which take less than a second. `PROPTEST_CASES` sets another number.
const CASES: u32 = 2_048;

const NAMES: &[&str] = &["a", "b", "c", ""];

fn params(size: u64) -> VectorParams {
    VectorParams {
        size,
        distance: qdrant::Distance::Dot.into(),
        ..VectorParams::default()
    }
}

/// Returns a collection with an unnamed vector, and one with named vectors.
fn collections() -> [EdgeConfig; 2] {
    let named = [("a", 2), ("b", 1)].map(|(name, size)| (name.to_owned(), params(size)));
    let named = VectorParamsMap {
        map: HashMap::from(named),
    };
    [Config::Params(params(3)), Config::ParamsMap(named)].map(|given| {
        let request = CreateCollection {
            vectors_config: Some(VectorsConfig { config: Some(given) }),
            ..CreateCollection::default()
        };
        config::new(&request).unwrap()
    })
}

fn id() -> impl Strategy<Value = Option<PointId>> {
    let uuid = (any::<u128>(), 0..5_usize).prop_map(|(bits, spelling)| {
        let uuid = Uuid::from_u128(bits);
        let spellings = [
            uuid.to_string(),
            uuid.simple().to_string(),
            uuid.urn().to_string(),
            uuid.braced().to_string(),
            uuid.to_string().to_uppercase(),
        ];
        PointId::from(spellings[spelling].clone())
    });
    prop_oneof![
        4 => any::<u64>().prop_map(PointId::from).prop_map(Some),
        4 => uuid.prop_map(Some),
        1 => "[0-9a-f-]{30,37}".prop_map(PointId::from).prop_map(Some),
        1 => Just(Some(PointId::default())),
        1 => Just(None),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Kind::NullValue(0)),
        any::<bool>().prop_map(Kind::BoolValue),
        any::<i64>().prop_map(Kind::IntegerValue),
        any::<f64>().prop_map(Kind::DoubleValue),
        any::<String>().prop_map(Kind::StringValue),
    ];
    let leaf = leaf.prop_map(|kind| Value { kind: Some(kind) });
    leaf.prop_recursive(3, 12, 3, |inner| {
        let fields = hash_map(any::<String>(), inner.clone(), 0..3);
        prop_oneof![
            vec(inner, 0..3).prop_map(|values| Kind::ListValue(ListValue { values })),
            fields.prop_map(|fields| Kind::StructValue(Struct { fields })),
        ]
        .prop_map(|kind| Value { kind: Some(kind) })
    })
}

fn dense(data: Vec<f32>) -> Vector {
    Vector {
        vector: Some(vector::Vector::Dense(DenseVector { data })),
        ..Vector::default()
    }
}

/// Returns vectors that mostly fit one of the collections.
fn vectors() -> impl Strategy<Value = Option<Vectors>> {
    let data = || vec(any::<f32>(), 1..4).prop_map(dense);
    let named = hash_map(select(NAMES).prop_map(str::to_owned), data(), 0..3);
    let fitting = (vec(any::<f32>(), 2), any::<f32>()).prop_map(|(a, b)| {
        let named = [("a", a), ("b", vec![b])];
        HashMap::from(named.map(|(name, data)| (name.to_owned(), dense(data))))
    });
    let options = prop_oneof![
        vec(any::<f32>(), 3).prop_map(dense).prop_map(VectorsOptions::Vector),
        data().prop_map(VectorsOptions::Vector),
        prop_oneof![named, fitting].prop_map(|vectors| VectorsOptions::Vectors(NamedVectors { vectors })),
    ];
    option::weighted(0.9, options).prop_map(|options| {
        options.map(|options| Vectors {
            vectors_options: Some(options),
        })
    })
}

fn point() -> impl Strategy<Value = PointStruct> {
    let payload = hash_map(any::<String>(), value(), 0..4);
    (id(), payload, vectors()).prop_map(|(id, payload, vectors)| PointStruct { id, payload, vectors })
}

/// Returns the id as the engine writes it; `None` if it is none.
fn canonical(id: Option<&PointId>) -> Option<PointId> {
    match id?.point_id_options.as_ref()? {
        PointIdOptions::Num(number) => Some(PointId::from(*number)),
        PointIdOptions::Uuid(text) => Uuid::parse_str(text).ok().map(|uuid| PointId::from(uuid.to_string())),
    }
}

/// Returns the vectors that were sent, by name. The unnamed one has the name of no letters.
fn sent(vectors: Option<&Vectors>) -> Option<HashMap<String, Vec<f32>>> {
    let data = |one: &Vector| match &one.vector {
        Some(vector::Vector::Dense(dense)) => dense.data.clone(),
        other => panic!("no vector of these tests: {other:?}"),
    };
    Some(match vectors?.vectors_options.as_ref()? {
        VectorsOptions::Vector(one) => HashMap::from([(String::new(), data(one))]),
        VectorsOptions::Vectors(named) => {
            let named = named.vectors.iter();
            named.map(|(name, one)| (name.clone(), data(one))).collect()
        }
    })
}

/// Returns the vectors that came back, likewise.
fn received(vectors: Option<&VectorsOutput>) -> Option<HashMap<String, Vec<f32>>> {
    let data = |one: &VectorOutput| match &one.vector {
        Some(vector_output::Vector::Dense(dense)) => dense.data.clone(),
        other => panic!("no vector of these tests: {other:?}"),
    };
    Some(match vectors?.vectors_options.as_ref()? {
        vectors_output::VectorsOptions::Vector(one) => HashMap::from([(String::new(), data(one))]),
        vectors_output::VectorsOptions::Vectors(named) => {
            let named = named.vectors.iter();
            named.map(|(name, one)| (name.clone(), data(one))).collect()
        }
    })
}

/// Returns the record that the engine keeps of a point.
fn record(point: PointStructPersisted) -> Record {
    Record {
        id: point.id,
        payload: point.payload,
        vector: Some(VectorStructInternal::try_from(point.vector).unwrap()),
        shard_key: None,
        order_value: None,
    }
}

#[test]
fn a_point_comes_back_as_it_was_sent() {
    let collections = collections();
    proptest!(ProptestConfig::with_cases(CASES), |(point in point())| {
        let (id, sent) = (canonical(point.id.as_ref()), sent(point.vectors.as_ref()));
        for config in &collections {
            let fits = |(name, data): (&String, &Vec<f32>)| {
                config.vectors.get(name).is_some_and(|params| params.size == data.len())
            };
            let fits = sent.as_ref().is_some_and(|sent| sent.iter().all(fits));
            match points::point(point.clone(), config) {
                Ok(made) => {
                    let out = points::record(record(made));
                    prop_assert_eq!(&out.id, &id);
                    prop_assert_eq!(&out.payload, &point.payload);
                    prop_assert_eq!(&received(out.vectors.as_ref()), &sent);
                }
                Err(refused) => {
                    prop_assert_eq!(refused.code(), Code::InvalidArgument);
                    prop_assert!(id.is_none() || !fits, "{}", refused.message());
                }
            }
        }
    });
}

#[test]
fn a_damaged_message_is_refused_or_read() {
    let collections = collections();
    let changes = || vec((any::<Index>(), any::<u8>()), 1..4);
    proptest!(ProptestConfig::with_cases(CASES), |(point in point(), changes in changes())| {
        let mut bytes = point.encode_to_vec();
        bytes.push(0);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(point) = PointStruct::decode(bytes.as_slice()) {
            for config in &collections {
                if let Ok(made) = points::point(point.clone(), config) {
                    let out = points::record(record(made));
                    prop_assert_eq!(out.id, canonical(point.id.as_ref()));
                }
            }
        }
    });
}

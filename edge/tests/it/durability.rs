//! Writes and deletes that were acknowledged with `wait` survive a kill.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use qdrant_client::{
    Qdrant,
    qdrant::{
        CreateCollectionBuilder, DeletePointsBuilder, Distance, GetPointsBuilder, PointId, PointsIdsList,
        RetrievedPoint, ScrollPointsBuilder, UpsertPointsBuilder, VectorParamsBuilder, point_id::PointIdOptions,
    },
};
use tokio::sync::mpsc;

use crate::harness::{Process, Server, create, point, text, upsert};

const WRITERS: u64 = 3;
const ROUNDS: u64 = 4;
/// Steps of one writer in one round: far more than the kill lets it make.
const STEPS: u64 = 5_000;
/// Acknowledged steps after which the kill comes.
const ENOUGH: usize = 60;

/// The state that must hold after the restart.
#[derive(Default)]
struct Promised {
    there: BTreeSet<u64>,
    gone: BTreeSet<u64>,
    /// The last version of the rewritten points.
    version: i64,
}

/// Ids of the rewritten points: above all others.
const REWRITTEN: std::ops::Range<u64> = 10_000_000..10_000_010;

/// Upserts ten points and deletes half of them again, over and over, until the server is killed.
async fn write(client: Qdrant, first: u64, promised: Arc<Mutex<Promised>>, acknowledged: mpsc::UnboundedSender<()>) {
    for step in 0..STEPS {
        let numbers: Vec<u64> = (first + step * 10..first + step * 10 + 10).collect();
        let points: Vec<_> = numbers.iter().map(|number| point(*number)).collect();
        let request = UpsertPointsBuilder::new("memories", points).wait(true);
        if client.upsert_points(request).await.is_err() {
            return;
        }
        promised.lock().unwrap().there.extend(&numbers);
        let doomed: Vec<u64> = numbers.into_iter().filter(|number| number % 2 == 1).collect();
        // After the request is sent, their state is open.
        promised.lock().unwrap().there.retain(|number| !doomed.contains(number));
        let ids = doomed.iter().copied().map(PointId::from).collect();
        let request = DeletePointsBuilder::new("memories").points(PointsIdsList { ids });
        if client.delete_points(request.wait(true)).await.is_err() {
            return;
        }
        promised.lock().unwrap().gone.extend(doomed);
        acknowledged.send(()).unwrap();
    }
}

/// Writes the same points again with a higher version, until the server is killed.
async fn rewrite(client: Qdrant, promised: Arc<Mutex<Promised>>) {
    loop {
        let next = promised.lock().unwrap().version + 1;
        let points = REWRITTEN.map(|number| {
            let mut point = point(number);
            point.payload.insert("version".to_owned(), next.into());
            point
        });
        let request = UpsertPointsBuilder::new("memories", points.collect::<Vec<_>>()).wait(true);
        if client.upsert_points(request).await.is_err() {
            return;
        }
        promised.lock().unwrap().version = next;
    }
}

async fn versions(client: &Qdrant) -> Vec<i64> {
    let ids: Vec<PointId> = REWRITTEN.map(PointId::from).collect();
    let request = GetPointsBuilder::new("memories", ids).with_payload(true);
    let found = client.get_points(request).await.unwrap().result;
    let version = |point: &RetrievedPoint| point.payload["version"].as_integer().unwrap();
    found.iter().map(version).collect()
}

async fn all(client: &Qdrant) -> BTreeSet<u64> {
    let request = ScrollPointsBuilder::new("memories").limit(100_000).with_vectors(true);
    let page = client.scroll(request).await.unwrap();
    assert!(page.next_page_offset.is_none());
    let number = |id: PointId| match id.point_id_options {
        Some(PointIdOptions::Num(number)) => number,
        _ => panic!("only numbers were written"),
    };
    let check = |found: RetrievedPoint| {
        let number = number(found.id.unwrap());
        assert_eq!(found.payload["text"].as_str(), Some(&text(number)));
        assert!(found.vectors.is_some());
        number
    };
    page.result.into_iter().map(check).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_undoes_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let promised = Arc::new(Mutex::new(Promised::default()));
    for round in 0..ROUNDS {
        // From the second round on the server also copies the collection while it is written to.
        let server = Process::start(directory.path());
        if round == 0 {
            create(&server.client(), "memories").await;
        }
        let (acknowledged, mut acknowledgements) = mpsc::unbounded_channel();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let first = (round * WRITERS + writer) * STEPS * 10;
                let promised = Arc::clone(&promised);
                tokio::spawn(write(server.client(), first, promised, acknowledged.clone()))
            })
            .collect();
        drop(acknowledged);
        let rewriter = tokio::spawn(rewrite(server.client(), Arc::clone(&promised)));
        for _ in 0..ENOUGH {
            acknowledgements.recv().await.unwrap();
        }
        server.kill();
        for writer in writers {
            writer.await.unwrap();
        }
        rewriter.await.unwrap();
        let mut steps = ENOUGH;
        while acknowledgements.try_recv().is_ok() {
            steps += 1;
        }
        assert!(
            steps < usize::try_from(WRITERS * STEPS).unwrap(),
            "the kill came too late"
        );

        let server = Process::start(directory.path());
        let found = all(&server.client()).await;
        let versions = versions(&server.client()).await;
        let promised = promised.lock().unwrap();
        assert!(promised.there.is_subset(&found), "an acknowledged upsert is lost");
        assert!(promised.gone.is_disjoint(&found), "an acknowledged delete is undone");
        assert_eq!(versions.len(), REWRITTEN.count(), "a point is lost by writing it again");
        let old = versions.iter().find(|version| **version < promised.version);
        assert_eq!(old, None, "an acknowledged version is undone");
        server.kill();
    }
}

#[tokio::test]
async fn a_kill_leaves_created_collections_and_no_deleted_ones() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start(directory.path());
    let client = server.client();
    for name in ["kept", "deleted"] {
        create(&client, name).await;
    }
    client.delete_collection("deleted").await.unwrap();
    server.kill();
    let server = Process::start(directory.path());
    let names = server.client().list_collections().await.unwrap().collections;
    assert_eq!(names.into_iter().map(|one| one.name).collect::<Vec<_>>(), ["kept"]);
    server.kill();
}

#[tokio::test]
async fn what_nobody_waited_for_is_applied_before_the_server_stops() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let client = server.client();
    let vectors = VectorParamsBuilder::new(4, Distance::Dot);
    client
        .create_collection(CreateCollectionBuilder::new("memories").vectors_config(vectors))
        .await
        .unwrap();
    for number in 0..200 {
        client
            .upsert_points(UpsertPointsBuilder::new("memories", vec![point(number)]))
            .await
            .unwrap();
    }
    drop(client);
    server.stop().await;
    let server = Server::start(directory.path()).await;
    let client = server.client();
    upsert(&client, "memories", [1_000]).await;
    assert_eq!(all(&client).await.len(), 201);
    server.stop().await;
}

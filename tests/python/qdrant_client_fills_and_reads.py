"""Fills and reads the embedded vector store with the official Python client, over gRPC.

Usage: qdrant_client_fills_and_reads.py <host> <port> <key>
(or the environment variables QDRANT_HOST, QDRANT_GRPC_PORT, QDRANT_API_KEY)

Needs `pip install qdrant-client`. Ends with exit code 0 if everything was as Qdrant does it.
"""

import os
import sys
import uuid

import grpc
from qdrant_client import QdrantClient, models


def connect(host, port, key):
    return QdrantClient(
        host=host,
        grpc_port=port,
        api_key=key,
        prefer_grpc=True,
        https=False,
        # The check is a REST call, and only gRPC is served.
        check_compatibility=False,
    )


def refused(code, call):
    """Says how `call` was refused, and fails if it was not, or with another code."""
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, error
        return error.details()
    raise AssertionError(f"expected {code}")


def user(name):
    condition = models.FieldCondition(key="user_id", match=models.MatchValue(value=name))
    return models.Filter(must=[condition])


def main():
    arguments = sys.argv[1:] + [None] * 3
    host = arguments[0] or os.environ.get("QDRANT_HOST", "127.0.0.1")
    port = int(arguments[1] or os.environ["QDRANT_GRPC_PORT"])
    key = arguments[2] or os.environ["QDRANT_API_KEY"]
    name = f"python-{uuid.uuid4()}"

    stranger = connect(host, port, "not the key")
    refused(grpc.StatusCode.UNAUTHENTICATED, stranger.get_collections)

    client = connect(host, port, key)
    assert not client.collection_exists(name)
    assert "doesn't exist" in refused(grpc.StatusCode.NOT_FOUND, lambda: client.get_collection(name))

    vectors = models.VectorParams(size=4, distance=models.Distance.COSINE)
    assert client.create_collection(name, vectors_config=vectors)
    assert client.collection_exists(name)
    assert name in [collection.name for collection in client.get_collections().collections]
    again = refused(
        grpc.StatusCode.ALREADY_EXISTS, lambda: client.create_collection(name, vectors_config=vectors)
    )
    assert "already exists" in again

    index = client.create_payload_index(name, "user_id", models.PayloadSchemaType.KEYWORD, wait=True)
    assert index.status == models.UpdateStatus.COMPLETED

    ids = list(range(1, 21))
    points = [
        models.PointStruct(
            id=number,
            vector=[1.0, number / 20, 0.0, 0.0],
            payload={"user_id": f"user-{number % 2}", "n": number, "deep": {"list": [1, None, True, 0.5]}},
        )
        for number in ids
    ]
    named = str(uuid.uuid4())
    points.append(models.PointStruct(id=named, vector=[0.0, 0.0, 0.0, 1.0], payload={"user_id": "uuid"}))
    written = client.upsert(name, points=points, wait=True)
    assert written.status == models.UpdateStatus.COMPLETED

    info = client.get_collection(name)
    assert info.status == models.CollectionStatus.GREEN
    assert info.points_count == 21, info
    assert info.config.params.vectors.size == 4
    assert info.payload_schema["user_id"].data_type == models.PayloadSchemaType.KEYWORD

    assert client.count(name).count == 21
    assert client.count(name, count_filter=user("user-1"), exact=True).count == 10

    seen = []
    offset = None
    while True:
        page, offset = client.scroll(name, limit=6, offset=offset, with_vectors=True)
        seen += page
        if offset is None:
            break
    assert [record.id for record in seen] == ids + [named]
    assert seen[0].payload["deep"] == {"list": [1, None, True, 0.5]}
    assert len(seen[0].vector) == 4

    adults = models.Filter(
        must=[models.FieldCondition(key="n", range=models.Range(gt=18))],
        must_not=[models.HasIdCondition(has_id=[20])],
    )
    found, _ = client.scroll(name, scroll_filter=adults, with_payload=["n"])
    assert [(record.id, record.payload) for record in found] == [(19, {"n": 19})]

    nearest = client.query_points(name, query=[0.0, 0.0, 0.0, 1.0], limit=1).points
    assert nearest[0].id == named

    got = client.retrieve(name, ids=[1, 999, named], with_payload=["user_id"])
    assert sorted((str(record.id), record.payload["user_id"]) for record in got) == sorted(
        [("1", "user-1"), (named, "uuid")]
    )

    client.set_payload(name, payload={"user_id": "moved"}, points=[1], wait=True)
    assert client.count(name, count_filter=user("moved")).count == 1

    deleted = client.delete(name, points_selector=[2, 999, named], wait=True)
    assert deleted.status == models.UpdateStatus.COMPLETED
    assert client.count(name).count == 19
    client.delete(name, points_selector=models.FilterSelector(filter=user("user-1")), wait=True)
    assert client.count(name, count_filter=user("user-1")).count == 0
    assert client.count(name).count == 10

    text = refused(grpc.StatusCode.UNIMPLEMENTED, lambda: client.clear_payload(name, points_selector=[1]))
    assert "ClearPayload" in text

    assert client.delete_collection(name)
    assert not client.collection_exists(name)
    print("ok")


if __name__ == "__main__":
    main()

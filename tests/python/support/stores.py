"""The embedded stores of a running `lethe up`, over connections of the test's own."""

import os
import sqlite3
import uuid

from qdrant_client import QdrantClient, models

COLLECTION = "memories"


class Stores:
    """Rows in Agno's table, and their vectors."""

    def __init__(self):
        self.path = os.environ["LETHE_MEMORIES"]
        self.vectors = QdrantClient(
            host=os.environ["QDRANT_HOST"],
            grpc_port=int(os.environ["QDRANT_GRPC_PORT"]),
            api_key=os.environ["QDRANT_API_KEY"],
            prefer_grpc=True,
            https=False,
            # The check is a REST call, and only gRPC is served.
            check_compatibility=False,
        )
        self.size = self.vectors.get_collection(COLLECTION).config.params.vectors.size

    def add(self, user, n):
        """Writes `n` memories of `user` into both stores; returns their ids."""
        ids = [str(uuid.uuid4()) for _ in range(n)]
        self.put(ids, user)
        return ids

    def put(self, ids, user):
        """Writes memories of `user` into both stores."""
        if not ids:
            return
        with sqlite3.connect(self.path, timeout=30) as rows:
            rows.executemany(
                "INSERT INTO agno_memories (memory_id, user_id, memory, created_at) VALUES (?, ?, '\"a memory\"', 0)",
                [(memory, user) for memory in ids],
            )
        rows.close()
        points = [
            models.PointStruct(id=memory, vector=[0.5] * self.size, payload={"memory_id": memory, "user_id": user})
            for memory in ids
        ]
        self.vectors.upsert(COLLECTION, points, wait=True)

    def left(self, ids):
        """Returns which of `ids` are in the table, and which in the collection."""
        marks = ", ".join("?" for _ in ids)
        rows = sqlite3.connect(self.path, timeout=30)
        found = rows.execute(f"SELECT memory_id FROM agno_memories WHERE memory_id IN ({marks})", ids).fetchall()
        rows.close()
        points = self.vectors.retrieve(COLLECTION, ids, with_payload=False)
        return {row[0] for row in found}, {str(point.id) for point in points}

    def holds(self, ids, expected):
        """Fails unless exactly `expected` of `ids` are left, in both stores."""
        rows, points = self.left(ids)
        assert rows == set(expected), (rows, expected)
        assert points == set(expected), (points, expected)

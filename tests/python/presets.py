"""Presets against databases that the vendors' own code made: a configuration is one line and the URLs.

Needs what `tests/run` installs. Usage: presets.py, with LETHE_BIN (default: target/release/lethe), LETHE_TEST_POSTGRES_URL, and
QDRANT_HOST, QDRANT_GRPC_PORT, QDRANT_API_KEY of a Qdrant.

Each database is filled with memories of alice and bob; some of alice's are erased by id, under her
name and under bob's, then all that is left of her by subject. What is left is read over connections
of the test's own. Ends with exit code 0 if nothing of alice's is left, and nothing else is gone.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path

import psycopg
from qdrant_client import QdrantClient, models

sys.path.insert(0, str(Path(__file__).parent))
from fixtures import agno, memzero, openmemory  # noqa: E402

# The collection of Agno's memories may be somebody else's too: these people are of this run.
RUN = uuid.uuid4().hex
ALICE, BOB = f"alice-{RUN}@example.com", f"bob-{RUN}@example.com"
# Of alice's memories: so many are erased by id, the others by subject.
BY_ID, ALL, BOBS = 3, 8, 4
DEADLINE = 60


class Lethe:
    """`lethe up` with a configuration, and its HTTP interface."""

    def __init__(self, directory, config):
        (directory / "lethe.toml").write_text(config)
        arguments = ["up", "--data", "data", "--config", "lethe.toml", "--listen", "127.0.0.1:0", "--output", "json"]
        binary = Path(os.environ.get("LETHE_BIN", "target/release/lethe")).resolve()
        with open(directory / "log", "w") as log:
            self.process = subprocess.Popen(
                [binary, *arguments], cwd=directory, stdout=subprocess.PIPE, stderr=log, text=True
            )
        line = self.process.stdout.readline()
        assert line, (directory / "log").read_text()
        said = json.loads(line)
        self.url, self.key = said["url"], said["key"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE) == 0

    def call(self, path, body=None):
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/json",
                "Prefer": "wait=30",
            },
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def succeeds(self, **job):
        """Submits a deletion, and returns its counts that are not zero, by target and store."""
        job = self.call("/v1/jobs", job)
        assert job["state"] == "succeeded", job
        return {
            (store["target"], store["store"]): {word: n for word, n in store["counts"].items() if n}
            for store in job["stores"]
        }

    def targets(self):
        """Waits until the worker has looked at every store, and returns what it says."""
        end = time.monotonic() + DEADLINE
        while True:
            targets = {target["name"]: target for target in self.call("/v1/targets")["targets"]}
            seen = [store["up"] + store["down"] for target in targets.values() for store in target["stores"].values()]
            if all(target["stores"] for target in targets.values()) and all(seen):
                return targets
            assert time.monotonic() < end, targets
            time.sleep(0.1)


class Rows:
    """What is left in a SQL database, over a connection of the test's own."""

    def __init__(self, connection):
        self.connection = connection

    def all(self, text):
        return sorted(row[0] for row in self.connection.execute(text).fetchall())


def sqlite(path):
    return Rows(sqlite3.connect(path, isolation_level=None))


def postgres(url):
    return Rows(psycopg.connect(url, autocommit=True))


COLLECTIONS = [name + part for name in ["mem0", "openmemory", "openmemory-2"] for part in ["", "_entities"]]


def drop_collections(client):
    for name in COLLECTIONS:
        if client.collection_exists(name):
            client.delete_collection(name)


def payloads(client, name):
    """Returns id and payload of all points of a collection."""
    points, more = client.scroll(name, limit=1000)
    assert more is None
    return {point.id: point.payload for point in points}


class Case:
    """A target with a preset, who has which memories in it, and what is left."""

    def __init__(self, name, preset, stores, alice, bob, left):
        self.name, self.preset, self.stores = name, preset, stores
        self.alice, self.bob, self.left = alice, bob, left

    def toml(self):
        lines = [f'[[target]]\nname = "{self.name}"\npreset = "{self.preset}"']
        return "\n".join([*lines, *self.stores.values(), ""])

    def counts(self, outcome):
        return {(self.name, store): outcome for store in self.stores}

    def erase_by_id(self, lethe):
        some = self.alice[:BY_ID]
        absent = lethe.succeeds(target=self.name, select={"ids": some}, owner=BOB)
        assert absent == self.counts({"absent": BY_ID}), absent
        assert self.left() == sorted(self.alice + self.bob), self.name
        erased = lethe.succeeds(target=self.name, select={"ids": some + [str(uuid.uuid4())]}, owner=ALICE)
        assert erased == self.counts({"erased": BY_ID, "absent": 1}), erased
        assert self.left() == sorted(self.alice[BY_ID:] + self.bob), self.name


def main():
    directory = Path(tempfile.mkdtemp(prefix="presets-"))
    key = os.environ["QDRANT_API_KEY"]
    host, port = os.environ.get("QDRANT_HOST", "127.0.0.1"), int(os.environ["QDRANT_GRPC_PORT"])
    qdrant = QdrantClient(
        host=host, grpc_port=port, api_key=key, prefer_grpc=True, https=False, check_compatibility=False
    )
    # What a run that failed has left.
    drop_collections(qdrant)
    server = os.environ["LETHE_TEST_POSTGRES_URL"]

    def database():
        name = f"presets_{uuid.uuid4().hex}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"{server.rsplit('/', 1)[0]}/{name}"

    def sql(url):
        return f'sql = {{ url = "{url}" }}'

    vector = f'vector = {{ url = "http://{host}:{port}", api_key = "{key}" }}'
    cases = []

    # Agno, without vectors.
    path = directory / "agno.db"
    made = agno.sqlite(path)
    alice, bob = agno.add(made, ALICE, ALL), agno.add(made, BOB, BOBS)
    rows = sqlite(path)
    left = lambda rows=rows: rows.all("SELECT memory_id FROM agno_memories")  # noqa: E731
    cases.append(Case("agno-sqlite", "agno", {"sql": sql(f"sqlite://{path}")}, alice, bob, left))

    url = database()
    made = agno.postgres(url)
    alice, bob = agno.add(made, ALICE, ALL), agno.add(made, BOB, BOBS)
    rows = postgres(url)
    left = lambda rows=rows: rows.all("SELECT memory_id FROM ai.agno_memories")  # noqa: E731
    cases.append(Case("agno-postgres", "agno", {"sql": sql(url)}, alice, bob, left))

    # Agno, with a collection that the application keeps.
    path = directory / "agno-vectors.db"
    made = agno.sqlite(path)
    alice, bob = agno.add(made, ALICE, ALL), agno.add(made, BOB, BOBS)
    size = 384
    if not qdrant.collection_exists("memories"):
        qdrant.create_collection(
            "memories", vectors_config=models.VectorParams(size=size, distance=models.Distance.COSINE)
        )
    qdrant.upsert(
        "memories",
        points=[
            models.PointStruct(id=memory, vector=[1.0] * size, payload={"memory_id": memory, "user_id": owner})
            for owner, memories in [(ALICE, alice), (BOB, bob)]
            for memory in memories
        ],
        wait=True,
    )
    rows = sqlite(path)

    def left(rows=rows, own=frozenset(alice + bob)):
        memories = rows.all("SELECT memory_id FROM agno_memories")
        # The collection may be another installation's too.
        assert sorted(own & payloads(qdrant, "memories").keys()) == memories
        return memories

    cases.append(Case("agno-vectors", "agno", {"sql": sql(f"sqlite://{path}"), "vector": vector}, alice, bob, left))

    # mem0.
    history = directory / "history.db"
    memory = memzero.memory(qdrant, history)
    texts = [f"{owner} likes number {n}" for owner, count in [(ALICE, ALL), (BOB, BOBS)] for n in range(count)]
    ids = [memzero.add(memory, text, user_id=text.split()[0], run_id="run") for text in texts]
    memory.update(ids[0], "alice likes no number")
    points = payloads(qdrant, "mem0")
    assert sorted(points) == sorted(ids)
    for memory_id, text in zip(ids[1:], texts[1:]):
        known = {"user_id", "run_id", "data", "hash", "created_at", "updated_at", "text_lemmatized", "role"}
        assert points[memory_id].keys() == known, points[memory_id]
        assert points[memory_id]["data"] == text
    # What mem0 itself links to a memory that mentions it.
    memory._upsert_entity("Paris", "PLACE", ids[0], {"user_id": ALICE})
    memory._upsert_entity("Rome", "PLACE", ids[-1], {"user_id": BOB})
    assert len(payloads(qdrant, "mem0_entities")) == 2
    left = lambda: sorted(payloads(qdrant, "mem0"))  # noqa: E731
    cases.append(Case("mem0", "mem0", {"vector": vector}, ids[:ALL], ids[ALL:], left))

    # OpenMemory.
    for kind in ["sqlite", "postgres"]:
        path = directory / "openmemory.db"
        url = f"sqlite://{path}" if kind == "sqlite" else database()
        made = openmemory.Database(f"sqlite:///{path}" if kind == "sqlite" else url)
        # The name of the collection is OpenMemory's; the second database is another installation.
        name = "openmemory" if kind == "sqlite" else "openmemory-2"
        memory = memzero.memory(qdrant, directory / f"{kind}.db", name)
        owned = {}
        for owner, count in [(ALICE, ALL), (BOB, BOBS)]:
            user, app = made.user(owner)
            owned[owner] = [memzero.add(memory, f"{owner} likes {n}", user_id=owner) for n in range(count)]
            for memory_id in owned[owner]:
                made.add(memory_id, user, app, "likes numbers")
        # A vector whose row is gone.
        orphan = memzero.add(memory, "alice likes nothing", user_id=ALICE)
        rows = sqlite(path) if kind == "sqlite" else postgres(url)
        tables = {
            "memories": "id",
            "memory_categories": "memory_id",
            "memory_access_logs": "memory_id",
            "memory_status_history": "memory_id",
            "access_controls": "object_id",
        }

        def left(rows=rows, tables=tables, name=name, orphan=orphan, owned=owned):
            found = [
                [str(uuid.UUID(str(one))) for one in rows.all(f"SELECT {column} FROM {table}")]
                for table, column in tables.items()
            ]
            assert all(sorted(ids) == sorted(found[0]) for ids in found), found
            with_orphan = [] if set(found[0]) == set(owned[BOB]) else [orphan]
            assert sorted(payloads(qdrant, name)) == sorted(found[0] + with_orphan)
            assert rows.all("SELECT user_id FROM users") == [ALICE, BOB]
            return sorted(found[0])

        case = Case(f"openmemory-{kind}", "openmemory", {"sql": sql(url), "vector": vector}, owned[ALICE], owned[BOB], left)
        cases.append(case)

    config = "".join(case.toml() for case in cases)
    # The other installation's collection: the table is the file's, the preset adds nothing.
    spelled = (Path(__file__).parents[2] / "common/presets/openmemory.toml").read_text()
    config += spelled.replace("[[table]]", "[[target.table]]").replace('"openmemory"', '"openmemory-2"')
    # What mem0 finds in memories, mapped as the README says.
    config += f"""
[[target]]
name = "mem0-entities"
{vector}
[[target.table]]
name = "entities"
collection = {{ name = "mem0_entities", point = "uuid", payload = {{ user = "user_id", agent = "agent_id", run = "run_id" }} }}
"""
    lethe = Lethe(directory, config)
    try:
        targets = lethe.targets()
        for case in cases:
            target = targets[case.name]
            assert target["faults"] == [], target
            assert target["stores"].keys() == case.stores.keys(), target
            (table,) = target["tables"]
            assert table["stores"] == list(case.stores) and table["served_by"] == 1, table
            assert all(store["up"] == 1 for store in target["stores"].values()), target
        for case in cases:
            case.erase_by_id(lethe)
        erased = lethe.succeeds(select={"subject": {"user_id": ALICE}})
    finally:
        lethe.stop()

    rest = ALL - BY_ID
    expected = {("mem0-entities", "vector"): {"erased": 1}}
    for case in cases:
        expected |= case.counts({"erased": rest})
        if case.preset == "openmemory":
            expected[case.name, "sql"] = {"erased": rest, "absent": 1}
            expected[case.name, "vector"] = {"erased": rest + 1}
    assert erased == expected, erased
    for case in cases:
        assert case.left() == sorted(case.bob), case.name
    assert [payload["data"] for payload in payloads(qdrant, "mem0_entities").values()] == ["Rome"]

    # Not covered, as common/presets/mem0.toml says: mem0's own history still has the texts.
    kept = sqlite(history).all(f"SELECT new_memory FROM history WHERE new_memory LIKE '{ALICE}%'")
    assert len(kept) == ALL, kept

    drop_collections(qdrant)
    shutil.rmtree(directory)
    print("ok")


if __name__ == "__main__":
    main()

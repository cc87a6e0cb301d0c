"""Celery as its documentation has it: a task a deletion.

Worker:     python -m celery -A celery_peer worker --concurrency 2
Caller:     python celery_peer.py FILE     (enqueues the ids of the file once a line comes in)
"""

import os
import sys

import psycopg
from celery import Celery
from celery.signals import worker_process_init
from qdrant_client import QdrantClient

app = Celery("peers", broker=os.environ["PEER_REDIS"])
app.conf.task_ignore_result = True
collection = os.environ.get("PEER_COLLECTION")


@worker_process_init.connect
def connect(**_):
    global database, vectors
    database = psycopg.connect(os.environ["PEER_SQL"], autocommit=True)
    if collection:
        vectors = QdrantClient(
            host=os.environ["PEER_HOST"],
            grpc_port=int(os.environ["PEER_PORT"]),
            prefer_grpc=True,
            https=False,
            api_key=os.environ["PEER_KEY"],
            check_compatibility=False,
        )


@app.task
def erase(memory):
    if collection:
        vectors.delete(collection, points_selector=[memory], wait=True)
    database.execute("DELETE FROM agno_memories WHERE memory_id = %s", (memory,))


if __name__ == "__main__":
    from celery_peer import erase as task

    with open(sys.argv[1]) as file:
        ids = file.read().split()
    print("ready", flush=True)
    sys.stdin.readline()
    for memory in ids:
        task.delay(memory)
    print("enqueued", flush=True)

"""Deletes memories with OpenSearch's own client, pointed at Lethe: by type and id, by query, and as
tasks.

Needs `pip install opensearch-py`, a running `lethe up` (LETHE_URL, LETHE_KEY, LETHE_MEMORIES) and its vector store
(QDRANT_HOST, QDRANT_GRPC_PORT, QDRANT_API_KEY). The embedded table has no kinds: `compat.opensearch.types` has to name it
for `long-term`.
"""

import os
import time

from opensearchpy import OpenSearch
from opensearchpy.exceptions import NotFoundError, RequestError
from support.stores import Stores

ROOT = "/_plugins/_ml/memory_containers/main/memories"


def main():
    stores = Stores()
    ana, ben = stores.add("opensearch-ana", 6), stores.add("opensearch-ben", 3)
    # The name of the key that `lethe up` makes.
    client = OpenSearch(os.environ["LETHE_URL"], http_auth=("first", os.environ["LETHE_KEY"]), max_retries=0)

    assert client.ping()
    assert client.info()["version"]["distribution"] == "opensearch", client.info()

    def delete(memory):
        return client.transport.perform_request("DELETE", f"{ROOT}/long-term/{memory}")

    answer = delete(ana[0])
    assert (answer["result"], answer["_id"], answer["_version"]) == ("deleted", ana[0], 2), answer
    stores.holds(ana + ben, ana[1:] + ben)
    try:
        delete(ana[0])
    except NotFoundError as error:
        assert error.info["error"]["reason"] == "Memory not found", error.info
    else:
        raise AssertionError("it was there twice")

    def by_query(query):
        return client.transport.perform_request("POST", f"{ROOT}/long-term/_delete_by_query", body={"query": query})

    answer = by_query({"bool": {"must": [{"match": {"owner_id": "opensearch-ana"}}, {"ids": {"values": ana[:3] + ben}}]}})
    assert (answer["total"], answer["deleted"], answer["failures"]) == (2, 2, []), answer
    stores.holds(ana + ben, ana[3:] + ben)
    try:
        by_query({"bool": {}})
    except RequestError as error:
        assert error.info["error"]["type"] == "parsing_exception", error.info
    else:
        raise AssertionError("an empty query deleted something")
    answer = by_query({"terms": {"owner_id": ["opensearch-ana", "opensearch-ben"]}})
    assert answer["deleted"] == 6, answer
    stores.holds(ana + ben, [])

    purge(client, stores)


def purge(client, stores):
    """Deletes by index, as tasks that are watched, paced and cancelled."""
    ana = stores.add("opensearch-ana", 40)
    query = {"query": {"match": {"owner_id": "opensearch-ana"}}}
    answer = client.delete_by_query(index="memories", body=query, params={"max_docs": 10, "scroll_size": 4})
    assert (answer["total"], answer["deleted"], answer["batches"]) == (10, 10, 3), answer
    stores.holds(ana, sorted(ana)[10:])

    slow = {"wait_for_completion": "false", "requests_per_second": "0.001", "slices": "auto"}
    task = client.delete_by_query(index="main.memories", body=query, params=slow, headers={"X-Opaque-Id": "purge"})["task"]
    until("the first is gone", lambda: client.tasks.get(task_id=task)["task"]["status"]["deleted"] == 1)
    found = client.tasks.get(task_id=task)
    assert (found["completed"], found["task"]["headers"]) == (False, {"X-Opaque-Id": "purge"}), found
    listed = client.tasks.list(params={"actions": "*/delete/byquery", "detailed": "true", "group_by": "parents"})
    assert listed["tasks"][task]["status"]["requests_per_second"] == 0.001, listed
    client.delete_by_query_rethrottle(task_id=task, params={"requests_per_second": -1})
    ended = client.tasks.get(task_id=task, params={"wait_for_completion": "true"})
    assert ended["completed"] and ended["response"]["deleted"] == 30 and ended["response"]["failures"] == [], ended
    stores.holds(ana, [])

    ana = stores.add("opensearch-ana", 5)
    task = client.delete_by_query(index="memories", body=query, params=slow)["task"]
    until("the first is gone", lambda: client.tasks.get(task_id=task)["task"]["status"]["deleted"] == 1)
    client.tasks.cancel(task_id=task, params={"wait_for_completion": "true"})
    ended = client.tasks.get(task_id=task)
    assert (ended["response"]["canceled"], ended["response"]["deleted"]) == ("by user request", 1), ended
    stores.holds(ana, sorted(ana)[1:])
    assert client.transport.perform_request("DELETE", f"/_tasks/{task}") == {"acknowledged": True}
    try:
        client.tasks.get(task_id=task)
    except NotFoundError as error:
        assert error.info["error"]["type"] == "resource_not_found_exception", error.info
    else:
        raise AssertionError("it was forgotten, and is there")
    try:
        client.delete_by_query(index="memories", body=query, params={"requests_per_second": "0"})
    except RequestError as error:
        assert "must be a float greater than 0" in error.info["error"]["reason"], error.info
    else:
        raise AssertionError("it went on for ever")

    task = client.delete_by_query(index="memories", body=query, params=slow)["task"]
    cancelled = client.tasks.cancel(params={"actions": "*/delete/byquery", "wait_for_completion": "true", "group_by": "none"})
    assert [f"{one['node']}:{one['id']}" for one in cancelled["tasks"] if one["cancelled"]] == [task], cancelled
    # All of them say that they were made in 1970.
    young = {"query": {"range": {"created_time": {"gte": "now-9000d", "format": "epoch_second"}}}, "conflicts": "proceed"}
    assert client.delete_by_query(index="memories", body=young)["total"] == 0
    sliced = dict(slow, slices="2")
    task = client.delete_by_query(index="memories", body=query, params=sliced)["task"]
    client.reindex_rethrottle(task_id=task, params={"requests_per_second": -1})
    ended = client.tasks.get(task_id=task, params={"wait_for_completion": "true"})["response"]
    assert [one["slice_id"] for one in ended["slices"]] == [0, 1], ended
    assert sum(one["deleted"] for one in ended["slices"]) == ended["deleted"], ended
    stores.holds(ana, [])


def until(what, is_so):
    """Waits until something is so."""
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.05)


main()

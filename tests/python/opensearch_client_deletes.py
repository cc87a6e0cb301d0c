"""Deletes memories with OpenSearch's own client, pointed at Lethe: by type and id, and by query.

Needs `pip install opensearch-py`, a running `lethe up` (LETHE_URL, LETHE_KEY, LETHE_MEMORIES) and its vector store
(QDRANT_HOST, QDRANT_GRPC_PORT, QDRANT_API_KEY). The embedded table has no kinds: `compat.opensearch.types` has to name it
for `long-term`.
"""

import os

from opensearchpy import OpenSearch
from opensearchpy.exceptions import NotFoundError, RequestError
from support.stores import Stores

ROOT = "/_plugins/_ml/memory_containers/main/memories"


def main():
    stores = Stores()
    ana, ben = stores.add("opensearch-ana", 6), stores.add("opensearch-ben", 3)
    # The name of the key that `lethe up` makes.
    client = OpenSearch(os.environ["LETHE_URL"], http_auth=("first", os.environ["LETHE_KEY"]), max_retries=0)

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


main()

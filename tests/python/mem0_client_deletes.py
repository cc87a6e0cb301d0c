"""Deletes memories with mem0's own client, pointed at Lethe.

Needs `pip install mem0ai`, a running `lethe up` (LETHE_URL, LETHE_KEY, LETHE_MEMORIES) and its vector store
(QDRANT_HOST, QDRANT_GRPC_PORT, QDRANT_API_KEY).
"""

import os
import time

os.environ["MEM0_TELEMETRY"] = "False"

from mem0 import MemoryClient
from mem0.exceptions import MemoryNotFoundError
from support.stores import Stores


def ended(client, event):
    """Returns an event once it has ended."""
    while True:
        answer = client.client.get(f"/v1/event/{event}/").raise_for_status().json()
        if answer["status"] in ("SUCCEEDED", "FAILED"):
            return answer
        time.sleep(0.05)


def main():
    stores = Stores()
    ana, ben = stores.add("mem0-ana", 6), stores.add("mem0-ben", 3)
    client = MemoryClient(api_key=os.environ["LETHE_KEY"], host=os.environ["LETHE_URL"])

    assert client.delete(ana[0]) == {"message": "Memory deleted successfully!"}
    stores.holds(ana + ben, ana[1:] + ben)
    try:
        client.delete(ana[0])
    except MemoryNotFoundError:
        pass
    else:
        raise AssertionError("it was there twice")

    batch = client.batch_delete([{"memory_id": memory} for memory in ana[:3]])
    assert batch == {"message": "Successfully deleted 2 memories"}, batch
    stores.holds(ana + ben, ana[3:] + ben)

    answer = client.delete_all(user_id="mem0-ana")
    assert ended(client, answer["event_id"])["status"] == "SUCCEEDED"
    stores.holds(ana + ben, ben)
    client.delete_users(user_id="mem0-ben")
    # The client keeps the event to itself: the newest job is it.
    newest = client.client.get("/v1/jobs?limit=1", headers={"Authorization": "Bearer " + os.environ["LETHE_KEY"]})
    assert ended(client, newest.raise_for_status().json()["jobs"][0]["id"])["status"] == "SUCCEEDED"
    stores.holds(ana + ben, [])

    try:
        client.delete_all()
    except Exception as error:
        # What the client shows is the text alone.
        assert str(error) == "At least one identifier is required.", error
    else:
        raise AssertionError("nobody was named")


main()

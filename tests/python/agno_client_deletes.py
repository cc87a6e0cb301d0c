"""Deletes memories with Agno's own client, pointed at Lethe.

Needs `pip install agno[os]`, a running `lethe up` (LETHE_URL, LETHE_KEY, LETHE_MEMORIES) and its vector store
(QDRANT_HOST, QDRANT_GRPC_PORT, QDRANT_API_KEY).
"""

import asyncio
import os

from agno.client import AgentOSClient
from agno.exceptions import RemoteServerUnavailableError
from httpx import HTTPStatusError
from support.stores import Stores

HEADERS = {"Authorization": "Bearer " + os.environ["LETHE_KEY"]}


async def refused(status, call):
    """Fails unless `call` is answered with `status`."""
    try:
        await call
    except HTTPStatusError as error:
        assert error.response.status_code == status, error.response.text
        body = error.response.json()
        assert set(body) == {"detail", "error_code"}, body
    except RemoteServerUnavailableError as error:
        raise AssertionError("the service cannot be reached") from error
    else:
        raise AssertionError(f"expected {status}")


async def main():
    stores = Stores()
    ana, ben = stores.add("agno-ana", 6), stores.add("agno-ben", 3)
    client = AgentOSClient(base_url=os.environ["LETHE_URL"])

    await client.delete_memory(ana[0], headers=HEADERS)
    stores.holds(ana + ben, ana[1:] + ben)
    await refused(404, client.delete_memory(ana[0], headers=HEADERS))
    await refused(404, client.delete_memory(ana[1], user_id="agno-ben", headers=HEADERS))
    await refused(404, client.delete_memory(ana[1], db_id="nowhere", headers=HEADERS))
    await refused(401, client.delete_memory(ana[1]))
    stores.holds(ana + ben, ana[1:] + ben)

    await client.delete_memories(ana[1:4] + ben, user_id="agno-ana", db_id="main", table="memories", headers=HEADERS)
    stores.holds(ana + ben, ana[4:] + ben)
    await client.delete_memories(ana[4:] + ben, headers=HEADERS)
    stores.holds(ana + ben, [])


asyncio.run(main())

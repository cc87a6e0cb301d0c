"""Agno's own server, over the same database: python agno_peer.py PORT"""

import os
import sys

import uvicorn
from agno.agent import Agent
from agno.db.postgres import PostgresDb
from agno.os import AgentOS

database = PostgresDb(
    id="main",
    db_url=os.environ["PEER_SQL"].replace("postgres://", "postgresql+psycopg://"),
    db_schema="public",
    memory_table="agno_memories",
)
app = AgentOS(agents=[Agent(id="peer", db=database)], telemetry=False).get_app()
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")

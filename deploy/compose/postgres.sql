-- Runs once, when PostgreSQL's volume is empty, as its superuser: the ledger's database, and the
-- sample database of memories with a user that may erase and nothing else.

\set ledger_password `cat /run/lethe/lethe`
\set eraser_password `cat /run/lethe/eraser`

CREATE ROLE lethe LOGIN PASSWORD :'ledger_password';
CREATE DATABASE lethe OWNER lethe;
REVOKE CONNECT, TEMPORARY ON DATABASE lethe FROM PUBLIC;

CREATE ROLE eraser LOGIN PASSWORD :'eraser_password';
CREATE DATABASE memories;
REVOKE CONNECT, TEMPORARY ON DATABASE memories FROM PUBLIC;
GRANT CONNECT ON DATABASE memories TO eraser;

\connect memories

CREATE TABLE agno_memories (
    memory_id VARCHAR PRIMARY KEY,
    memory JSONB NOT NULL,
    input VARCHAR,
    agent_id VARCHAR,
    team_id VARCHAR,
    user_id VARCHAR,
    topics JSONB,
    feedback VARCHAR,
    created_at BIGINT NOT NULL,
    updated_at BIGINT
);
CREATE INDEX idx_agno_memories_user_id ON agno_memories (user_id);

-- Locking rows (`FOR UPDATE`) wants UPDATE on one column at least; Lethe updates none.
GRANT SELECT, DELETE, UPDATE (updated_at) ON agno_memories TO eraser;

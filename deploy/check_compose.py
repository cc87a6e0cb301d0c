"""Runs what the compose file runs beside Lethe, against real or stand-in servers: PostgreSQL's
first script with its grants, the sample collection's script, Qdrant's health check."""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

import yaml

DEPLOY = pathlib.Path(__file__).resolve().parent
SECRETS = {"superuser": "a1", "lethe": "b2", "eraser": "c3"}


def expect(fine, problem):
    if not fine:
        sys.exit(problem)


@contextlib.contextmanager
def postgres(directory):
    """Starts a PostgreSQL of its own that listens on a socket in `directory` only."""
    versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    expect(versions, "compose: install Debian's package postgresql, so that the first script can be run")
    # It refuses to run as root.
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if prefix:
        shutil.chown(directory, "postgres")
    (directory / "superuser").write_text(SECRETS["superuser"])
    (directory / "superuser").chmod(0o644)

    def run(program, *arguments):
        command = [*prefix, str(versions[-1] / program), *arguments]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
        expect(done.returncode == 0, f"compose: {program}: {done.stderr}")

    data = str(directory / "data")
    run("initdb", "-D", data, "-U", "postgres", "--auth=scram-sha-256", "--pwfile=superuser")
    options = f"-k {directory} -c listen_addresses='' -c fsync=off"
    run("pg_ctl", "-D", data, "-l", str(directory / "log"), "-o", options, "-w", "start")
    try:
        yield
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")


def check_postgres(temporary):
    directory = temporary / "postgres"
    directory.mkdir()
    secrets = temporary / "secrets"
    secrets.mkdir()
    for name, secret in SECRETS.items():
        (secrets / name).write_text(secret)
    script = (DEPLOY / "compose/postgres.sql").read_text().replace("/run/lethe/", f"{secrets}/")

    def psql(user, database, sql):
        command = ["psql", "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "-qAt", "-h", directory, "-U", user, "-d", database]
        password = SECRETS.get(user, SECRETS["superuser"])
        environment = {**os.environ, "PGPASSWORD": password}
        done = subprocess.run(command, env=environment, input=sql, capture_output=True, text=True)
        return done.returncode, done.stderr

    with postgres(directory):
        status, error = psql("postgres", "postgres", script)
        expect(status == 0, f"compose: postgres.sql: {error}")
        insert = "INSERT INTO agno_memories (memory_id, memory, created_at) VALUES ('m', '{}', 0)"
        expect(psql("postgres", "memories", insert)[0] == 0, "compose: the sample table takes no memory")
        erase = "SET row_security = off; BEGIN; SELECT 1 FROM agno_memories FOR UPDATE; DELETE FROM agno_memories; ROLLBACK"
        for user, database, sql, allowed in [
            ("lethe", "lethe", "CREATE TABLE jobs (id int)", True),
            ("lethe", "memories", "SELECT 1", False),
            ("eraser", "memories", erase, True),
            ("eraser", "memories", insert, False),
            ("eraser", "memories", "UPDATE agno_memories SET memory = '{}'", False),
            ("eraser", "memories", "CREATE TABLE other (id int)", False),
            ("eraser", "lethe", "SELECT 1", False),
        ]:
            status, error = psql(user, database, sql)
            expect((status == 0) == allowed, f"compose: {user} on {database}: {sql}: {error or 'was allowed'}")


class Qdrant(http.server.BaseHTTPRequestHandler):
    """Answers as Qdrant does to what the scripts ask."""

    requests = []
    ready = 200
    collection = 200

    def do_GET(self):
        self.answer(self.ready if self.path == "/readyz" else 404)

    def do_PUT(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append((self.path, self.headers["api-key"], body))
        self.answer(self.collection if self.path == "/collections/memories" else 200)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


def check_qdrant(temporary):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Qdrant)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = str(server.server_port)
    key = temporary / "api-key"
    key.write_text("k")

    def collection():
        return subprocess.run(["bash", DEPLOY / "compose/collection", "127.0.0.1", port, key], capture_output=True).returncode

    expect(collection() == 0, "compose: the collection is not made")
    paths = [path for path, _, _ in Qdrant.requests]
    expect(paths == ["/collections/memories"] + ["/collections/memories/index?wait=true"] * 3, f"compose: {paths}")
    expect(all(sent == "k" for _, sent, _ in Qdrant.requests), "compose: the key is not sent")
    Qdrant.collection = 409
    expect(collection() == 0, "compose: a collection that is there is an error")
    Qdrant.collection = 401
    expect(collection() != 0, "compose: a refusal is not an error")

    services = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text())["services"]
    test = [part.replace("$$", "$").replace("6333", port) for part in services["qdrant"]["healthcheck"]["test"][1:]]

    def healthy():
        return subprocess.run(test, capture_output=True).returncode == 0

    expect(healthy(), "compose: Qdrant's health check fails while it is ready")
    Qdrant.ready = 503
    expect(not healthy(), "compose: Qdrant's health check passes while it is not ready")
    server.shutdown()
    server.server_close()
    expect(not healthy(), "compose: Qdrant's health check passes without a server")

    # The key reaches the server's environment, and dollars reach the shell.
    entry = [part.replace("$$", "$") for part in services["qdrant"]["entrypoint"]]
    (temporary / "entrypoint.sh").write_text('#!/bin/sh\nprintf %s "$QDRANT__SERVICE__API_KEY"\n')
    (temporary / "entrypoint.sh").chmod(0o755)
    entry[-1] = entry[-1].replace("/run/lethe/api-key", str(key))
    shown = subprocess.run(entry, cwd=temporary, capture_output=True, text=True).stdout
    expect(shown == "k", "compose: Qdrant is started without its key")


with tempfile.TemporaryDirectory() as temporary:
    temporary = pathlib.Path(temporary)
    temporary.chmod(0o755)
    check_qdrant(temporary)
    check_postgres(temporary)
print("compose: the scripts do what they say on PostgreSQL and against Qdrant's answers")

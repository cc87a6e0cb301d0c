"""Runs what the compose file runs, as processes: PostgreSQL with its first script and grants, Redis,
an api and two workers with the configurations and keys that the first start makes; the sample
collection's script and Qdrant's health check against Qdrant's answers. The vector store of the
workers is the embedded engine of another `lethe up`."""

import contextlib
import http.server
import json
import os
import pathlib
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import yaml

DEPLOY = pathlib.Path(__file__).resolve().parent
LETHE = os.environ.get("LETHE_BIN") or str(DEPLOY.parent / "target/release/lethe")

# Long enough for a busy machine; nothing waits for it to pass.
PATIENCE = 120


def expect(fine, problem):
    if not fine:
        sys.exit(problem)


@contextlib.contextmanager
def postgres(directory, password):
    """Starts a PostgreSQL of its own that listens on a socket in `directory` only."""
    versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    expect(versions, "compose: install Debian's package postgresql, so that the first script can be run")
    # It refuses to run as root.
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if prefix:
        shutil.chown(directory, "postgres")
    (directory / "superuser").write_text(password)
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


def make_keys(secrets):
    """Makes the secrets as the first start does; returns a key for a person."""
    for name in ("api", "worker", "postgres", "redis", "qdrant", "prometheus", "grafana"):
        (secrets / name).mkdir(parents=True)
    environment = {**os.environ, "LETHE_SECRETS": str(secrets), "LETHE_BASE": str(DEPLOY / "compose/lethe.toml")}
    command = ["sh", DEPLOY / "compose/keys", "add", "ops", "admin"]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def check_postgres(secrets, directory):
    """Runs the first script; returns how to run more."""

    def psql(user, database, sql):
        command = ["psql", "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "-qAt", "-h", directory, "-U", user, "-d", database]
        password = secrets / "postgres" / ("superuser" if user == "postgres" else user)
        environment = {**os.environ, "PGPASSWORD": password.read_text()}
        done = subprocess.run(command, env=environment, input=sql, capture_output=True, text=True)
        return done.returncode, done.stderr or done.stdout.strip()

    script = (DEPLOY / "compose/postgres.sql").read_text().replace("/run/lethe/", f"{secrets}/postgres/")
    status, error = psql("postgres", "postgres", script)
    expect(status == 0, f"compose: postgres.sql: {error}")
    insert = "INSERT INTO agno_memories (memory_id, memory, created_at) VALUES (gen_random_uuid(), '{}', 0)"
    expect(psql("postgres", "memories", insert)[0] == 0, "compose: the sample table takes no memory")
    erase = "SET row_security = off; BEGIN; SELECT 1 FROM agno_memories FOR UPDATE; DELETE FROM agno_memories; ROLLBACK"
    for user, database, sql, allowed in [
        ("lethe", "lethe", "CREATE TABLE of_mine (id int); DROP TABLE of_mine", True),
        ("lethe", "memories", "SELECT 1", False),
        ("eraser", "memories", erase, True),
        ("eraser", "memories", insert, False),
        ("eraser", "memories", "UPDATE agno_memories SET memory = '{}'", False),
        ("eraser", "memories", "CREATE TABLE other (id int)", False),
        ("eraser", "lethe", "SELECT 1", False),
    ]:
        status, error = psql(user, database, sql)
        expect((status == 0) == allowed, f"compose: {user} on {database}: {sql}: {error or 'was allowed'}")
    return psql


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def eventually(what, look):
    """Asks until `look` returns something true; returns it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)  # between two questions
    sys.exit(f"compose: timed out waiting for {what}")


@contextlib.contextmanager
def running(command, directory, name, environment=None, **more):
    """Runs a process; asks it to end, and expects that it does so well."""
    with open(directory / f"{name}.log", "wb") as log:
        process = subprocess.Popen(command, cwd=directory, env=environment, stderr=log, **more)
        try:
            yield process
            process.terminate()
            status = process.wait(timeout=PATIENCE)
            expect(status == 0, f"compose: {name} ended with {status}:\n{(directory / f'{name}.log').read_text()}")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def fetch(url, key=None, body=None):
    """Returns an answer's status and body."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if body is not None:
        headers |= {"Content-Type": "application/json", "Prefer": "wait=60"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def check_lethe(directory, secrets, key, sockets, psql):
    """Erases a person's memories through the api, with the users and keys of the installation."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("LETHE_")}
    redis = free_port()
    with contextlib.ExitStack() as stack:

        def start(command, name, **more):
            return stack.enter_context(running(command, directory, name, **more))

        quiet = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
        server = ["redis-server", secrets / "redis/redis.conf", "--port", str(redis), *quiet]
        start(server, "redis", stdout=subprocess.DEVNULL)
        check_redis(secrets, redis)
        up = [LETHE, "up", "--data", str(directory / "engine"), "--listen", "127.0.0.1:0", "--output", "json"]
        engine = start(up, "engine", environment=plain, stdout=subprocess.PIPE)
        ready, _, _ = select.select([engine.stdout], [], [], PATIENCE)
        line = engine.stdout.readline() if ready else b""
        expect(line, f"compose: no vector store:\n{(directory / 'engine.log').read_text()}")
        qdrant = json.loads(line)["qdrant"]

        urls = {}
        for role, instances in (("api", 1), ("worker", 2)):
            text = (secrets / role / "lethe.toml").read_text()
            # The containers' names, as they resolve here.
            for there, here in {
                "@postgres/lethe": f"@localhost/lethe?host={sockets}",
                "@postgres/memories": f"@localhost/memories?host={sockets}",
                "redis:6379": f"127.0.0.1:{redis}",
                "http://qdrant:6334": qdrant["url"],
                (secrets / "qdrant/api-key").read_text(): qdrant["key"],
            }.items():
                text = text.replace(there, here)
            (directory / f"{role}.toml").write_text(text)
            for n in range(instances):
                port = free_port()
                environment = {
                    **plain,
                    "LETHE_CONFIG": str(directory / f"{role}.toml"),
                    f"LETHE_{role.upper()}__LISTEN": f"127.0.0.1:{port}",
                }
                start([LETHE, role], f"{role}-{n}", environment=environment)
                urls[f"{role}-{n}"] = f"http://127.0.0.1:{port}"
        for name, url in urls.items():
            check = [LETHE, "health", url]
            eventually(f"{name} to be healthy", lambda: subprocess.run(check, capture_output=True).returncode == 0)

        insert = """INSERT INTO agno_memories (memory_id, memory, user_id, created_at)
            SELECT gen_random_uuid(), '{}', CASE n % 2 WHEN 0 THEN 'a' ELSE 'b' END, n FROM generate_series(1, 100) n"""
        expect(psql("postgres", "memories", insert)[0] == 0, "compose: no memories")
        api = urls["api-0"]
        status, job = fetch(f"{api}/v1/jobs", key, {"select": {"subject": {"user_id": "a"}}})
        expect(status == 200 and json.loads(job)["state"] == "succeeded", f"compose: the job: {status} {job}")
        count = "SELECT string_agg(user_id || n, ' ') FROM (SELECT user_id, count(*) n FROM agno_memories GROUP BY 1) x"
        left = psql("postgres", "memories", count)
        expect(left == (0, "b50"), f"compose: what is left: {left}")

        metrics = (secrets / "prometheus/key").read_text()
        expect(fetch(f"{api}/metrics", metrics)[0] == 200, "compose: Prometheus' key does not read metrics")
        seen = json.loads(fetch(f"{api}/v1/jobs", metrics)[1])
        expect(seen["jobs"] == [], "compose: Prometheus' key reads the jobs of others")
        expect(fetch(f"{api}/v1/targets", metrics)[0] == 403, "compose: Prometheus' key reads targets")
        expect(fetch(f"{api}/metrics")[0] == 401, "compose: anybody reads the api's metrics")
        workers = [url for name, url in urls.items() if name.startswith("worker")]
        lines = [line for url in workers for line in fetch(f"{url}/metrics")[1].splitlines()]
        attempts = [line for line in lines if line.startswith("lethe_partition_attempts_total")]
        expect(any(not line.endswith(" 0") for line in attempts), f"compose: no worker worked: {attempts}")


def check_redis(secrets, port):
    """Runs Redis' health check, which has the password, and a command that has none."""
    services = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text())["services"]
    test = [part.replace("$$", "$") for part in services["redis"]["healthcheck"]["test"][1:]]
    test[-1] = test[-1].replace("/run/lethe", str(secrets / "redis")).replace("redis-cli", f"redis-cli -p {port}")
    eventually("Redis to be healthy", lambda: subprocess.run(test, capture_output=True).returncode == 0)
    anybody = subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True, text=True)
    expect("NOAUTH" in anybody.stdout + anybody.stderr, f"compose: Redis answers anybody: {anybody.stdout}")


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
        command = ["bash", DEPLOY / "compose/collection", "127.0.0.1", port, key]
        return subprocess.run(command, capture_output=True).returncode

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


def main():
    expect(os.access(LETHE, os.X_OK), f"compose: {LETHE} is not there: cargo build --release")
    with tempfile.TemporaryDirectory() as temporary:
        temporary = pathlib.Path(temporary)
        # PostgreSQL's user walks through it.
        temporary.chmod(0o711)
        directories = {name: temporary / name for name in ("qdrant", "postgres", "lethe")}
        for directory in directories.values():
            directory.mkdir()
        check_qdrant(directories["qdrant"])
        secrets = temporary / "secrets"
        key = make_keys(secrets)
        with postgres(directories["postgres"], (secrets / "postgres/superuser").read_text()):
            psql = check_postgres(secrets, directories["postgres"])
            check_lethe(directories["lethe"], secrets, key, directories["postgres"], psql)
    print("compose: an api and two workers erase with the installation's users and keys; its scripts do what they say")


main()

"""Generates a Python and a TypeScript client from /openapi.json. Each submits, watches, changes and cancels jobs.

Needs `pip install openapi-python-client httpx qdrant-client`, npm, and a running service (LETHE_URL, LETHE_KEY).
"""

import importlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from datetime import datetime, timedelta, timezone

from support.stores import Stores

CLIENTS = pathlib.Path(__file__).parent.parent / "clients"

# What a client saw: the state of the job that it watched, of the job that it cancelled, and of that one as it is read; the new
# pace of a job by person, and the reason for which its deadline was extended.
SEEN = ["succeeded", "cancelled", "cancelled", 5, "complexity"]

# A person without memories.
NOBODY = "nobody-of-a-generated-client"


def run(*command, directory):
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
    return done.stdout


def check_python(directory, ids):
    program = pathlib.Path(sys.executable).parent / "openapi-python-client"
    options = ["--path", "openapi.json", "--output-path", "lethe_client", "--meta", "none", "--config", str(CLIENTS / "python.yml")]
    run(str(program), "generate", *options, directory=directory)
    sys.path.insert(0, str(directory))
    lethe = importlib.import_module("lethe_client")
    models = importlib.import_module("lethe_client.models")
    create, watch, cancel, read, change = (
        importlib.import_module(f"lethe_client.api.jobs.{name}")
        for name in ("create_job", "watch_job", "cancel_job", "get_job", "change_job")
    )
    client = lethe.AuthenticatedClient(os.environ["LETHE_URL"], token=os.environ["LETHE_KEY"], raise_on_unexpected_status=True)
    client = client.with_timeout(60)

    def watched(job):
        """Returns the last version of a job, once it has ended."""
        text = watch.sync(job.id, client=client, last_event_id=0)
        return json.loads([line for line in text.splitlines() if line.startswith("data:")][-1].removeprefix("data:"))

    job = create.sync(client=client, body=models.CreateJob(select=models.Select(ids=ids)))
    erased = watched(job)
    later = datetime.now(timezone.utc) + timedelta(hours=1)
    job = create.sync(client=client, body=models.CreateJob(select=models.Select(ids=ids), not_before=later))
    cancel.sync(job.id, client=client)
    cancelled = watched(job)
    person = models.Select(subject=models.Subject(user_id=NOBODY))
    waiting = create.sync(client=client, body=models.CreateJob(select=person, not_before=later))
    paced = change.sync(waiting.id, client=client, body=models.ChangeJob(per_second=5))
    extended = change.sync(waiting.id, client=client, body=models.ChangeJob(extend=models.Extend(reason="complexity")))
    cancel.sync(waiting.id, client=client)
    return [
        erased["state"],
        cancelled["state"],
        read.sync(job.id, client=client).state,
        paced.per_second,
        extended.deadline.extension,
    ]


def check_typescript(directory, ids):
    for name in ("package.json", "tsconfig.json", "client.ts"):
        shutil.copy(CLIENTS / name, directory)
    run("npm", "install", "--silent", "--no-audit", "--no-fund", directory=directory)
    programs = directory / "node_modules" / ".bin"
    run(str(programs / "openapi-ts"), "--input", "openapi.json", "--output", "generated", "--silent", directory=directory)
    # The compiler holds the program against the types of the client.
    run(str(programs / "tsc"), "--project", "tsconfig.json", directory=directory)
    return json.loads(run("node", "built/client.js", NOBODY, *ids, directory=directory))


def main():
    stores = Stores()
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        with urllib.request.urlopen(os.environ["LETHE_URL"] + "/openapi.json") as answer:
            (directory / "openapi.json").write_bytes(answer.read())
        for check in (check_python, check_typescript):
            ids, others = stores.add("ana", 3), stores.add("ana", 1)
            seen = check(directory, ids)
            assert seen == SEEN, f"{check.__name__}: {seen}"
            stores.holds(ids + others, others)


main()

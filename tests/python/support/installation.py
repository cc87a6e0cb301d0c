"""A `lethe up` of its own, on a data directory that nobody else has."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).parents[3]

# How long anything may take before it counts as lost.
PATIENCE = 60


class Installation:
    """A running service: where it is, and where its stores are."""

    def __init__(self, directory, said):
        self.directory, self.programs = directory, directory / "bin"
        # Pages call `lethe` by its name.
        self.programs.mkdir()
        (self.programs / "lethe").symlink_to(binary().resolve())
        self.url, self.key = said["url"], said["key"]
        # Nothing is embedded where the configuration names targets.
        if said["qdrant"] is None:
            return
        qdrant = urllib.parse.urlparse(said["qdrant"]["url"])
        self.qdrant_port, self.qdrant_key = qdrant.port, said["qdrant"]["key"]
        # As the tests beside this one are told.
        self.environment = {
            "LETHE_URL": self.url,
            "LETHE_KEY": self.key,
            "LETHE_MEMORIES": str(directory / "lethe-data" / "memories.sqlite"),
            "QDRANT_HOST": qdrant.hostname,
            "QDRANT_GRPC_PORT": str(qdrant.port),
            "QDRANT_API_KEY": self.qdrant_key,
        }

    def ask(self, method, path):
        """Returns what the native API answers."""
        request = urllib.request.Request(self.url + path, method=method, headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def ended(self):
        """Waits until all jobs have ended; returns them, the newest first."""
        end = time.monotonic() + PATIENCE
        while True:
            jobs = self.ask("GET", "/v1/jobs?limit=200")["jobs"]
            if all(job["ended_at"] for job in jobs):
                return jobs
            assert time.monotonic() < end, jobs
            time.sleep(0.02)


def binary():
    """Returns the program, as the tests in Rust find it."""
    path = pathlib.Path(os.environ.get("LETHE_BIN") or ROOT / "target" / "release" / "lethe")
    assert path.exists(), f"{path} is not built"
    return path


def environment():
    """Returns the environment without anything of Lethe's in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LETHE_")}


@contextlib.contextmanager
def up(directory, lines, variables, demo=False):
    """Starts `lethe up` in a directory, as a page shows it but for the port; returns the first lines that it prints."""
    log = directory / "up.log"
    command = [binary(), "up", "--listen", "127.0.0.1:0", *["--demo"] * demo]
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=directory, env=variables, stdout=subprocess.PIPE, stderr=file, text=True)
    try:
        printed = [process.stdout.readline().rstrip("\n") for _ in range(lines)]
        assert all(printed), f"lethe up does not start:\n{log.read_text()}"
        yield printed
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextlib.contextmanager
def installation(configuration="", demo=False):
    """Starts a service with this configuration; the empty one is the default installation, which may have the memories of the
    demonstration."""
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        command = [binary(), "up", "--listen", "127.0.0.1:0", "--output", "json", *["--demo"] * demo]
        if configuration:
            (directory / "lethe.toml").write_text(configuration)
        log = (directory / "log").open("w")
        process = subprocess.Popen(command, cwd=directory, env=environment(), stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            said = process.stdout.readline()
            assert said, "lethe up does not start:\n" + (directory / "log").read_text()
            yield Installation(directory, json.loads(said))
        finally:
            process.terminate()
            process.wait(PATIENCE)

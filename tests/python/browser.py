"""The console in a real browser: Chromium, which `tests/browser` drives.

Needs npm, `chromium` or `google-chrome`, `pip install qdrant-client`, and the built program. Starts two services of its own: one
with the embedded stores, and one whose target has no vector store. Usage: browser.py [TEST …], with names of
files in `tests/browser`. `--pictures DIRECTORY` saves each page as a picture instead.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile

from support.installation import ROOT, environment, installation
from support.stores import Stores

BROWSER = ROOT / "tests" / "browser"

# The names of the program, Debian's first.
CHROMIUM = ("chromium", "google-chrome")

# Persons with their numbers of memories: one for a large purge, and others for small jobs.
MEMORIES = {"purged@example.com": 5_000} | {f"person-{number}@example.com": 60 for number in range(1, 15)}

# The vectors in one write: a message has a limit.
BATCH = 1_000

# How long all tests may take.
PATIENCE = 300

# Nothing listens at this port.
LOST = """
[[target]]
name = "lost"
sql = {{ url = "sqlite://{rows}" }}
vector = {{ url = "http://127.0.0.1:1" }}
  [[target.table]]
  name = "memories"
  columns = {{ id = "id", user = "user_id" }}
  collection = {{ name = "memories", point = "uuid", payload = {{ id = "memory_id", user = "user_id" }} }}
"""


def chromium():
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert found, f"install one of {', '.join(CHROMIUM)}"
    return found


@contextlib.contextmanager
def installing(directory):
    """Installs the packages of the tests, while the services start. Yields a function that waits until they are there."""
    command = ["npm", "ci", "--silent", "--no-audit", "--no-fund"]
    with subprocess.Popen(command, cwd=directory) as process:

        def wait():
            assert process.wait(PATIENCE) == 0, "the packages cannot be installed"

        yield wait


@contextlib.contextmanager
def lost(directory):
    """Starts a service whose target has rows, and no vector store."""
    rows = directory / "lost.sqlite"
    with contextlib.closing(sqlite3.connect(rows)) as database, database:
        database.execute("CREATE TABLE memories (id VARCHAR PRIMARY KEY, user_id VARCHAR)")
        database.executemany(
            "INSERT INTO memories VALUES (?, ?)",
            [("5c0f2a3e-7d52-4c3b-9a55-0d6f0c6a1b01", "ana"), ("5c0f2a3e-7d52-4c3b-9a55-0d6f0c6a1b02", "ben")],
        )
    with installation(LOST.format(rows=rows)) as service:
        yield service


def fill(service):
    """Writes the memories of all persons."""
    os.environ.update(service.environment)
    stores = Stores()
    for person, number in MEMORIES.items():
        for begin in range(0, number, BATCH):
            stores.add(person, min(BATCH, number - begin))


def run(directory, arguments):
    tests = directory / "browser"
    shutil.copytree(BROWSER, tests, ignore=shutil.ignore_patterns("node_modules"))
    variables = {"LETHE_TEST_CHROMIUM": chromium()}
    files = arguments.tests or sorted(path.name for path in tests.glob("*.test.js"))
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
        variables["LETHE_TEST_PICTURES"] = str(arguments.pictures.resolve())
        files = ["pictures.js"]
    with installing(tests) as installed, installation() as service, lost(directory) as without:
        fill(service)
        variables |= {"LETHE_URL": service.url, "LETHE_KEY": service.key}
        variables |= {"LETHE_LOST_URL": without.url, "LETHE_LOST_KEY": without.key}
        # The packages bring the version of Node.js that they need, on the usual machines.
        variables["PATH"] = os.pathsep.join([str(tests / "node_modules" / ".bin"), os.environ["PATH"]])
        installed()
        command = ["node", "--test", "--test-reporter=spec", "--test-concurrency=2", *files]
        subprocess.run(command, cwd=tests, env=environment() | variables, check=True, timeout=PATIENCE)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=pathlib.Path, metavar="DIRECTORY")
    parser.add_argument("tests", nargs="*", metavar="TEST")
    with tempfile.TemporaryDirectory() as directory:
        run(pathlib.Path(directory), parser.parse_args())


main()

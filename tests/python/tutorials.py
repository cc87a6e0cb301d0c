"""Works through the tutorials of the guide (docs/src/start) as a reader does, and compares what commands print with what a page shows.

Each page has an empty directory, a database in PostgreSQL and a Qdrant, all of its own. Only their addresses, the ports and the
keys are put in. A block whose first line is a comment with a file's name is saved as that file. Commands that start servers or
install programs are not run. Needs what `tests/run` installs: LETHE_TEST_POSTGRES_URL, and the packages that the pages install.
"""

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import uuid

import psycopg
from qdrant_client import QdrantClient

from support.installation import PATIENCE, ROOT, binary, environment, installation, up
from support.pages import commands, compare, is_up, snippets

PAGES = ROOT / "docs" / "src" / "start"

# The test's own stores and programs are in their place.
NOT_RUN = {"docker", "pip"}

# The first line of a block that is to be saved.
FILE = re.compile(r"(?:#|--) ([a-z]+\.(?:py|sql))\n")


class Reader:
    """A person who works through a page: a directory, variables, and the address of each store."""

    def __init__(self, directory, stores):
        self.directory, self.running = directory, contextlib.ExitStack()
        self.lacks_pgvector = False
        programs = directory / "bin"
        programs.mkdir()
        (programs / "lethe").symlink_to(binary().resolve())
        path = os.pathsep.join([str(programs), os.path.dirname(sys.executable), os.environ["PATH"]])
        self.variables = environment() | {"PATH": path}
        self.variables.pop("QDRANT_API_KEY", None)
        self.own = {
            "postgres://postgres@localhost:5432/postgres": database(),
            "http://localhost:6334": f"http://127.0.0.1:{stores.qdrant_port}",
            "grpc_port=6334": f"grpc_port={stores.qdrant_port}",
            'api_key="tutorial"': f'api_key="{stores.qdrant_key}"',
            "QDRANT_API_KEY=tutorial": f"QDRANT_API_KEY={stores.qdrant_key}",
        }

    def put_in(self, text):
        for written, real in self.own.items():
            text = text.replace(written, real)
        return text

    def saves(self, text):
        """Saves a block as the file that its first line names."""
        name = FILE.match(text)
        assert name, f"no test runs this block:\n{text}"
        text = self.put_in(text)
        if without_pgvector(text) != text and not has_pgvector():
            text, self.lacks_pgvector = without_pgvector(text), True
        (self.directory / name[1]).write_text(text)

    def runs(self, command, shown):
        command, shown = self.put_in(command), self.put_in(shown)
        if command.split()[0] in NOT_RUN:
            return
        if is_up(command):
            printed = self.running.enter_context(up(self.directory, len(shown.splitlines()), self.variables))
            # The test has another port.
            compare(command, shown.replace("http://127.0.0.1:7878", "http://…"), "\n".join(printed))
            self.variables["LETHE_URL"] = printed[0].split()[-1]
            self.own["lethe_…"] = printed[1].split()[-1]
            return
        if command.startswith("export "):
            name, value = command.removeprefix("export ").split("=", 1)
            self.variables[name] = value
            return
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.directory,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        if shown:
            compare(command, shown, done.stdout)


def database():
    """Makes a database; returns its URL."""
    server, name = os.environ["LETHE_TEST_POSTGRES_URL"], f"tutorial_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server.rsplit('/', 1)[0]}/{name}"


def has_pgvector():
    """Returns whether the server has pgvector."""
    with psycopg.connect(os.environ["LETHE_TEST_POSTGRES_URL"]) as connection:
        query = "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"
        return connection.execute(query).fetchone() is not None


def without_pgvector(text):
    """Puts texts in the place of vectors: Lethe reads neither."""
    return text.replace("CREATE EXTENSION IF NOT EXISTS vector;", "").replace("vector(3)", "text")


def work_through(page):
    """Does what a page says; returns the number of its blocks."""
    blocks = snippets(page)
    with installation() as stores, tempfile.TemporaryDirectory() as directory:
        # A reader's Qdrant is empty.
        QdrantClient(
            host="127.0.0.1",
            grpc_port=stores.qdrant_port,
            api_key=stores.qdrant_key,
            prefer_grpc=True,
            https=False,
            check_compatibility=False,
        ).delete_collection("memories")
        reader = Reader(pathlib.Path(directory), stores)
        with reader.running:
            for language, text in blocks:
                if language != "console":
                    reader.saves(text)
                    continue
                for command, shown in commands(text):
                    reader.runs(command, shown)
    lacks = "; NOT TESTED with pgvector: this PostgreSQL has no extension `vector`" if reader.lacks_pgvector else ""
    print(f"{page.relative_to(ROOT)}: {len(blocks)} done{lacks}")
    return len(blocks)


def main():
    done = [work_through(page) for page in sorted(PAGES.glob("*.md"))]
    assert len(done) >= 4 and all(done), done


if __name__ == "__main__":
    main()

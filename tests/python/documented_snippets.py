"""Runs every snippet of README.md and of the guide, as they are written.

Each page has an installation of its own: the default one, or the one that the page's TOML configures. TOML that names targets
configures an installation by itself. That one has to start, and its stores are somewhere else. The memories that a page names
are in both stores before, and are gone afterwards. Only the address, the keys and the places of files are put in. The output
of a command is compared with the output that the page shows. Needs the built program and
`pip install agno[os] mem0ai opensearch-py qdrant-client`. The tutorials have stores of their own: `tutorials.py` runs them.
"""

import ast
import asyncio
import inspect
import json
import os
import pathlib
import re
import subprocess
import tempfile

os.environ["MEM0_TELEMETRY"] = "False"

from support.installation import PATIENCE, ROOT, binary, environment, installation, up
from support.pages import commands, compare, is_demo, is_up, snippets
from support.stores import Stores

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# This program is a part of it.
ALL_TESTS = "./tests/run"

# The snippet changes what a job is doing: none may end before it is changed.
PAUSED = {("docs/src/compatibility/opensearch.md", "wait_for_completion")}

# The snippet of the page writes memories.
WRITES = {"cli/docs/embedded.md"}

# An operator's commands: they need servers, roles or programs that no test has.
NOT_RUN = "sh"

# The directory of the tutorials.
TUTORIALS = ROOT / "docs" / "src" / "start"


def pages():
    guide = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "```" in page.read_text() and page.parent != TUTORIALS]
    return [ROOT / "README.md", *guide, *sorted((ROOT / "cli" / "docs").glob("*.md"))]


def put_in(text, service):
    """Puts in what is another in each installation."""
    for written, real in {
        "http://127.0.0.1:7878": service.url,
        "lethe_…": service.key,
        "grpc_port=6334": f"grpc_port={service.qdrant_port}",
        'api_key="…"': f'api_key="{service.qdrant_key}"',
        '"lethe-data/': f'"{service.directory}/lethe-data/',
        "cargo run --release --": str(binary()),
    }.items():
        text = text.replace(written, real)
    assert "…" not in text, f"something is left out:\n{text}"
    return text


def run_python(text, service, names):
    code = compile(put_in(text, service), "snippet", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    made = eval(code, names)
    if inspect.iscoroutine(made):
        asyncio.run(made)


def run_console(text, service):
    for command, printed in commands(text):
        if command.split("#")[0].strip() == ALL_TESTS:
            assert os.access(ROOT / ALL_TESTS, os.X_OK), command
            continue
        variables = environment() | {"KEY": service.key, "LETHE_URL": service.url, "LETHE_KEY": service.key}
        variables["PATH"] = os.pathsep.join([str(service.programs), os.environ["PATH"]])
        if is_up(command):
            run_up(command, printed, variables)
            continue
        done = subprocess.run(
            ["bash", "-euc", put_in(command, service)],
            cwd=service.directory,
            env=variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        if printed:
            compare(command, printed, done.stdout)
        try:
            answer = json.loads(done.stdout)
        except json.JSONDecodeError:
            continue
        assert not {"error", "detail", "title"} & set(answer), f"{command}\n{answer}"


def run_up(command, shown, variables):
    """Starts the service of a page, compares what it prints, and stops it."""
    lines, demo = len(shown.splitlines()), is_demo(command)
    with tempfile.TemporaryDirectory() as directory, up(pathlib.Path(directory), lines, variables, demo) as printed:
        # The test has another port.
        compare(command, shown.replace(":7878", ":…"), "\n".join(printed))


def run(page):
    """Runs the snippets of a page; returns how many there are."""
    name, blocks = str(page.relative_to(ROOT)), snippets(page)
    settings = [text for language, text in blocks if language == "toml"]
    elsewhere = [text for text in settings if "[[target]]" in text]
    for text in elsewhere:
        with installation(text) as service:
            assert service.ask("GET", "/v1/targets")["targets"], text
    configuration = "".join(text for text in settings if text not in elsewhere)
    named = sorted({memory for _, text in blocks for memory in UUID.findall(text)})
    # A page that starts with the memories of the demonstration goes on with these.
    consoles = [commands(text) for language, text in blocks if language == "console"]
    demo = any(is_demo(command) for console in consoles for command, _ in console)
    with installation(configuration, demo) as service:
        os.environ.update(service.environment)
        stores = Stores()
        # A second person's memories stay.
        others = stores.add("ben", 3)
        if demo:
            stores.holds(named, named)
        elif name not in WRITES:
            stores.put(named, "ana")
        (service.directory / "ids.ndjson").write_text("".join(json.dumps(memory) + "\n" for memory in stores.add("ana", 2)))
        names = {}
        for language, text in blocks:
            paused = any(name == where and word in text for where, word in PAUSED)
            if paused:
                service.ask("POST", "/v1/targets/main/pause")
            if language == "python":
                run_python(text, service, names)
            elif language == "console":
                run_console(text, service)
            elif language != NOT_RUN:
                assert language == "toml", f"{name}: no test runs `{language}`:\n{text}"
            if paused:
                service.ask("POST", "/v1/targets/main/resume")
        for job in service.ended():
            assert job["state"] in ("succeeded", "cancelled"), f"{name}: {job}"
        if named:
            stores.holds(named + others, (named if name in WRITES else []) + others)
    print(f"{name}: {len(blocks)} run")
    return len(blocks)


def main():
    ran = {str(page.relative_to(ROOT)): run(page) for page in pages()}
    without = [page for page, n in ran.items() if not n]
    assert not without, f"pages without a snippet: {without}"
    assert sum(ran.values()) >= 13, ran


main()

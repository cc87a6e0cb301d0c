"""Writes the dashboards, or compares them: `generate.py` or `generate.py --check`. Needs `pip install -r deploy/requirements.txt`."""

import json
import pathlib
import sys

from api import api
from erasure import erasure
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from workers import workers

DASHBOARDS = pathlib.Path(__file__).resolve().parent.parent / "dashboards"


def main():
    made = {}
    for board in (erasure(), workers(), api()):
        name = board.uid.removeprefix("lethe-") + ".json"
        made[name] = json.dumps(board, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if sys.argv[1:] == ["--check"]:
        committed = {path.name: path.read_text() for path in DASHBOARDS.glob("*.json")}
        differ = sorted(name for name in made.keys() | committed.keys() if made.get(name) != committed.get(name))
        if differ:
            sys.exit(f"dashboards: run deploy/grafana/mixin/generate.py: it makes another {', '.join(differ)}")
        print(f"dashboards: {', '.join(sorted(made))} are as generated")
        return
    for name, text in made.items():
        (DASHBOARDS / name).write_text(text)


main()

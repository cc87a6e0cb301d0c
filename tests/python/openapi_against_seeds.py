"""Compares /openapi.json with the documents of the systems whose clients are served, operation by operation.

Ours must accept all that theirs accept, and answer beyond theirs only the statuses below. Needs `pip install PyYAML`, and
a running service (LETHE_URL).
"""

import json
import os
import pathlib
import urllib.request

import yaml

SEEDS = pathlib.Path(__file__).parent.parent / "fixtures" / "seeds"

# What every system may be answered beyond its own document.
BEYOND = {"202", "401", "403", "404", "405", "408", "409", "413", "415", "429", "500", "503"}


class Document:
    """An OpenAPI document, with its references resolved where they are looked at."""

    def __init__(self, document):
        self.document = document

    def of(self, node):
        while isinstance(node, dict) and "$ref" in node:
            found = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node

    def types(self, schema):
        """Returns the JSON types that a schema takes."""
        schema = self.of(schema)
        alternatives = schema.get("anyOf") or schema.get("oneOf")
        if alternatives:
            return set().union(*(self.types(one) for one in alternatives))
        given = schema.get("type", [])
        types = {given} if isinstance(given, str) else set(given)
        if not types and "enum" in schema:
            types = {"string"}
        return types

    def words(self, schema):
        """Returns the closed list of words that a schema takes, if it is one."""
        words = self.of(schema).get("enum")
        return None if words is None else set(words)

    def operation(self, method, path):
        """Returns the operation of a path, whatever its parameters are called."""
        for known, item in self.document["paths"].items():
            if known == path and method in item:
                return item[method]
        return None


def check_parameters(where, theirs, ours, seed, lethe):
    known = {(p["name"].lower(), p["in"]): p for p in map(lethe.of, ours.get("parameters", []))}
    for parameter in map(seed.of, theirs.get("parameters", [])):
        key = (parameter["name"].lower(), parameter["in"])
        assert key in known, f"{where}: no parameter {key}"
        mine = known[key]
        assert parameter.get("required") or not mine.get("required"), f"{where}: {key} is required"
        # In a path, a query or a header null is absence.
        types = seed.types(parameter["schema"]) - {"null"}
        assert types <= lethe.types(mine["schema"]), f"{where}: {key} takes {lethe.types(mine['schema'])}"
    given = {(p["name"].lower(), p["in"]) for p in map(seed.of, theirs.get("parameters", []))}
    for key, mine in known.items():
        assert key in given or not mine.get("required"), f"{where}: {key} is required and theirs does not have it"


def check_body(where, theirs, ours, seed, lethe):
    if "requestBody" not in theirs:
        assert "requestBody" not in ours, f"{where}: a body is asked for"
        return
    of = lambda document, operation: document.of(operation["requestBody"]["content"]["application/json"]["schema"])
    their, mine = of(seed, theirs), of(lethe, ours)
    assert set(mine.get("required", [])) <= set(their.get("required", [])), f"{where}: more is required"
    for name, schema in their["properties"].items():
        assert name in mine["properties"], f"{where}: no field {name}"
        taken = lethe.types(mine["properties"][name])
        assert seed.types(schema) <= taken, f"{where}: {name} takes {taken}"


def check_answers(where, theirs, ours, seed, lethe, beyond):
    for status in theirs["responses"]:
        assert status in ours["responses"], f"{where}: no {status}"
    for status, response in ours["responses"].items():
        if status not in theirs["responses"]:
            assert status in beyond, f"{where}: {status} is beyond what is allowed"
            continue
        their = seed.of(theirs["responses"][status]).get("content", {}).get("application/json")
        mine = lethe.of(response).get("content", {}).get("application/json")
        assert (their is None) == (mine is None), f"{where}: {status}: one has a body"
        if their is None:
            continue
        their, mine = seed.of(their["schema"]), lethe.of(mine["schema"])
        missing = set(their.get("required", [])) - set(mine.get("required", []))
        assert not missing, f"{where}: {status}: without {missing}"
        for name, schema in mine["properties"].items():
            if name in their["properties"]:
                types = lethe.types(schema)
                assert types <= seed.types(their["properties"][name]), f"{where}: {status}: {name} is {types}"
                words, known = lethe.words(schema), seed.words(their["properties"][name])
                assert known is None or words and words <= known, f"{where}: {status}: {name} is one of {words}"


def main():
    with urllib.request.urlopen(os.environ["LETHE_URL"] + "/openapi.json") as answer:
        lethe = Document(json.load(answer))
    compared = 0
    for path in sorted(SEEDS.glob("*.yaml")):
        seed = Document(yaml.safe_load(path.read_text()))
        for template, item in seed.document["paths"].items():
            for method, theirs in item.items():
                where = f"{method} {template}"
                ours = lethe.operation(method, template)
                assert ours is not None, f"{where}: not there"
                check_parameters(where, theirs, ours, seed, lethe)
                check_body(where, theirs, ours, seed, lethe)
                beyond = BEYOND - {"404"} if path.stem == "memoryplugin" else BEYOND
                check_answers(where, theirs, ours, seed, lethe, beyond)
                compared += 1
    assert compared == 4, compared


main()

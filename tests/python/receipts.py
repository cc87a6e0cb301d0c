"""Verifies receipts by three programs that share no code: `lethe`, OpenSSL with the guide's script, and securesystemslib.

Needs `pip install securesystemslib[crypto] jsonschema qdrant-client`, openssl, jq, the built program, a running `lethe up`
(LETHE_URL, LETHE_KEY, LETHE_MEMORIES) and its vector store (QDRANT_HOST, QDRANT_GRPC_PORT, QDRANT_API_KEY).

All three must accept each receipt, and refuse it with one byte changed or with another key. Each statement must fit the
published schema, and hold no id and no person.
"""

import base64
import copy
import datetime
import hashlib
import json
import os
import pathlib
import random
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jsonschema import Draft202012Validator
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey
from support.installation import PATIENCE, ROOT, binary, environment
from support.pages import snippets
from support.stores import Stores

GUIDE = ROOT / "docs" / "src" / "privacy" / "receipts.md"
TYPE = "application/vnd.lethe.receipt.v1+json"

# Changed bytes of a payload for each receipt.
CHANGES = 8


def ask(path, method="GET", body=None, headers=None):
    """Returns the status and the answer of the API."""
    given = {"Authorization": "Bearer " + os.environ["LETHE_KEY"], **(headers or {})}
    if body is not None:
        given["Content-Type"] = "application/json"
    request = urllib.request.Request(
        os.environ["LETHE_URL"] + path,
        data=None if body is None else json.dumps(body).encode(),
        headers=given,
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def job(state, wait=30, **fields):
    """Submits a deletion, and returns it once it is in a state."""
    status, made = ask("/v1/jobs", "POST", fields, {"Prefer": f"wait={wait}"})
    assert status in (200, 202) and made["state"] == state, made
    return made


def ended(of, state):
    """Returns a job once it is in a state."""
    end = time.monotonic() + PATIENCE
    while True:
        status, read = ask(f"/v1/jobs/{of['id']}")
        assert status == 200, read
        if read["state"] == state:
            return read
        assert time.monotonic() < end, read
        time.sleep(0.1)


def receipt(of):
    """Returns the receipt of a job. It is signed about a second after the end."""
    end = time.monotonic() + PATIENCE
    while True:
        status, answer = ask(f"/v1/jobs/{of['id']}/receipt")
        if status == 200:
            return answer
        assert status == 503 and time.monotonic() < end, answer


# ------------------------------------------------------------------------------------ the verifiers


class Verifiers:
    """The three programs, and the files that they read."""

    def __init__(self, directory, keys):
        self.directory, self.script = directory, directory / "verify-receipt"
        (script,) = [text for language, text in snippets(GUIDE) if language == "sh" and "pkeyutl" in text]
        self.script.write_text(script)
        self.keys = directory / "keys.json"
        self.set(keys)

    def set(self, keys):
        """Gives another list of keys to all."""
        self.listed = keys["keys"]
        self.keys.write_text(json.dumps(keys))

    def file(self, envelope):
        path = self.directory / "receipt.json"
        path.write_text(json.dumps(envelope))
        return path

    def lethe(self, envelope, *more):
        done = subprocess.run(
            [binary(), "receipts", "verify", self.file(envelope), "--keys", self.keys, *more],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode in (0, 1), done
        # A refusal has a reason, and no answer.
        assert (done.returncode == 0) == done.stdout.startswith(("valid: ", "{")), done
        assert (done.returncode == 0) == (not done.stderr.startswith("error: ")), done
        return done.returncode == 0

    def openssl(self, envelope):
        done = subprocess.run(
            ["sh", self.script, self.file(envelope), self.keys],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return done.returncode == 0

    def securesystemslib(self, envelope):
        known = [
            SSlibKey(key["key_id"], "ed25519", "ed25519", {"public": base64.b64decode(key["public_key"]).hex()})
            for key in self.listed
        ]
        try:
            read = Envelope.from_dict(copy.deepcopy(envelope))
            # DSSE leaves the type to the reader.
            return bool(read.verify(known, 1)) and read.payload_type == TYPE
        except VerificationError:
            return False

    def agree(self, expected, envelope, what):
        said = {
            "lethe": self.lethe(envelope),
            "openssl": self.openssl(envelope),
            "securesystemslib": self.securesystemslib(envelope),
        }
        assert set(said.values()) == {expected}, f"{what}: {said}, and not {expected}"


def changed(text, at):
    """Returns base64 with one bit of one byte changed."""
    there = bytearray(base64.b64decode(text))
    there[at] ^= 1 << random.randrange(8)
    return base64.b64encode(there).decode()


def alterations(envelope):
    """Yields the envelope with one byte changed, in each of its signed parts."""
    size = len(base64.b64decode(envelope["payload"]))
    for at in [0, size - 1, *(random.randrange(size) for _ in range(CHANGES))]:
        yield f"payload, byte {at}", {**envelope, "payload": changed(envelope["payload"], at)}
    for at in (0, 31, 32, 63):
        (signature,) = envelope["signatures"]
        signature = {**signature, "sig": changed(signature["sig"], at)}
        yield f"signature, byte {at}", {**envelope, "signatures": [signature]}
    for other in (TYPE.replace("v1", "v2"), TYPE.replace("json", "jsom"), TYPE + " "):
        yield f"type {other!r}", {**envelope, "payloadType": other}


def with_another_key(keys):
    """Returns a list of keys that has only a key of somebody else."""
    public = Ed25519PrivateKey.generate().public_key()
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    other = {
        **keys["keys"][0],
        "key_id": hashlib.sha256(raw).hexdigest(),
        "public_key": base64.b64encode(raw).decode(),
        "pem": pem.decode(),
    }
    return {**keys, "keys": [other]}


# ------------------------------------------------------------------------------------ the statements


def check_schema(schema, payload):
    """Fails unless a payload fits the schema, and the schema demands each of its fields."""
    validator = Draft202012Validator(schema)
    validator.validate(payload)
    for parent in (payload, payload["erasure"], payload["erasure"]["status"], payload["erasure"]["times"]):
        for name in list(parent):
            value = parent.pop(name)
            assert not validator.is_valid(payload), f"the schema does without {name}"
            parent[name] = value


def endings(stores):
    """Yields jobs with each ending, their status, and the texts that no receipt may have."""
    run = uuid.uuid4().hex
    ana = f"ana-{run}@example.com"
    memories = stores.add(ana, 3)
    gone = job("succeeded", select={"subject": {"user_id": ana}}, reference="DSR-4711")
    stores.holds(memories, [])
    yield gone, ("completed", 3), [ana, *memories]

    nowhere = str(uuid.uuid4())
    yield job("succeeded", select={"ids": [nowhere]}), ("completed", 5), [nowhere]

    ben = f"ben-{run}@example.com"
    memories = stores.add(ben, 1)
    # A request that waits for a failed job is answered with a problem.
    failed = job("queued", wait=0, select={"subject": {"user_id": ben}}, expect="1" * 32)
    yield ended(failed, "failed"), ("in_progress", None), [ben, *memories]

    tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    later = job("queued", wait=0, select={"subject": {"user_id": ben}}, not_before=tomorrow.isoformat())
    status, cancelled = ask(f"/v1/jobs/{later['id']}/cancel", "POST")
    assert status in (200, 202), cancelled
    yield later, ("cancelled", None), [ben]


def check_statement(of, status, secrets, payload):
    text = json.dumps(payload)
    assert not [secret for secret in secrets if secret in text], text
    erasure = payload["erasure"]
    assert erasure["job"] == {"id": of["id"], "attempt": 1, "ending": 1}, erasure
    assert (erasure["status"]["opendsr"], erasure["status"]["drop"]) == status, erasure
    assert erasure["request"]["reference"] == of.get("reference"), erasure
    assert len(erasure["selection"]["persons"]) == (of["kind"] == "subject"), erasure
    assert erasure["selection"]["kind"] == of["kind"] and erasure["selection"]["places"], erasure


def check_proof(verifiers, envelope):
    """Fails unless only a proof that fits is accepted. The other two programs know no log."""
    assert verifiers.lethe(envelope, "--require-proof")
    without = {**envelope, "tlog_proof": None}
    assert verifiers.lethe(without) and not verifiers.lethe(without, "--require-proof")
    proof = verifiers.directory / "receipt.tlog-proof"
    proof.write_text(envelope["tlog_proof"])
    assert verifiers.lethe(without, "--proof", proof, "--require-proof", "--output", "json")
    head, index, rest = envelope["tlog_proof"].split("\n", 2)
    index = int(index.removeprefix("index "))
    elsewhere = {**envelope, "tlog_proof": f"{head}\nindex {index + 1}\n{rest}"}
    assert not verifiers.lethe(elsewhere)


def main():
    random.seed(20)
    status, keys = ask("/.well-known/lethe-keys.json")
    assert status == 200, keys
    status, schema = ask("/.well-known/lethe-receipt.v1.schema.json")
    assert status == 200, schema
    Draft202012Validator.check_schema(schema)
    written = ROOT / "common" / "src" / "receipt" / "receipt.v1.schema.json"
    assert schema == json.loads(written.read_text())

    receipts = 0
    with tempfile.TemporaryDirectory() as directory:
        verifiers = Verifiers(pathlib.Path(directory), keys)
        for of, status, secrets in endings(Stores()):
            envelope = receipt(of)
            payload = json.loads(base64.b64decode(envelope["payload"]))
            check_schema(schema, payload)
            check_statement(of, status, secrets, payload)
            verifiers.agree(True, envelope, "unchanged")
            for what, other in alterations(envelope):
                verifiers.agree(False, other, what)
            check_proof(verifiers, envelope)
            verifiers.set(with_another_key(keys))
            verifiers.agree(False, envelope, "another key")
            verifiers.set(keys)
            receipts += 1

    counted = job("succeeded", select={"subject": {"user_id": "nobody"}}, dry_run=True)
    status, problem = ask(f"/v1/jobs/{counted['id']}/receipt")
    assert status == 404 and problem["type"].endswith("no-receipt"), problem
    print(f"{receipts} receipts: three verifiers agree")


main()

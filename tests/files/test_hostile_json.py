"""Snapshots and plans made to hurt: each is refused with its reason, in little memory and without end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.files.hostile_catalogs import MEMORY, ROOT

READ = """
import json, resource, sys
from pathlib import Path
if sys.platform == "linux":
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
from planctl.errors import InvalidInput
from planctl.files.json_reader import read_json
for name in sys.argv[2:]:
    try:
        read_json(Path(name), "a snapshot")
        print(json.dumps([name, "read"]))
    except InvalidInput as refused:
        print(json.dumps([name, str(refused)]))
"""

CASES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "it is not JSON"),
    "a million brackets": (b"[" * 1_000_000, "nested too deeply"),
    "a million braces": (b'{"a":' * 1_000_000, "nested too deeply"),
    "nested deeper than is walked by calls": (b"[" * 101 + b"]" * 101, "nested too deeply"),
    "nested as deep as is read": (b"[" * 100 + b"]" * 100, "read"),
    "five million empty maps": (
        b"[" + b",".join([b"{}"] * 5_000_000) + b"]",
        "holds more than 1,500,000 values",
    ),
    "a key twice after 300,000 others": (
        b"{" + b"".join(b'"k%d":1,' % n for n in range(300_000)) + b'"k299999":1}',
        "says the key 'k299999' twice",
    ),
    "not a number": (b'{"a": NaN}', "NaN is no number"),
    "infinity": (b'{"a": -Infinity}', "-Infinity is no number"),
    "a lone surrogate": (rb'{"a": "\ud800"}', "not UTF-8"),
    "a lone surrogate as a key": (rb'{"\ud800": "a"}', "not UTF-8"),
    "a NUL": (b'{"a": "\0"}', "it is not JSON"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
    "a byte order mark": (b'\xef\xbb\xbf{"a": 1}', "it is not JSON"),
    "a second document": (b"{}{}", "it is not JSON"),
    "a million digits": (b"9" * 1_000_000, "read"),  # a text, which no field takes for a number
    "an exponent": (b"1e999999999", "read"),
}


def test_every_hostile_json_file_is_refused_in_little_memory(tmp_path: Path) -> None:
    for number, (data, _) in enumerate(CASES.values()):
        (tmp_path / str(number)).write_bytes(data)
    (tmp_path / "huge").write_bytes(b"")
    with (tmp_path / "huge").open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)
    names = [*map(str, range(len(CASES))), "huge"]
    done = subprocess.run(
        [sys.executable, "-c", READ, str(MEMORY), *names],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.stderr == ""
    said = dict(json.loads(line) for line in done.stdout.splitlines())
    assert "it is longer than 64 MiB" in said.pop("huge")
    wrong = {
        name: said.get(str(number), "it never ended")
        for number, (name, (_, reason)) in enumerate(CASES.items())
        if reason not in said.get(str(number), "")
    }
    assert wrong == {}


@pytest.mark.parametrize("option", ["--against", "--plan"])
def test_a_file_full_of_wrong_types_is_invalid_input_and_no_traceback(tmp_path: Path, option: str) -> None:
    form = "planctl.snapshot/1" if option == "--against" else "planctl.plan/1"
    keys = (
        "store",
        "revision",
        "objects",
        "base",
        "hashes",
        "files",
        "changes",
        "held",
        "used",
        "as_of",
        "digest",
    )
    (tmp_path / "x.json").write_text(json.dumps({"format": form, **{key: [[], {"a": None}] for key in keys}}))
    command = ["diff", str(ROOT / "sample-catalogs" / "quickstart")] if option == "--against" else ["apply"]
    done = subprocess.run(
        [sys.executable, "-m", "planctl", "--store", "s.db", "catalog", *command, option, "x.json"],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("x.json: error: ")

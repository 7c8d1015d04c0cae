"""Input made to hurt: each is a finding with a place, and none costs much time or memory.

The whole set is read in one process with 300 MB of memory and a generous time, so that a blow-up, which
would take minutes or gigabytes, cannot hide behind a slow machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from planctl.core.document import Scalar
from planctl.core.reading import Reader
from planctl.files.yaml_reader import read_catalog, read_text

MEGABYTE = 1024 * 1024

MERGE_BOMB = "".join(
    [
        "a: &a {k: 1}\n",
        *(
            f"{name}: &{name} {{<<: [*{below}, *{below}, *{below}]}}\n"
            for below, name in zip("abcdefgh", "bcdefghi", strict=True)
        ),
    ]
)
LAUGHS = "a: &a [x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{below}'] * 9)}]\n"
    for below, name in zip("abcdefgh", "bcdefghi", strict=True)
)

HOSTILE = {
    "merge keys": (MERGE_BOMB, "anchor"),
    "a billion laughs": (LAUGHS, "anchor"),
    "100,000 brackets": ("[" * 100_000, "too-deep"),
    "100,000 braces": ("{a: " * 100_000, "too-deep"),
    "100,000 dashes": ("- " * 100_000, "too-deep"),
    "100,000 question marks": ("? " * 100_000, "too-deep"),
    "100,000 brackets, a line each": ("[\n" * 100_000, "too-deep"),
    "100,000 levels of indentation": ("".join(f"{' ' * level}a:\n" for level in range(1_000)), "too-deep"),
    "a map as the key of a map as the key": ("{" * 1_000, "too-deep"),
    "half a million items": ("a: [" + "1," * 500_000 + "]", "too-many-values"),
    "a mebibyte of tag directives": (
        "".join(f"%TAG !{n}! x\n" for n in range(60_000)) + "--- a",
        "directive",
    ),
    "a mebibyte of aliases": ("a: [" + "*a," * 300_000, "too-many-findings"),
    "a mebibyte of one duplicate key": ("a: 1\n" * 200_000, "too-many-values"),
    "a mebibyte of tabs": ("\tx\n" * 300_000, "too-many-findings"),
    "a mebibyte of control characters": ("\x07" * MEGABYTE, "too-many-findings"),
    "a mebibyte of line ends": ("\n" * MEGABYTE, "empty-file"),
    "a quote that is never closed": ('a: "' + "x\n" * 500_000, "syntax"),
    "a key of a mebibyte": ("k" * (MEGABYTE - 9) + ": 1", "syntax"),
    "more than a mebibyte": ("a" * (MEGABYTE + 1), "file-too-large"),
    "more than a thousand plans": (
        "plans:\n" + "".join(f"  p{n}:\n" for n in range(5_000)),
        "too-many-plans",
    ),
}

IN_ONE_PROCESS = """
import json, resource, sys
if sys.platform == "linux":
    resource.setrlimit(resource.RLIMIT_AS, (300 * 1024 * 1024, 300 * 1024 * 1024))
from planctl.files.yaml_reader import read_text
for name, text in json.load(sys.stdin).items():
    findings = read_text(text, "hostile.yaml").findings
    print(json.dumps([name, sorted({finding.rule for finding in findings})]))
"""


def test_no_hostile_text_takes_much_memory_or_never_ends() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", IN_ONE_PROCESS],
        input=json.dumps({name: text for name, (text, _) in HOSTILE.items()}),
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parents[2],
    )
    assert answer.stderr == ""
    assert answer.returncode == 0
    results = dict(map(json.loads, answer.stdout.splitlines()))
    assert results.keys() == HOSTILE.keys()
    for name, (_, rule) in HOSTILE.items():
        assert rule in results[name], name


def test_a_merge_bomb_is_refused_at_its_first_anchor() -> None:
    finding = read_text("\n\n\nx: &a {k: 1}\ny: {<<: [*a, *a]}\n", "plans.yaml").findings[0]
    assert (finding.message, str(finding.place)) == (
        "anchors and aliases are not allowed",
        "plans.yaml:4:4",
    )


@pytest.mark.parametrize(
    "written", ["9" * 5_000, "1e1000000", "1e999999999", "2024-02-30", "\uff11\uff12", "\u0663"]
)
def test_a_value_that_makes_other_readers_crash_is_a_finding_with_its_place(written: str) -> None:
    node = read_text(f"a:\n  b: {written}\n", "plans.yaml").files[0].node
    assert node is not None
    value = Reader().mapping(node.get("a"), "a")
    assert value is not None
    reader = Reader()
    assert reader.number(value.get("b"), "the price") is None
    assert [str(finding.place) for finding in reader.findings] == ["plans.yaml:2:6"]


def test_no_key_reads_another_file(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "secret.yaml").write_text("password: hunter2\n")
    (tmp_path / "catalog/catalog.yaml").write_text("include: ../secret.yaml\na: !include ../secret.yaml\n")
    source = read_catalog(tmp_path / "catalog")
    assert [finding.rule for finding in source.findings] == ["tag"]
    node = source.files[0].node
    assert node is not None
    include = node.get("include")
    assert isinstance(include, Scalar)
    assert include.text == "../secret.yaml"
    assert "hunter2" not in repr(source)


def test_of_more_than_a_thousand_files_only_a_thousand_are_read(tmp_path: Path) -> None:
    for number in range(1_050):
        (tmp_path / f"{number:05}.yaml").write_text("a: 1\n")
    source = read_catalog(tmp_path)
    assert len(source.files) == 1_000
    assert [finding.rule for finding in source.findings] == ["too-many-files"]


def test_a_directory_tree_of_any_depth_is_walked(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 200)
    deep.mkdir(parents=True)
    (deep / "plan.yaml").write_text("a: 1\n")
    assert [file.name for file in read_catalog(tmp_path).files] == ["d/" * 200 + "plan.yaml"]

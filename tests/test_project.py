"""Promises of the repository itself: locks, the built package, one definition of clean, nothing local."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import planctl

ROOT = Path(__file__).parents[1]
LOCKS = ("runtime", "build", "test", "all", "release", "mutants")
NEVER_OURS = {
    ".git",
    ".venv",
    "__pycache__",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    "node_modules",
}
LONGEST_FUNCTION = 60


def project_files() -> list[Path]:
    """The files that git has or would take; without git everything that no tool has left behind."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0 and listed.stdout:
        candidates = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        candidates = [path for path in ROOT.rglob("*") if not NEVER_OURS & set(path.relative_to(ROOT).parts)]
    return sorted(path for path in candidates if path.is_file())


def text_files() -> Iterator[tuple[str, str]]:
    """Name and content of every project file that is UTF-8 text."""
    for path in project_files():
        try:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def locked(name: str) -> list[Requirement]:
    """The requirements of a lock file, their hashes left out."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line.removesuffix("\\").strip()) for line in lines if re.match(r"[a-z0-9]", line)]


# --- nothing local --------------------------------------------------------------------------------

LOCAL = {
    "the address of a package index": re.compile(r"https?://[^\s\"'<>]*/simple\b"),
    "a file address": re.compile(r"\bfile:///\w"),
    "somebody's home directory": re.compile(r"(?<![\w.])/(?:home|Users)/\w"),
}


@pytest.mark.parametrize("what", LOCAL)
def test_no_file_names_something_that_only_one_machine_has(what: str) -> None:
    own = f"tests/{Path(__file__).name}"
    found = [name for name, text in text_files() if name != own and LOCAL[what].search(text)]
    assert found == []


def test_no_file_names_the_directory_it_was_written_in() -> None:
    if len(ROOT.parts) < 3:
        return  # a directory such as /src is a word that any text may use
    assert [name for name, text in text_files() if str(ROOT) in text] == []


# --- locks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_requirement_is_one_version_with_its_hashes(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", text)[1:]
    assert entries
    assert [
        entry
        for entry in entries
        if not re.match(r"[a-z0-9._\[\],-]+==[^ ]+ .*\\\n +--hash=sha256:[0-9a-f]{64}", entry)
    ] == []


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_says_where_packages_come_from(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert (
        re.findall(
            r"^ *(?:-i|--index-url|--extra-index-url|--find-links|-f)\b.*$|://| @ ", text, re.MULTILINE
        )
        == []
    )


@pytest.mark.parametrize("name", ["runtime", "build", "all"])
def test_the_test_lock_contains_the_other_locks(name: str) -> None:
    everything = {str(requirement) for requirement in locked("test")}
    assert {str(requirement) for requirement in locked(name)} - everything == set()


def test_the_lock_of_all_extras_contains_the_lock_of_what_everybody_needs() -> None:
    assert {str(need) for need in locked("runtime")} - {str(need) for need in locked("all")} == set()


def test_nothing_else_is_installed_than_what_is_locked() -> None:
    known = {need.name for lock in ("test", "mutants") for need in locked(lock)}
    known |= {"planctl-billing", "pip", "setuptools"}
    found = {canonicalize_name(one.name) for one in importlib.metadata.distributions()}
    assert found - known == set(), "run: make clean test"


def test_every_direct_dependency_is_locked_within_its_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = {requirement.name: str(requirement.specifier)[2:] for requirement in locked("test")}
    declared = [
        Requirement(text) for text in project["dependencies"] + project["optional-dependencies"]["postgres"]
    ]
    outside = [str(need) for need in declared if not need.specifier.contains(versions.get(need.name, "0"))]
    assert outside == []


def test_what_is_installed_is_what_is_locked() -> None:
    wrong = []
    for requirement in locked("test"):
        if requirement.marker and not requirement.marker.evaluate():
            continue
        expected = str(requirement.specifier)[2:]
        installed = importlib.metadata.version(requirement.name)
        if installed != expected:
            wrong.append(f"{requirement.name}: locked {expected}, installed {installed}; run: make test")
    assert wrong == []


STRIPE_CLI = ROOT / "tests" / "stripe_cli"


def test_stripes_own_command_is_one_version_with_its_hash_and_no_place_to_fetch_it_from() -> None:
    wanted = json.loads((STRIPE_CLI / "package.json").read_text(encoding="utf-8"))["dependencies"]
    text = (STRIPE_CLI / "package-lock.json").read_text(encoding="utf-8")
    packages = json.loads(text)["packages"]
    own = packages.pop("")
    assert own["dependencies"] == wanted
    assert {name.removeprefix("node_modules/"): each["version"] for name, each in packages.items()} == wanted
    assert [
        name
        for name, each in packages.items()
        if not re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", each["integrity"])
    ] == []
    assert "resolved" not in text
    assert "://" not in text


def test_ci_installs_stripes_own_command_without_running_what_it_brings() -> None:
    (line,) = re.findall(
        r"^.*\bnpm ci\b.*$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert "cd tests/stripe_cli" in line
    assert "--ignore-scripts" in line


# --- the built package ----------------------------------------------------------------------------


def build_wheel(directory: Path) -> Path:
    """Build the wheel with the installed backend: nothing is fetched, nothing is left in the tree."""
    result = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)],
        cwd=ROOT,
        env=os.environ | {"SOURCE_DATE_EPOCH": "1767225600"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    (wheel,) = directory.glob("*.whl")
    return wheel


@pytest.mark.compiler
@pytest.mark.slow
def test_the_wheel_holds_the_whole_package_and_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(build_wheel(tmp_path)) as wheel:
        inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
        (entry_points,) = (wheel.read(name) for name in wheel.namelist() if name.endswith("entry_points.txt"))
    ours = {str(path.relative_to(ROOT)) for path in project_files() if path.is_relative_to(ROOT / "planctl")}
    catalogs = ROOT / "sample-catalogs"
    samples = {
        f"planctl/samples/{path.relative_to(catalogs)}"
        for path in project_files()
        if path.is_relative_to(catalogs)
    }
    assert inside == ours | samples
    assert "planctl/py.typed" in inside
    assert entry_points == b"[console_scripts]\nplanctl = planctl.__main__:main\n"


@pytest.mark.compiler
@pytest.mark.slow
def test_a_wheel_built_twice_has_the_same_bytes(tmp_path: Path) -> None:
    wheels = [build_wheel(tmp_path / "one"), build_wheel(tmp_path / "two")]
    assert wheels[0].name == wheels[1].name == f"planctl_billing-{planctl.__version__}-py3-none-any.whl"
    assert wheels[0].read_bytes() == wheels[1].read_bytes()


# --- one definition of clean ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "target", ["demo", "test", "check", "lint", "bench", "soak", "lock", "dist", "mutants"]
)
def test_the_makefile_has_the_documented_targets(target: str) -> None:
    result = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("script", [".ci/run", "tools/demo.sh", "tools/dist.sh", "tools/find-python.sh"])
def test_scripts_are_executable_strict_bash(script: str) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    assert path.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail\n" in path.read_text(encoding="utf-8")
    assert subprocess.run(["bash", "-n", str(path)]).returncode == 0


def test_the_hook_and_ci_run_what_a_person_runs() -> None:
    hook = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert re.findall(r"entry: (.*)", hook) == ["make check"]
    assert [line for line in ci if line.startswith("make ")] == [
        "make test",
        'make test-postgres TESTS="tests/mission tests/store/test_*_store.py tests/store/test_schema_law.py"',
        "make lint",
        "make demo",
        "make dist",
    ]
    assert "export PLANCTL_TEST_NO_SKIP=1" in ci


def test_the_readme_names_the_two_commands_that_set_everything_up() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in readme
    assert "make test" in readme


def test_every_silenced_rule_says_why() -> None:
    silenced = re.compile(r"# noqa(?!: [A-Z]+\d+(?:, ?[A-Z]+\d+)*\s+(?:-|–|#)\s*\w)")
    own = f"tests/{Path(__file__).name}"
    found = [
        f"{name}:{number}"
        for name, text in text_files()
        if name.endswith(".py") and name != own
        for number, line in enumerate(text.splitlines(), start=1)
        if silenced.search(line)
    ]
    assert found == []


def test_every_rule_ignored_in_pyproject_says_why() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ignored = re.search(r"^ignore = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    per_file = re.search(
        r"^\[tool\.ruff\.lint\.per-file-ignores\]\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL
    )
    assert ignored
    assert per_file
    lines = [*ignored[1].splitlines(), *per_file[1].splitlines()]
    assert [line for line in lines if not re.search(r"# \w.{10,}", line)] == []


# --- size -----------------------------------------------------------------------------------------


def long_functions(source: str) -> Iterator[str]:
    """Functions whose body, without its docstring, spans more lines than the house allows."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if body and (size := (body[-1].end_lineno or 0) - body[0].lineno + 1) > LONGEST_FUNCTION:
                yield f"{node.name} ({size} lines)"


def test_no_function_is_longer_than_a_thought() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {function}"
        for path in sorted((ROOT / "planctl").rglob("*.py"))
        for function in long_functions(path.read_text(encoding="utf-8"))
    ]
    assert found == []


# --- the version ----------------------------------------------------------------------------------


def test_the_change_log_has_a_place_for_what_is_not_released() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(.*?)\]", text, re.MULTILINE)[0] == "Unreleased"


def test_the_version_is_a_constant_that_needs_no_package_metadata() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", planctl.__version__)
    source = (ROOT / "planctl" / "__init__.py").read_text(encoding="utf-8")
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imports] == ["from __future__ import annotations"]

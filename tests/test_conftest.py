"""The test suite's own promise: where skips are forbidden, none passes unseen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")

SUITE = """
import pytest

def test_that_runs():
    pass

def test_that_skips_itself():
    pytest.skip("no database here")

@pytest.mark.skip(reason="never wanted")
def test_marked_as_skipped():
    pass

def test_against_stripe_itself():
    pytest.skip("needs a key of Stripe's test mode in PLANCTL_TEST_STRIPE_KEY")

def test_that_only_mentions_it():
    pytest.skip("broken; also needs a key of Stripe's test mode")

@pytest.mark.xfail(reason="known fault", strict=True)
def test_expected_to_fail():
    assert False
"""

MODULE_THAT_SKIPS_ITSELF = """
import pytest
pytest.importorskip("a_module_that_does_not_exist")
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    shutil.copy(CONFTEST, tmp_path / "conftest.py")
    (tmp_path / "test_some.py").write_text(SUITE)
    (tmp_path / "test_none.py").write_text(MODULE_THAT_SKIPS_ITSELF)
    return tmp_path


def run(suite: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-q",
        "-ra",
        "--continue-on-collection-errors",
    ]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    inherited.pop("PLANCTL_TEST_NO_SKIP", None)
    inherited["PYTHONPATH"] = str(CONFTEST.parents[1])
    return subprocess.run(
        [*command, str(suite)], cwd=suite, env=inherited | environment, capture_output=True, text=True
    )


def test_a_skip_is_allowed_on_a_persons_machine(suite: Path) -> None:
    result = run(suite)
    assert result.returncode == 0, result.stdout
    assert "1 passed, 5 skipped, 1 xfailed" in result.stdout


def test_a_skip_is_a_failure_where_skips_are_forbidden(suite: Path) -> None:
    result = run(suite, PLANCTL_TEST_NO_SKIP="1")
    assert result.returncode == 1, result.stdout
    assert "2 failed, 1 passed, 1 skipped, 1 xfailed, 2 errors" in result.stdout
    assert "no database here" in result.stdout
    assert "never wanted" in result.stdout
    assert "a_module_that_does_not_exist" in result.stdout
    assert "broken; also needs" in result.stdout


@pytest.mark.parametrize("strict", ["", "1"])
def test_what_only_stripe_itself_can_show_says_that_it_was_skipped(suite: Path, strict: str) -> None:
    result = run(suite, PLANCTL_TEST_NO_SKIP=strict)
    assert "SKIPPED" in result.stdout
    assert "PLANCTL_TEST_STRIPE_KEY" in result.stdout

"""The commit of a catalog's files: told where git can tell, and otherwise no trouble."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from planctl.files.git import commit_of


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "commit.gpgsign=false"]
    result = subprocess.run(
        ["git", "-C", str(folder), *identity, *words], check=True, capture_output=True, text=True
    )
    return result.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = tmp_path / "repository"
    (folder / "catalog").mkdir(parents=True)
    (folder / "catalog" / "a.yaml").write_text("a", encoding="utf-8")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_a_directory_below_the_repository_is_at_its_commit(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    assert commit_of(repository / "catalog") == commit
    assert commit_of(repository / "catalog" / "a.yaml") == commit


def test_files_that_differ_from_the_commit_are_dirty(repository: Path) -> None:
    (repository / "catalog" / "b.yaml").write_text("b", encoding="utf-8")
    assert commit_of(repository / "catalog").endswith("-dirty")


def test_other_files_of_the_repository_do_not_count(repository: Path) -> None:
    (repository / "other").write_text("x", encoding="utf-8")
    assert not commit_of(repository / "catalog").endswith("-dirty")


def test_no_repository_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == ""


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert commit_of(tmp_path) == ""


def test_without_git_there_is_no_commit(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert commit_of(repository) == ""


def test_a_repository_cannot_make_us_run_its_programs(repository: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n", encoding="utf-8")
    trap.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(trap))
    commit_of(repository)
    assert not (tmp_path / "sprung").exists()

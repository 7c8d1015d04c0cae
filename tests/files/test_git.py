"""The commit of a catalog's files: told where git can tell, and otherwise no trouble."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from planctl.errors import InvalidInput
from planctl.files.git import catalog_at, commit_of


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


# --- the catalog of another commit


def commit(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "next")
    return git(folder, "rev-parse", "HEAD")


def test_the_files_are_those_of_the_commit_and_not_of_the_directory(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    commit(repository, {"catalog/a.yaml": "changed", "catalog/plans/b.yml": "b: ü"})
    (repository / "catalog" / "a.yaml").write_text("not committed", encoding="utf-8")
    assert catalog_at(repository / "catalog", "HEAD") == {"a.yaml": "changed", "plans/b.yml": "b: ü"}
    assert catalog_at(repository / "catalog", first) == {"a.yaml": "a"}
    assert catalog_at(repository / "catalog", "HEAD~1") == {"a.yaml": "a"}
    assert catalog_at(repository / "catalog" / "a.yaml", first) == {"a.yaml": "a"}


def test_a_catalog_at_the_top_of_its_repository_is_read_whole(repository: Path) -> None:
    assert catalog_at(repository, "HEAD") == {"catalog/a.yaml": "a"}


def test_only_what_a_directory_would_read_is_read(repository: Path) -> None:
    (repository / "catalog" / "link.yaml").symlink_to("/etc/passwd")
    commit(
        repository,
        {"catalog/README.md": "x", "catalog/.hidden/c.yaml": "x", "catalog/migrations/m.yaml": "x"},
    )
    assert catalog_at(repository / "catalog", "HEAD") == {"a.yaml": "a"}


def test_many_files_with_line_ends_inside_come_back_whole(repository: Path) -> None:
    files = {f"catalog/plans/p{number}.yaml": f"\n{number}\n\n" * number for number in range(30)}
    commit(repository, files)
    found = catalog_at(repository / "catalog", "HEAD")
    assert {f"catalog/{name}": text for name, text in found.items()} == {"catalog/a.yaml": "a", **files}


def test_a_catalog_that_was_not_there_yet_has_no_files(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    commit(repository, {"shop/a.yaml": "a"})
    assert catalog_at(repository / "shop", first) == {}


@pytest.mark.parametrize("revision", ["nothing", "--help", "HEAD:catalog", "", "a b"])
def test_an_unknown_revision_is_refused(repository: Path, revision: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        catalog_at(repository / "catalog", revision)
    assert refused.value.code == "git-revision"
    assert refused.value.got == f"git:{revision}"


def test_a_directory_in_no_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    with pytest.raises(InvalidInput, match="not a git repository"):
        catalog_at(tmp_path / "catalog", "HEAD")


def test_without_git_the_reason_is_said(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InvalidInput, match="git is not installed"):
        catalog_at(repository / "catalog", "HEAD")


def test_inside_a_hook_the_catalogs_own_directory_counts(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    assert catalog_at(repository / "catalog", "HEAD") == {"a.yaml": "a"}
    assert len(commit_of(repository / "catalog")) == 40

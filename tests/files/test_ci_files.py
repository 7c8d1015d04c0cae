"""What a CI job is handed goes into the files that its environment names, and cannot be more than was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl.errors import StoreFailure
from planctl.files.ci_files import MAX_SUMMARY, append_outputs, append_summary


@pytest.fixture
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    return path


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "outputs"
    monkeypatch.setenv("GITHUB_OUTPUT", str(path))
    return path


def read_outputs(path: Path) -> dict[str, str]:
    """The outputs as GitHub's runner reads them: `name=value`, or a value between two delimiter lines."""
    found, lines = {}, iter(path.read_text(encoding="utf-8").splitlines())
    for line in lines:
        equals, heredoc = line.find("="), line.find("<<")
        if heredoc >= 0 and not 0 <= equals < heredoc:
            name, _, delimiter = line.partition("<<")
            value = []
            for inner in lines:
                if inner == delimiter:
                    break
                value.append(inner)
            found[name] = "\n".join(value)
        elif line:
            name, _, found_value = line.partition("=")
            found[name] = found_value
    return found


@pytest.mark.usefixtures("tmp_path")
def test_outside_of_a_job_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.setenv("GITHUB_OUTPUT", "")
    append_summary("# Text")
    append_outputs({"changes": 1})


def test_a_summary_is_added_below_what_is_there(summary: Path) -> None:
    summary.write_text("# Before", encoding="utf-8")
    append_summary("# Catalog\n")
    append_summary("more")
    assert summary.read_text(encoding="utf-8") == "# Before\n# Catalog\nmore\n"


def test_a_summary_that_fits_to_the_last_byte_is_written(summary: Path) -> None:
    summary.write_text("x" * (MAX_SUMMARY - 5) + "\n", encoding="utf-8")
    append_summary("é.\n")  # four bytes
    assert summary.stat().st_size == MAX_SUMMARY


def test_a_summary_that_does_not_fit_is_a_sentence_instead(summary: Path) -> None:
    summary.write_text("x" * (MAX_SUMMARY - 1_000) + "\n", encoding="utf-8")
    append_summary("<details>\n" + "y" * 1_000)
    assert summary.read_text(encoding="utf-8").splitlines()[-1] == (
        "The summary of this diff is left out: with it the step's summary would be longer than 1 MiB."
    )
    assert summary.stat().st_size <= MAX_SUMMARY


def test_a_full_summary_is_left_as_it_is(summary: Path) -> None:
    summary.write_text("x" * MAX_SUMMARY, encoding="utf-8")
    append_summary("y")
    assert summary.stat().st_size == MAX_SUMMARY


def test_outputs_are_lines_of_names_and_values(outputs: Path) -> None:
    append_outputs({"changes": 4, "breaking": 1, "digest": "9f31c0d2a7e4", "plan": "plan.json"})
    assert (
        outputs.read_text(encoding="utf-8") == "changes=4\nbreaking=1\ndigest=9f31c0d2a7e4\nplan=plan.json\n"
    )


def test_a_value_with_lines_sets_nothing_else(outputs: Path) -> None:
    outputs.write_text("before=1", encoding="utf-8")
    evil = "plan.json\ndigest=evil\nEOF\nchanges<<EOF\n0\r\nbreaking=0"
    append_outputs({"plan": evil, "digest": "9f31c0d2a7e4", "shift": "a<<b"})
    found = read_outputs(outputs)
    assert found == {
        "before": "1",
        "plan": evil.replace("\r\n", "\n"),
        "digest": "9f31c0d2a7e4",
        "shift": "a<<b",
    }


def test_a_name_that_cannot_be_written_as_utf_8_is_escaped(outputs: Path) -> None:
    append_outputs({"plan": "plan-\udcff.json"})
    assert outputs.read_text(encoding="utf-8") == "plan=plan-\\udcff.json\n"


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "missing" / "outputs"))
    with pytest.raises(StoreFailure) as failed:
        append_outputs({"changes": 1})
    assert failed.value.exit_code == 74
    assert failed.value.where.endswith("missing/outputs")
    assert failed.value.got == "No such file or directory"

"""`init --sample`: a sample becomes the first catalog of a business, from a source tree and from an installed wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from planctl.files import samples
from tests.cli.conftest import Run

SAMPLES = Path(__file__).parents[2] / "sample-catalogs"
OF_THE_MANUAL = ("chatbot", "agency", "company", "groups", "voice", "ai")
"""The names that the help and the manual promise."""


@pytest.mark.parametrize("name", OF_THE_MANUAL)
def test_a_sample_begins_a_business_that_applies_as_it_is(run: Run, tmp_path: Path, name: str) -> None:
    made = run("init", "--sample", name, "--test")
    assert made.exit_code == 0, made.stderr
    checked = run("catalog", "validate")
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert run("catalog", "apply", "--yes").exit_code == 0
    laid = {str(path.relative_to(tmp_path / "catalog")) for path in (tmp_path / "catalog").rglob("*.yaml")}
    assert laid == {str(path.relative_to(SAMPLES / name)) for path in (SAMPLES / name).rglob("*.yaml")}


def test_every_laid_file_names_the_schema_that_was_laid_with_it(run: Run, tmp_path: Path) -> None:
    run("init", "--sample", "voice", "--test")
    for path in (tmp_path / "catalog").rglob("*.yaml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        schema = first.removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / schema).resolve() == tmp_path / ".planctl" / "catalog-1.schema.json"


def test_without_a_name_the_samples_are_listed_and_nothing_is_made(run: Run, tmp_path: Path) -> None:
    listed = run("init", "--sample", "-f", "json")
    assert listed.exit_code == 0
    names = {one["sample"] for one in listed.json}
    assert set(OF_THE_MANUAL) <= names == {path.name for path in SAMPLES.iterdir() if path.is_dir()}
    assert all(len(one["sells"]) > 20 for one in listed.json)
    assert list(tmp_path.iterdir()) == []
    assert "chatbot" in run("init", "--test", "--sample").stdout  # as the last word too
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_none_is_told_the_ones_there_are(run: Run, tmp_path: Path) -> None:
    refused = run("init", "--sample", "chatbots", "-f", "json")
    assert (refused.exit_code, refused.error["code"]) == (3, "sample-unknown")
    assert "chatbot, company, groups" in refused.error["expected"]
    assert list(tmp_path.iterdir()) == []


def test_an_installed_package_brings_its_own_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "planctl"
    (package / "samples" / "tea").mkdir(parents=True)
    (package / "samples" / "tea" / "catalog.yaml").write_text(
        "# Tea by the cup\nformat: x\n", encoding="utf-8"
    )
    (package / "samples" / "tea.invoices.yaml").write_text("about: no catalog\n", encoding="utf-8")
    monkeypatch.setattr(samples, "PACKAGE", package)
    assert samples.sample_names() == ("tea",)
    assert samples.sample_about("tea") == "Tea by the cup"
    assert list(samples.sample_files("tea")) == ["catalog/catalog.yaml"]

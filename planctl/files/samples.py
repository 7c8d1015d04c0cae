"""Knows where the sample catalogs lie that come with planctl, and reads their files; it writes none."""

from __future__ import annotations

from pathlib import Path

from planctl.errors import InvalidInput

PACKAGE = Path(__file__).parents[1]
SCHEMA = ".planctl/catalog-1.schema.json"
"""Where a project keeps the schema for editors, which the first line of each laid file names."""


def samples_folder() -> Path:
    """The samples of the installed package, or those beside it in a source tree."""
    packaged = PACKAGE / "samples"
    return packaged if packaged.is_dir() else PACKAGE.parent / "sample-catalogs"


def sample_names() -> tuple[str, ...]:
    """Every sample, by name."""
    folder = samples_folder()
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir())) if folder.is_dir() else ()


def sample_about(name: str) -> str:
    """What a sample sells, in the one line that its catalog begins with."""
    with (samples_folder() / name / "catalog.yaml").open(encoding="utf-8") as lines:
        return lines.readline().lstrip("# ").rstrip()


def sample_files(name: str) -> dict[str, str]:
    """The YAML files of a sample as a project has them, by relative name; InvalidInput for a name there is not."""
    if name not in sample_names():
        raise InvalidInput(
            "there is no such sample",
            code="sample-unknown",
            where="--sample",
            expected=", ".join(sample_names()) or "no sample comes with this version; leave --sample out",
            got=name,
        )
    folder = samples_folder() / name
    found = {}
    for path in sorted(folder.rglob("*.yaml")):
        relative = Path("catalog") / path.relative_to(folder)
        schema = "../" * (len(relative.parts) - 1) + SCHEMA
        text = path.read_text(encoding="utf-8")
        # The schema is that of a catalog; a migration beside it is another format.
        header = "" if relative.parts[1] == "migrations" else f"# yaml-language-server: $schema={schema}\n"
        found[str(relative)] = header + text
    return found

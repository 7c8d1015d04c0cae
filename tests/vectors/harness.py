"""What every file of published cases has in common: the cases, their sources, and the exceptions with their reasons.

It runs no case: each test module plays its own through planctl's code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

Given = dict[str, Any]
Answers = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Vectors:
    """The published cases of one file by id, as they are in it, and why those among them differ that do."""

    name: str
    count: int
    cases: dict[str, dict[str, Any]]
    exceptions: dict[str, str]

    @property
    def played(self) -> list[str]:
        """The ids of the cases that must come out as published."""
        return sorted(self.cases.keys() - self.exceptions.keys())

    def check_whole(self, count: int) -> None:
        """The file holds as many cases as it says, each under an id of its own and with its source."""
        assert self.count == len(self.cases) == count
        sources = [case["source"] for case in self.cases.values()]
        assert all(source["repo_or_site"] and source["path_or_url"] for source in sources)

    def check_exceptions(self) -> None:
        """Every exception is of a case of the file and gives a reason that can be read."""
        assert set(self.exceptions) <= set(self.cases)
        assert all(len(reason) > 40 for reason in self.exceptions.values())


def load(name: str) -> Vectors:
    """The cases of `NAME.json`, with the exceptions of `exceptions/NAME.json`."""
    document = json.loads((HERE / f"{name}.json").read_text("utf-8"))
    cases = {case["id"]: case for case in document["cases"]}
    assert len(cases) == len(document["cases"]), f"{name}: two cases have one id"
    exceptions = json.loads((HERE / "exceptions" / f"{name}.json").read_text("utf-8"))
    return Vectors(name, document["count"], cases, exceptions)


def names() -> list[str]:
    """Every file of cases."""
    return sorted(path.stem for path in HERE.glob("*.json"))

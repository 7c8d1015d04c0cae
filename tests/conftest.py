"""What every test stands on: hypothesis profiles, a clean environment, and skips that may be forbidden.

Knows nothing of billing; builders and fakes have modules of their own.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import Any

import hypothesis
import pytest

from tests import quicker, stores

stores.into_memory()

hypothesis.settings.register_profile("dev", max_examples=100, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("soak", max_examples=5_000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

NO_SKIP = "PLANCTL_TEST_NO_SKIP"
"""Set to 1 where everything is installed: a skipped test is then a failed one."""

STRIPE_KEY = "PLANCTL_TEST_STRIPE_KEY"
"""A key of Stripe's test mode: the contract suite runs against Stripe itself too where there is one."""

NEEDS_STRIPE = "needs a key of Stripe's test mode"
"""How the one reason begins for which a test may be skipped everywhere: no machine has such a key by itself."""

OF_THE_PROGRAM = ("PLANCTL_", "STRIPE_")
"""Variables that change what planctl does; none may leak from a shell into a test."""


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees the settings, the store or the terminal of the person who runs it."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in tuple(os.environ):
            if name.startswith(OF_THE_PROGRAM) and name not in {NO_SKIP, STRIPE_KEY, stores.ENGINE}:
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            patch.setenv(name, str(home / name.lower()))
        patch.setenv("NO_COLOR", "1")
        patch.setenv("COLUMNS", "100")
        patch.setenv("TZ", "UTC")
        patch.delenv("FORCE_COLOR", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_by_all_stores() -> Iterator[None]:
    """What is the same in every store is made once."""
    with pytest.MonkeyPatch.context() as patch:
        quicker.share(patch)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_server_stays() -> Iterator[None]:
    """The server of this process's tests ends with them."""
    yield
    stores.stop()


@pytest.fixture(autouse=stores.ON_POSTGRES)
def no_database_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test's own databases end with it, as the files of its folder would."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    stores.sweep(folder)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that are about the other engine than that of the stores: they are not even skipped."""
    other = "sqlite_only" if stores.ON_POSTGRES else "postgres_only"
    left_out = [one for one in items if one.get_closest_marker(other)]
    if left_out:
        items[:] = [one for one in items if one not in set(left_out)]
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where skips are forbidden; an expected failure stays what it is."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        refuse_skip(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module that skips itself while it is collected."""
    report = yield
    if report.outcome == "skipped":
        refuse_skip(report, collector.nodeid)
    return report


def refuse_skip(report: Any, nodeid: str) -> None:
    """Make the report a failure that says what was skipped and why, if skips are forbidden."""
    if os.environ.get(NO_SKIP) != "1":
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if reason.removeprefix("Skipped: ").startswith(NEEDS_STRIPE):
        return
    report.outcome = "failed"
    report.longrepr = f"{nodeid} was skipped, and {NO_SKIP}=1 forbids it: {reason}"

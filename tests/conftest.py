"""Small runs that many tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from fairloop.spec.run import RunSpec, from_mapping

if TYPE_CHECKING:
    from disturbed import Runs

os.environ["OMP_NUM_THREADS"] = "1"  # also in the processes that tests start

# Wall-clock limits say more about a shared machine than about the code. Where CI judges a change, examples are the same
# each time; elsewhere others are tried.
# FAIRLOOP_EXAMPLES: how many examples a law is tried on; the Makefile says fewer than hypothesis, to save time.
settings.register_profile(
    "fairloop",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    max_examples=int(os.environ.get("FAIRLOOP_EXAMPLES", "100")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fairloop")

TINY = {
    "generations": 3,
    "data": {"train": 320, "valid": 100, "test": 120},
    "generator": {"arguments": {"widths": [4, 8], "latent": 4}, "batch": 64, "epochs": 1, "first_epochs": 2},
    "classifier": {"batch": 64, "epochs": 1, "optimizer": "adam", "learning_rate": 0.001},
    "annotator": {"batch": 64, "epochs": 2, "optimizer": "adam", "learning_rate": 0.001},
    "measure": {"samples": 200, "gallery": 8, "latents": 16},
    "precision": "fp32",
}


def tiny(*overrides: str) -> RunSpec:
    """A run of a second."""
    return from_mapping(TINY, overrides)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Runs that can be disturbed, beside one that was not."""
    from disturbed import Runs

    found = Runs(tmp_path_factory.mktemp("runs"))
    yield found
    found.close()


@pytest.hookimpl(tryfirst=True)  # before pytest reads the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs files of others, unless FAIRLOOP_TABULAR says where they are. Browsers are slow."""
    if not os.environ.get("FAIRLOOP_TABULAR"):
        real = [item for item in items if item.get_closest_marker("real")]
        config.hook.pytest_deselected(items=real)
        items[:] = [item for item in items if item not in real]
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where CI judges a change, a test that was skipped for anything but the lack of CUDA has failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None:
        return
    reporter.ensure_newline()
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "CUDA" not in reason:
            reporter.write_line(f"FAILED {report.nodeid}: skipped in CI ({reason})", red=True)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, for tests that are marked `in_browser`."""
    from playwright import sync_api

    from chromium import CHROMIUM

    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM)
        yield started
        started.close()


@pytest.fixture
def opened(browser, report) -> Iterator[Any]:
    """The module's `report`, opened in the browser."""
    from chromium import opening

    with opening(browser, report) as shown:
        yield shown

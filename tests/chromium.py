"""A page in headless Chromium, from a file and without a network, for tests of pages; fixtures are in conftest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright import sync_api

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
in_browser = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no Chromium is installed (Debian: apt-get install chromium); the page is tested as a file only",
)

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


class opening:  # noqa: N801  it reads as a verb
    """The page in `path`, opened offline; at its end nothing may have failed, and nothing been asked for."""

    def __init__(self, browser, path: Path, **options) -> None:
        self.context = browser.new_context(offline=True, accept_downloads=True, **{"viewport": DESKTOP, **options})
        self.page, self.troubles = self.context.new_page(), []
        self.page.on("console", lambda message: self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", self.asked)
        self.url = path.as_uri()
        self.page.goto(self.url)

    def asked(self, request) -> None:
        if request.url != self.url and not request.url.startswith(("data:", "blob:")):
            self.troubles.append(f"asked for {request.url}")

    def __enter__(self) -> sync_api.Page:
        return self.page

    def __exit__(self, *error) -> None:
        self.context.close()
        assert not self.troubles

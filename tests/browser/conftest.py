"""Debian's chromium, and pages that visit a server with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright
from visitor import Invite, Visitor

from support.server import Server

CHROMIUM = "/usr/bin/chromium"

# No traffic to other hosts, and no sandbox inside the container that the tests may run in.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WITH_SOUND = "--autoplay-policy=no-user-gesture-required"


# Of module scope: while Playwright runs, this thread has a running event loop, and the
# asynchronous tests of other folders could not start theirs.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """A browser that lets pages sound at once."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, WITH_SOUND])
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def strict_chromium(playwright: Playwright) -> Iterator[Browser]:
    """A browser as people have it: no sound before a gesture."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture
def invite(chromium: Browser) -> Iterator[Invite]:
    """Return a function that opens pages, each with its own storage: `invite(server, ...)`.

    Pages play the organ, unless something else is `stored` from an earlier visit. The organ needs
    no recordings: loading thirty of them would be most of the time of these tests.
    More keywords are those of Playwright's `new_context`, e.g. `has_touch=True`.
    """
    contexts = []

    def open_page(
        server: Server,
        *,
        browser: Browser = chromium,
        stored: Mapping[str, object] = {"instrument": "organ"},
        **options: object,
    ) -> Visitor:
        wanted = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US"} | options
        context = browser.new_context(**wanted)  # type: ignore[arg-type]
        context.add_init_script(
            f"for (const [name, value] of Object.entries({json.dumps(dict(stored))}))"
            "  localStorage[`fortepiano.${name}`] ??= JSON.stringify(value);"
        )
        contexts.append(context)
        return Visitor(context, server)

    yield open_page
    for context in contexts:
        context.close()

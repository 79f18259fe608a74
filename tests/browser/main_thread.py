"""The time that tasks take of the processor, on the thread of a page."""

from __future__ import annotations

import json
from collections.abc import Callable

from playwright.sync_api import Browser, Page


def tasks_during(browser: Browser, page: Page, act: Callable[[], None]) -> list[float]:
    """Return the tasks of the page's main thread while `act` runs, in milliseconds.

    Time that the thread waited for a processor does not count, unlike in the page's `longtask`.
    """
    browser.start_tracing(page=page, categories=["toplevel", "__metadata"])
    try:
        act()
    finally:
        events = json.loads(browser.stop_tracing())["traceEvents"]
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    return [
        event["tdur"] / 1000
        for event in events
        if event.get("ph") == "X" and (event["pid"], event["tid"]) in mains and "tdur" in event
    ]

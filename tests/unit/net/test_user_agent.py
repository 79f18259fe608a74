"""Programs are recognised by their User-Agent; no browser is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from fortepiano.net.user_agent import is_program

AGENTS = Path(__file__).parents[2] / "support" / "agents"


def listed(name: str) -> list[str]:
    """Return the lines of a list, but for comments."""
    lines = (AGENTS / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


ACCEPTED = {"accept-language": "en-US,en;q=0.9", "accept-encoding": "gzip, deflate, br, zstd"}

PEOPLE = listed("browsers.txt")

PROGRAMS = [*listed("programs.txt"), ""]

SEEN: dict[str, dict[str, str]] = {
    "ws 8": {"sec-websocket-extensions": "permessage-deflate; client_max_window_bits"},
    "websocket 1 (npm)": {"sec-websocket-version": "13"},
    "faye-websocket": {"sec-websocket-version": "13"},
    "websocket-client (PyPI)": {"origin": "http://127.0.0.1:8443"},
    "System.Net.WebSockets (.NET)": {"sec-websocket-version": "13"},
    "gorilla/websocket": {"user-agent": "Go-http-client/1.1"},
    "tungstenite": {"sec-websocket-version": "13"},
    "websockets": {"user-agent": "Python/3.11 websockets/17.4"},
    "aiohttp": {
        "accept": "*/*",
        "accept-encoding": "gzip, deflate",
        "user-agent": "Python/3.11 aiohttp/3.14.5",
    },
    "node": {
        "accept": "*/*",
        "accept-language": "*",
        "sec-fetch-mode": "websocket",
        "user-agent": "node",
    },
    "undici, by the name of a browser": {
        "accept": "*/*",
        "accept-language": "*",
        "sec-fetch-mode": "websocket",
        "user-agent": PEOPLE[0],
    },
    "jsdom": {"origin": "http://127.0.0.1", "accept-language": "*", "user-agent": "undici"},
    "a headless browser by another name": {
        "user-agent": PEOPLE[0],
        "sec-ch-ua": '"Chromium";v="141", "HeadlessChrome";v="141", "Not?A_Brand";v="8"',
    },
}
"""Further headers that libraries send."""


@pytest.mark.parametrize("agent", PEOPLE)
def test_browsers_are_peoples(agent: str) -> None:
    assert not is_program({"user-agent": agent} | ACCEPTED)
    assert not is_program({"user-agent": agent})


@pytest.mark.parametrize("agent", PROGRAMS)
def test_programs_are_not(agent: str) -> None:
    assert is_program({"user-agent": agent} | ACCEPTED)


@pytest.mark.parametrize("library", SEEN)
def test_libraries_as_they_are(library: str) -> None:
    assert is_program(SEEN[library])


def test_brands_of_a_browser_say_no_refusal_it() -> None:
    brands = '"Chromium";v="141", "Google Chrome";v="141", "Not?A_Brand";v="8"'
    assert not is_program({"user-agent": PEOPLE[0], "sec-ch-ua": brands})
    # Nor does one half of what is Node's.
    assert not is_program({"user-agent": PEOPLE[2], "accept-language": "*"})
    assert not is_program({"user-agent": PEOPLE[2], "sec-fetch-mode": "websocket"} | ACCEPTED)


def test_what_is_remembered_is_bounded() -> None:
    long = "Mozilla/5.0 " + "x" * 100_000
    assert not is_program({"user-agent": long})
    assert is_program({"user-agent": "Mozilla/5.0 HeadlessChrome/1 " + "x" * 100_000})

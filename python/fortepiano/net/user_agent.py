"""Agents: what a handshake's headers say of the program that sends it.

Only what a browser in front of a person never says is held against anybody: new browsers, and those
that tell little about themselves, are not locked out of rooms for people. Whoever wants to pass for
a browser can; this is for all the others.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["is_program"]

_BROWSERS = ("Mozilla/", "Opera/")
"""How the `User-Agent` of every browser begins, since the first one; that of no library does."""

_LONGEST = 1024
"""How much of a header is looked at, and remembered; characters."""

# Some name a browser first: those that drive one, or imitate one, and crawlers.
_MARKS = re.compile(
    r"""
    # Browsers without a window, and what drives browsers.
    headless | phantomjs | slimerjs | puppeteer | playwright | selenium | webdriver | htmlunit
    | chrome-lighthouse | testcafe
    # What is only half a browser.
    | jsdom | happydom | zombie\.js | windowspowershell
    # Languages and libraries, as products: a telephone may be called Go.
    | (?<![a-z0-9]) (?:
        node | nodejs | node\.js | node-fetch | undici | bun | deno | axios | got | cypress
        | python | python-[a-z0-9]+ | aiohttp | aiohttp-client | httpx | websockets
        | websocket-client | go-http-client | gorilla | java | okhttp | apache-httpclient
        | ktor-client | dart | ruby | libwww-perl | curl | libcurl | wget | guzzlehttp | reqwest
        | tungstenite | ixwebsocket | websocketpp | beast | scrapy
    ) /
    # Crawlers, which say where to read about them. Cubot makes telephones.
    | \+https?:// | (?: (?<!cu)bot | crawler | spider | slurp | externalhit | archiver
        | bingpreview | googleother | inspectiontool ) (?![a-z0-9])
    """,
    re.IGNORECASE | re.VERBOSE,
)


def is_program(said: Mapping[str, str]) -> bool:
    """Tell whether a handshake comes from a program that no person looks at.

    Args:
        said: The value of each header by its name in lower case.
    """
    agent = said.get("user-agent", "")
    if not agent.startswith(_BROWSERS) or _is_marked(agent[:_LONGEST]):
        return True
    brands = said.get("sec-ch-ua")
    if brands is not None and _is_marked(brands[:_LONGEST]):
        return True
    # Node's own WebSocket, whatever it calls itself: people have languages.
    return said.get("accept-language") == "*" and said.get("sec-fetch-mode") == "websocket"


@lru_cache(maxsize=1024)
def _is_marked(value: str) -> bool:
    """Whether a header names what is no browser; there are few values, and many handshakes."""
    return _MARKS.search(value) is not None

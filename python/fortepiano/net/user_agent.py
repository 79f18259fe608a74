"""Recognises programs, such as bots and crawlers, by the headers of their handshake.

Only headers that a browser in front of a person never sends count against a client. So new
browsers, and browsers that reveal little about themselves, are not locked out of rooms for people.
A program that pretends to be a browser is not recognised; all the others are.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["is_program"]

_BROWSERS = ("Mozilla/", "Opera/")
"""How the `User-Agent` of every browser begins, ever since the first one; no library's does."""

_MAX_LENGTH = 1024
"""How much of a header is searched, and cached; characters."""

# The `User-Agent` of some programs begins as a browser's: programs that control or imitate a
# browser, and crawlers.
_PROGRAM_NAMES = re.compile(
    r"""
    # Browsers without a window, and programs that control browsers.
    headless | phantomjs | slimerjs | puppeteer | playwright | selenium | webdriver | htmlunit
    | chrome-lighthouse | testcafe
    # Imitations of a browser.
    | jsdom | happydom | zombie\.js | windowspowershell
    # Languages and libraries, as a product with a version: a telephone may be called Go.
    | (?<![a-z0-9]) (?:
        node | nodejs | node\.js | node-fetch | undici | bun | deno | axios | got | cypress
        | python | python-[a-z0-9]+ | aiohttp | aiohttp-client | httpx | websockets
        | websocket-client | go-http-client | gorilla | java | okhttp | apache-httpclient
        | ktor-client | dart | ruby | libwww-perl | curl | libcurl | wget | guzzlehttp | reqwest
        | tungstenite | ixwebsocket | websocketpp | beast | scrapy
    ) /
    # Crawlers, which name a page about themselves. Cubot is a brand of telephones.
    | \+https?:// | (?: (?<!cu)bot | crawler | spider | slurp | externalhit | archiver
        | bingpreview | googleother | inspectiontool ) (?![a-z0-9])
    """,
    re.IGNORECASE | re.VERBOSE,
)


def is_program(headers: Mapping[str, str]) -> bool:
    """Return whether a handshake comes from a program that no person uses directly.

    Args:
        headers: The value of each header by its name in lower case.
    """
    agent = headers.get("user-agent", "")
    if not agent.startswith(_BROWSERS) or _names_program(agent[:_MAX_LENGTH]):
        return True
    brands = headers.get("sec-ch-ua")
    if brands is not None and _names_program(brands[:_MAX_LENGTH]):
        return True
    # Node's own WebSocket, under any name: the browser of a person names languages.
    return headers.get("accept-language") == "*" and headers.get("sec-fetch-mode") == "websocket"


@lru_cache(maxsize=1024)
def _names_program(value: str) -> bool:
    """Return whether a header names a program; cached, as few values come in many handshakes."""
    return _PROGRAM_NAMES.search(value) is not None

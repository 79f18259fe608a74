"""The table of clients in docs/clients.md, made from what the tests hold them to.

`python -m support.register docs/clients.md` writes it between the two marks there; a test holds the
file to it (tests/clients/test_register.py).
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from marked_section import replace_section
from support.public_clients import FEATURES, LIBRARIES, Client, Replay, replays

__all__ = ["BEGIN", "END", "register", "updated"]

BEGIN = "<!-- clients: made by `make docs` -->"
END = "<!-- clients: end -->"

_LINES = textwrap.TextWrapper(
    120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
)

WORKS, FAILS, LACKS = "✓", "✗", ""


def register() -> str:
    """Return what works with which client, as Markdown."""
    columns = ["client", "version", "tested", *FEATURES]
    clients = [*LIBRARIES.values(), *replays().values()]
    lines = [
        f"| {' | '.join(columns)} |",
        f"|{' --- |' * 3}{' :-: |' * len(FEATURES)}",
        *(f"| {' | '.join(_row(client))} |" for client in clients),
        "",
        *(f"- **{name}**: {meaning}." for name, meaning in FEATURES.items()),
        "",
        "What to know of some of them:",
        "",
        *(line for client in clients if (line := _remark(client))),
    ]
    return "\n".join(lines)


def _row(client: Client) -> list[str]:
    how = "replayed" if isinstance(client, Replay) else "runs"
    return [client.name, client.version, how, *(_cell(client, feature) for feature in FEATURES)]


def _cell(client: Client, feature: str) -> str:
    if feature in client.fails:
        return FAILS
    return WORKS if feature in client.works else LACKS


def _remark(client: Client) -> str:
    """Return a line about what does not work and what is to be known; none where all is plain."""
    said = [f"`{feature}` fails: {why}." for feature, why in client.fails.items()]
    said += [client.remarks] if client.remarks else []
    kind = f" ({client.kind})" if isinstance(client, Replay) else ""
    line = f"- **{client.name}**{kind}: {' '.join(said)}"
    return _LINES.fill(line) if said else ""


def updated(text: str) -> str:
    """Return a document with the table between its marks made anew.

    Raises:
        ValueError: Where the marks are missing.
    """
    return replace_section(text, BEGIN, END, register())


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(updated(document.read_text("utf-8")), "utf-8")

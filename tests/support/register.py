"""The table of clients in docs/clients.md, made from support.public_clients.

`python -m support.register docs/clients.md` writes the table between the two marks there;
tests/clients/test_register.py checks that it is up to date.
"""

from __future__ import annotations

import textwrap

from marked_section import replace_section, update_document
from support.public_clients import FEATURES, LIBRARIES, PublicClient, Replay, replays

__all__ = ["BEGIN", "END", "register", "updated"]

BEGIN = "<!-- clients: made by `make docs` -->"
END = "<!-- clients: end -->"

_LINES = textwrap.TextWrapper(
    120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
)

WORKS, FAILS, LACKS = "✓", "✗", ""


def register() -> str:
    """Return the table of clients and features, as Markdown."""
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


def _row(client: PublicClient) -> list[str]:
    how = "replayed" if isinstance(client, Replay) else "runs"
    return [client.name, client.version, how, *(_cell(client, feature) for feature in FEATURES)]


def _cell(client: PublicClient, feature: str) -> str:
    if feature in client.fails:
        return FAILS
    return WORKS if feature in client.works else LACKS


def _remark(client: PublicClient) -> str:
    """Return a line with the failures and remarks of a client; an empty text without any."""
    parts = [f"`{feature}` fails: {why}." for feature, why in client.fails.items()]
    parts += [client.remarks] if client.remarks else []
    kind = f" ({client.kind})" if isinstance(client, Replay) else ""
    line = f"- **{client.name}**{kind}: {' '.join(parts)}"
    return _LINES.fill(line) if parts else ""


def updated(text: str) -> str:
    """Return a document with a new table between its marks.

    Raises:
        ValueError: The marks are missing.
    """
    return replace_section(text, BEGIN, END, register())


if __name__ == "__main__":
    update_document(updated)

"""schemathesis against a running server: the admin API does what its documents say, and no more.

Wrong tokens, which schemathesis tries too, would lock it out: test_admin_api.py tries those. The
stream of events has no end unless it is asked for one, so only the long run reads it.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.player import connected
from support.server import Server, run_server

CHECKS = ["--checks", "all", "--exclude-checks", "ignored_auth"]
DOCUMENTS = {"/openapi.json": "/api/v1/events", "/openapi-deprecated.json": "/api/events"}
"""The documents of v1 and of the paths without a version, with the stream of events in each."""


@pytest.fixture
def crowd() -> Iterator[tuple[Server, str]]:
    """A server of its own, since all is done to it that can be, with people; and a token."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(run_server(scopes=("admin",)))
        for number in range(4):
            address, room = f"127.90.0.{number + 1}", f"room {number % 2}"
            stack.enter_context(connected(server, address, f"Ann {number}", room))
        yield server, server.tokens["admin"]


def explore(server: Server, token: str, folder: Path, document: str, *options: str) -> str:
    """Run schemathesis and return its report; a finding fails the test."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            f"{server.internal_url}{document}",
            *("--header", f"Authorization: Bearer {token}", "--no-color"),
            *(*CHECKS, *options),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    report = done.stdout + done.stderr
    assert done.returncode == 0, report
    assert "Operations:" in report
    return report


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("document", "options"),
    [
        ("/openapi.json", ("--phases", "coverage,fuzzing", "--max-examples", "3")),
        # The calls are the same: one example shows that names and units are translated.
        ("/openapi-deprecated.json", ("--phases", "fuzzing", "--max-examples", "1")),
    ],
)
def test_the_api_is_as_its_document_says(
    crowd: tuple[Server, str], tmp_path: Path, document: str, options: tuple[str, ...]
) -> None:
    server, token = crowd
    stream = ("--exclude-path", DOCUMENTS[document])
    report = explore(server, token, tmp_path, document, *options, *stream, "--seed", "7")
    assert "Tested: " in report


@pytest.mark.ops
@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.timeout(1000)
def test_the_api_is_as_its_document_says_at_length(
    crowd: tuple[Server, str], tmp_path: Path, document: str
) -> None:
    server, token = crowd
    stream = DOCUMENTS[document]
    # A fixed seed: another one may find other faults, but not at random times. Some seeds find that
    # 0.0 is taken for a whole number, as in JSON.
    many, few = (("--max-examples", str(count), "--seed", "8") for count in (100, 5))
    explore(server, token, tmp_path, document, *many, "--exclude-path", stream)
    explore(server, token, tmp_path, document, *few, "--include-path", stream)

"""The codes of refused connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from fortepiano.net.refusal_codes import RefusalCode

DOCUMENT = Path(__file__).parents[3] / "docs" / "protocol.md"


def test_metrics_and_pages_know_the_names() -> None:
    assert {code.value: code.you for code in RefusalCode} == {
        "draining": "",
        "server_full": "full",
        "bad_proxy_header": "",
        "too_many_sockets": "too_many",
        "too_many_connections": "",
        "connect_rate": "too_many",
        "site_ban": "banned",
        "listed_network": "network_refused",
        "foreign_origin": "",
        "wrong_host": "",
    }


@pytest.mark.parametrize("code", [code for code in RefusalCode if code.you])
def test_each_that_is_answered_is_in_the_document(code: RefusalCode) -> None:
    assert f"`{code}`" in DOCUMENT.read_text("utf-8")


def test_later_helps_where_the_status_says_so() -> None:
    assert all((code.retry_after > 0) is (code.status in (429, 503)) for code in RefusalCode)

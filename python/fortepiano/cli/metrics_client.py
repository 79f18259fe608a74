"""A client for the metrics of a running server, on its internal port; needs no token."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias
from urllib.parse import urlsplit

import typer

from fortepiano.config.section import UNIX
from fortepiano.errors import UnreachableError
from fortepiano.net.unix_http import UnixConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Metrics", "Url", "check_alive", "internal_url", "read"]

_TIMEOUT_SECONDS = 5.0

_LOOPBACKS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens there
"""Addresses to call a server that listens on all addresses."""

Url: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="The internal port of the server.", show_default="as in the settings", metavar="URL"
    ),
]


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of a server at one moment.

    Attributes:
        at: The time; monotonic seconds.
        why_not_ready: Why no traffic should come now; empty if all is well.
        version: The server's version.
        values: All metrics, by name without `fortepiano_`; summed over their labels.
        by_label: Metrics with a label, by name and label.
    """

    at: float
    why_not_ready: str
    version: str
    values: Mapping[str, float]
    by_label: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, dict[str, float]])

    def rate(self, before: Metrics, name: str) -> float:
        """Return how fast a counter has grown since an earlier reading; per second."""
        seconds = max(self.at - before.at, 1e-9)
        return max(self.values.get(name, 0.0) - before.values.get(name, 0.0), 0.0) / seconds


def internal_url(url: str | None, config: Path | None) -> str:
    """Return the URL of the internal port.

    Args:
        url: The URL given by the user; None for that of the settings.
        config: The settings file.

    Raises:
        ConfigError: The settings are wrong.
    """
    if url is not None:
        return url.rstrip("/")
    from fortepiano import config as configuration

    settings = configuration.load(config, {})
    host = settings.internal_host
    if host.startswith(UNIX):
        return host
    host = _LOOPBACKS.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.internal_port}"


def check_alive(url: str) -> None:
    """Ask a server whether it runs, be it ready or not.

    Args:
        url: The URL of its internal port.

    Raises:
        UnreachableError: The server does not answer, or another program does.
    """
    try:
        _ = json.loads(_get(url, "/healthz"))
    except ValueError:
        raise UnreachableError(url, "what answers there is something else") from None


def read(url: str) -> Metrics:
    """Read the metrics of a server.

    Args:
        url: The URL of its internal port.

    Raises:
        UnreachableError: The server does not answer, or another program does.
    """
    from prometheus_client.parser import text_string_to_metric_families

    at = time.monotonic()
    text = _get(url, "/metrics")
    values: dict[str, float] = {}
    by_label: dict[str, dict[str, float]] = {}
    version = ""
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                name = sample.name.removeprefix("fortepiano_")
                if name == "build_info":
                    version = sample.labels["version"]
                elif not name.endswith("_bucket"):
                    values[name] = values.get(name, 0.0) + sample.value
                    for label in sample.labels.values():
                        by_label.setdefault(name, {})[label] = sample.value
    except ValueError as error:
        raise UnreachableError(url, "what answers there is something else") from error
    if not version:
        raise UnreachableError(url, "what answers there is something else")
    readiness = json.loads(_get(url, "/readyz"))
    return Metrics(at, readiness.get("reason", ""), version, values, by_label)


def _get(url: str, path: str) -> str:
    """Return the body of a response.

    Raises:
        UnreachableError: There is no response, or it has another status than 200 and 503.
    """
    try:
        with contextlib.closing(_connection(url)) as connection:
            connection.request("GET", urlsplit(url).path + path if "://" in url else path)
            response = connection.getresponse()
            body = response.read().decode()
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UnreachableError(url, reason) from error
    if response.status not in (200, 503):
        raise UnreachableError(url, f"HTTP status {response.status}")
    return body


def _connection(url: str) -> http.client.HTTPConnection:
    if url.startswith(UNIX):
        return UnixConnection(url.removeprefix(UNIX), _TIMEOUT_SECONDS)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise UnreachableError(url, "an http:// address is needed")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)

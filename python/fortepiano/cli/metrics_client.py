"""A client for the metrics of a running server, on its internal port; needs no token."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from fortepiano.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Metrics", "Url", "internal_url", "read"]

_TIMEOUT_SECONDS = 5.0

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
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.internal_port}"


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
    try:
        request = urllib.request.Request(url + path)  # noqa: S310 - checked right below
        if request.type not in ("http", "https"):
            raise UnreachableError(url, "an http:// address is needed")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 503:
                return error.read().decode()
        raise UnreachableError(url, f"HTTP status {error.code}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UnreachableError(url, str(getattr(reason, "strerror", None) or reason)) from error

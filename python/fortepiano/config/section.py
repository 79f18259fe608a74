"""The base class of all sections, and the types of their values."""

import ipaddress
import json
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["UNIX", "Frequency", "Networks", "Proxies", "Seconds", "Section", "Tables", "listed"]

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
"""A time limit; never 0, which would end the limited thing before it began."""

Frequency = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
"""A rate; per second, or as the description says."""

UNIX = "unix:"
"""The prefix of a Unix socket's path, in settings that otherwise hold an address."""


def listed(value: object) -> object:
    """Read a list from an environment variable: `["a", "b"]`, `[]`, or `a, b`."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return [part.strip() for part in value.split(",") if part.strip()]
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise ValueError('must be a list such as ["192.0.2.1", "2001:db8::/32"]') from None


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise ValueError(
            f"{text!r} is neither an IP address nor a network such as 192.0.2.0/24"
        ) from None


def _proxy(text: str) -> str:
    is_path = text.startswith(UNIX) and text != UNIX
    return text if is_path else _network(text)


Networks: TypeAlias = Annotated[
    tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(listed)
]
Proxies: TypeAlias = Annotated[
    tuple[Annotated[str, AfterValidator(_proxy)], ...], BeforeValidator(listed)
]


def _tables(value: object) -> object:
    """Read tables from an environment variable, which has them as JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise ValueError('must be a list such as [{"name": "tor", "path": "tor.txt"}]') from None


Tables = BeforeValidator(_tables)
"""Lets an environment variable set tables as JSON."""


class Section(BaseModel):
    """A named part of the settings; unknown names in it are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

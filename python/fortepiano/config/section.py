"""What the sections have in common: that names must be known, and kinds of values."""

import ipaddress
import json
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["UNIX", "Frequency", "Networks", "Proxies", "Seconds", "Section", "Tables"]

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
"""A time to wait; never 0, which would end what it bounds before it began."""

Frequency = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
"""How often something may happen."""

UNIX = "unix:"
"""What stands before the path of a Unix socket, where otherwise an address would stand."""


def _listed(value: object) -> object:
    """Read a list out of an environment variable: `["a", "b"]`, `[]`, or `a, b`."""
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
    tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_listed)
]
Proxies: TypeAlias = Annotated[
    tuple[Annotated[str, AfterValidator(_proxy)], ...], BeforeValidator(_listed)
]


def _tables(value: object) -> object:
    """Read tables out of an environment variable, where they are JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise ValueError('must be a list such as [{"name": "tor", "path": "tor.txt"}]') from None


Tables = BeforeValidator(_tables)
"""What stands in a file as tables may stand in a variable as JSON."""


class Section(BaseModel):
    """A part of the settings that has a name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

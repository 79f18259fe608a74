"""Names of hosts, and origins of web pages (RFC 6454), as settings and browsers write them."""

import re
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator

from fortepiano.config.section import listed

__all__ = ["HostNames", "Origins", "canonical_origin", "without_default_port"]

_ORIGIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[^/?#\s]+)")
_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def canonical_origin(origin: str) -> str:
    """Return an origin in lower case, and without the default port of its scheme.

    Args:
        origin: Such as `https://piano.example.org` or `null`.
    """
    text = origin.lower()
    found = _ORIGIN.fullmatch(text)
    if found is None:
        return text
    return f"{found['scheme']}://{without_default_port(found['host'], found['scheme'])}"


def without_default_port(host: str, scheme: str) -> str:
    """Return a host without the port that its scheme implies.

    Args:
        host: The host, with or without a port.
        scheme: Such as `https`.
    """
    return host.removesuffix(f":{_DEFAULT_PORTS.get(scheme)}")


def _origin(text: str) -> str:
    canonical = canonical_origin(text.strip())
    if canonical != "null" and _ORIGIN.fullmatch(canonical) is None:
        raise ValueError(f"{text!r} is no origin such as https://piano.example.org, and not null")
    return canonical


def _host_name(text: str) -> str:
    name = text.strip().lower().removesuffix(".")
    if _HOST_NAME.fullmatch(name) is None:
        raise ValueError(f"{text!r} is no host name; leave out the scheme and the port")
    return name


Origins: TypeAlias = Annotated[
    tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(listed)
]
HostNames: TypeAlias = Annotated[
    tuple[Annotated[str, AfterValidator(_host_name)], ...], BeforeValidator(listed)
]

"""Which settings can be changed while the server runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, SecretStr

from fortepiano.rules import QuotaClass, Rate, Rules

if TYPE_CHECKING:
    from fortepiano.config import Settings
    from fortepiano.sources import Keys

__all__ = ["MASK", "changes", "needs_restart", "shown", "values"]

MASK = "***"
"""What is shown of a secret."""

# What is bound, opened or read once, and what decides who somebody is: were it changed, everybody
# would be somebody else.
_RESTART: frozenset[tuple[str, ...]] = frozenset(
    {
        ("host",),
        ("port",),
        ("internal_host",),
        ("internal_port",),
        ("data_dir",),
        ("node_env",),
        ("salt1",),
        ("salt2",),
        ("store",),
        ("identity",),
    }
)


def needs_restart(keys: Keys) -> bool:
    """Tell whether a change of a setting takes effect only at a restart.

    Args:
        keys: Its path, such as `("limits", "fragments")`.
    """
    return any(keys[: len(name)] == name for name in _RESTART)


def changes(old: Settings, new: Settings) -> dict[Keys, tuple[object, object]]:
    """Return what differs, by path: the old value and the new one; of secrets a mask."""
    before, after = dict(values(old)), dict(values(new))
    return {
        keys: (shown(value), shown(after[keys]))
        for keys, value in before.items()
        if value != after[keys]
    }


def values(tree: Any, above: Keys = ()) -> Iterator[tuple[Keys, object]]:
    """Yield the path and the value of everything that can be set, sections left out."""
    for name in cast("dict[str, object]", type(tree).__pydantic_fields__):
        value, keys = getattr(tree, name), (*above, name)
        if isinstance(value, BaseModel | Rules | Rate | QuotaClass):
            yield from values(value, keys)
        else:
            yield keys, value


def shown(value: object) -> object:
    """Return a value as others may see it: secrets, and passwords in URLs, are masked."""
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, str) and "://" in value:
        # `redis://user:password@host`
        scheme, _, rest = value.partition("://")
        secret, at, host = rest.rpartition("@")
        return f"{scheme}://{secret.partition(':')[0]}:{MASK}@{host}" if at else value
    return value

"""Changes of settings while the server runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, SecretStr

from fortepiano.config.rules import QuotaClass, Rate, Rules

if TYPE_CHECKING:
    from fortepiano.config import Settings
    from fortepiano.config.sources import Keys

__all__ = ["MASK", "ReloadReport", "changes", "in_force", "needs_restart", "shown", "values"]

MASK = "***"
"""The text that is shown in place of a secret."""


@dataclass(frozen=True, slots=True)
class ReloadReport:
    """The changes that a reload has made, or would make.

    Attributes:
        changed: Settings that now apply: the old value and the new one, by dotted name.
        waiting: Settings that need a restart: the old value and the new one, by dotted name.
        handlers: Whether the handlers have changed.
        refused: Why the handlers stay as they are, whether they have changed or not; else empty.
        differences: In what this node of a cluster differs from others now, a line each.
    """

    changed: dict[str, tuple[object, object]]
    waiting: dict[str, tuple[object, object]]
    handlers: bool
    refused: str = ""
    differences: tuple[str, ...] = ()


# Settings that are used only once, to bind, open or read something; and those that decide a user's
# id: if they changed, all people would become other users.
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
        ("cluster",),
        ("identity",),
        ("proxy", "protocol"),
    }
)


def needs_restart(keys: Keys) -> bool:
    """Tell whether a change of a setting takes effect only at a restart.

    Args:
        keys: The path of the setting, such as `("limits", "fragments")`.
    """
    return any(keys[: len(name)] == name for name in _RESTART)


def in_force(old: Settings, new: Settings) -> Settings:
    """Return the new settings, but the old values of those that need a restart."""
    update: dict[str, Any] = {}
    for name, *rest in _RESTART:
        unchanged: Any = getattr(old, name)
        if rest:
            section: Any = getattr(new, name)
            unchanged = section.model_copy(update={rest[0]: getattr(unchanged, rest[0])})
        update[name] = unchanged
    return new.model_copy(update=update)


def changes(old: Settings, new: Settings) -> dict[Keys, tuple[object, object]]:
    """Return the settings that differ: the old value and the new one, by path."""
    before, after = dict(values(old)), dict(values(new))
    return {keys: (value, after[keys]) for keys, value in before.items() if value != after[keys]}


def values(tree: Any, above: Keys = ()) -> Iterator[tuple[Keys, object]]:
    """Yield the path and the value of each setting; sections themselves are left out."""
    fields = cast("dict[str, object]", tree.__class__.__pydantic_fields__)
    for name in fields:
        value, keys = getattr(tree, name), (*above, name)
        if isinstance(value, BaseModel | Rules | Rate | QuotaClass):
            yield from values(value, keys)
        else:
            yield keys, value


def shown(value: object) -> object:
    """Return a value with secrets and passwords in URLs masked."""
    if isinstance(value, tuple):
        members = cast("tuple[object, ...]", value)
        return [shown(member) for member in members]
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, str) and "://" in value:
        # `redis://user:password@host`
        scheme, _, rest = value.partition("://")
        secret, at, host = rest.rpartition("@")
        host, options, _ = host.partition("?")  # `?password=` and its like
        told = f"{host}?{MASK}" if options else host
        return (
            f"{scheme}://{secret.partition(':')[0]}:{MASK}@{told}" if at else f"{scheme}://{told}"
        )
    return value

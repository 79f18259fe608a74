"""Merges records into a store that is not empty (docs/operating.md, "Backup and restore")."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from fortepiano.store.base import Store
from fortepiano.store.dump import Item, flush, flushing, is_empty, records_in, savers
from fortepiano.store.record_kinds import (
    BAN,
    CHAT,
    KEY,
    KINDS,
    SALT,
    TOKEN,
    USER,
    AnyKind,
    Key,
    Record,
)
from fortepiano.store.records import (
    BanRecord,
    ChatRecord,
    SaltRecord,
    TokenRecord,
    UserRecord,
)

__all__ = ["Merged", "merge"]


@dataclass(frozen=True, slots=True)
class Merged:
    """The numbers of records that a merge has added, changed, and kept as they were, by kind."""

    added: Counter[str] = field(default_factory=Counter[str])
    changed: Counter[str] = field(default_factory=Counter[str])
    kept: Counter[str] = field(default_factory=Counter[str])

    def count(self, kind: str, before: Record | None, after: Record | None) -> None:
        """Count a record.

        Args:
            kind: The name of its kind.
            before: The stored record; None if there was none.
            after: The record that is stored in its place; None where nothing changes.
        """
        counted = self.kept if after is None else self.added if before is None else self.changed
        counted[kind] += 1

    def __str__(self) -> str:
        parts = (("added", self.added), ("changed", self.changed), ("kept", self.kept))
        return ", ".join(f"{counts.total()} {word}{_by_kind(counts)}" for word, counts in parts)


def merge(store: Store, items: Iterable[Item], at: int) -> Merged:
    """Merge records into a store; of two records with one key the rules below choose.

    The newer record of a user, a ban or a room's chat wins. A revocation of a token lasts. Other
    records stay as they are stored. Salts are taken into an empty store only. Bans and rooms that
    have ended are left out, and signing keys are, since no store has them.

    Args:
        store: The store; must be open.
        items: The records.
        at: The current time; milliseconds since 1970.

    Raises:
        StoreError: Some of the records could not be written.
    """
    merged = Merged()
    was_empty = is_empty(store)
    stored = _stored(store)
    save = savers(store)
    salts: dict[int, str] = {}
    for kind, record in flushing(store, items):
        if isinstance(record, SaltRecord):
            salts[record.number] = record.value
        elif kind is not KEY:
            key = kind.key(record)
            before = stored[kind].get(key)
            after = None if _has_ended(record, at) else _chosen(kind, before, record)
            merged.count(kind.name, before, after)
            if after is not None:
                save[kind](after)
                stored[kind][key] = after
    _merge_salts(store, salts, was_empty, merged)
    flush(store)
    return merged


def _stored(store: Store) -> dict[AnyKind, dict[Key, Any]]:
    """Return all records of a store by kind and key, but for its salts."""
    records: dict[AnyKind, dict[Key, Any]] = {kind: {} for kind in KINDS}
    for kind, record in records_in(store):
        records[kind][kind.key(record)] = record
    return records


def _has_ended(record: Record, at: int) -> bool:
    until = getattr(record, "until", None)
    return until is not None and until <= at


def _chosen(kind: AnyKind, before: Record | None, record: Record) -> Record | None:
    """Return the record that is to be stored; None if the stored one stays."""
    if before is None:
        return record
    choose = _RULES.get(kind)
    chosen = before if choose is None else choose(before, record)
    return None if chosen == before else chosen


def _newer_user(before: UserRecord, other: UserRecord) -> UserRecord:
    newer = other if other.last_seen > before.last_seen else before
    known = [first for first in (before.first_seen, other.first_seen) if first]
    return replace(newer, first_seen=min(known, default=0))


def _newer_ban(before: BanRecord, other: BanRecord) -> BanRecord:
    return other if other.at > before.at else before


def _revoked_token(before: TokenRecord, other: TokenRecord) -> TokenRecord:
    revoked = max((one for one in (before.revoked, other.revoked) if one), default=None)
    return replace(before, revoked=revoked)


def _newer_chat(before: ChatRecord, other: ChatRecord) -> ChatRecord:
    return other if _last_time(other) > _last_time(before) else before


def _last_time(record: ChatRecord) -> int:
    """Return the time of a room's last line; 0 if it is unknown."""
    time = orjson.loads(record.lines[-1]).get("t") if record.lines else None
    return time if isinstance(time, int) else 0


_RULES: dict[AnyKind, Callable[[Any, Any], Record]] = {
    USER: _newer_user,
    BAN: _newer_ban,
    TOKEN: _revoked_token,
    CHAT: _newer_chat,
}


def _merge_salts(store: Store, salts: dict[int, str], was_empty: bool, merged: Merged) -> None:
    """Take salts into a store that was empty; else keep the ones that ids are made of."""
    if salts.keys() != {1, 2}:
        return
    is_other = (salts[1], salts[2]) != store.salts()
    if was_empty and is_other:
        store.save_salts(salts[1], salts[2])
    counted = merged.changed if was_empty and is_other else merged.kept
    counted[SALT.name] += len(salts)


def _by_kind(counts: Counter[str]) -> str:
    return f" ({', '.join(f'{counts[kind]} {kind}' for kind in counts)})" if counts else ""

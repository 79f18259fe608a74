"""The records that are found in another server's data, and what of it no record can hold."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from fortepiano.store.dump import Item

__all__ = ["Found", "Source", "Wishes"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """The choice of an operator among the data.

    Attributes:
        at: The current time; milliseconds since 1970.
        with_users: Whether users, and what is stored by their ids, are wanted.
        with_chat: Whether chat is wanted.
    """

    at: int
    with_users: bool = True
    with_chat: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """The records that are found in another server's data.

    Attributes:
        items: The records.
        left_out: How many things cannot be carried over, by what they are.
    """

    items: list[Item] = field(default_factory=list[Item])
    left_out: Counter[str] = field(default_factory=Counter[str])


Source: TypeAlias = Callable[[Path, Wishes], Found]
"""Reads a file of another server; raises `InputError` if the file is none."""

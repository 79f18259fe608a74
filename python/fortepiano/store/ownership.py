"""The ownership of everything that a server stores: the data folder, and the prefix in Redis."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from fortepiano.store.lease import Lease
from fortepiano.store.lock import locked_folder
from fortepiano.store.owner import serving_at, this_process

if TYPE_CHECKING:
    from collections.abc import Generator

    from fortepiano.config import Settings
    from fortepiano.store.lock import FolderLock
    from fortepiano.store.owner import Owner

__all__ = ["Handed", "Ownership", "owning"]


class Handed(NamedTuple):
    """The ownership that the old process of an upgrade hands over; of an older version, none.

    Attributes:
        lock: The descriptor of the data folder's lock; -1 for none.
        lease: The value of its lease; empty for none.
    """

    lock: int = -1
    lease: bytes = b""


class Ownership:
    """The ownership of this process; see `owning`.

    Args:
        owner: This process.
        lock: The data folder's lock; None for a store in memory.
        lease: The lease in Redis; None for other stores.
        is_successor: Whether an old process owns everything until `take_over`.

    Attributes:
        lease: Likewise.
    """

    def __init__(
        self, owner: Owner, lock: FolderLock | None, lease: Lease | None, *, is_successor: bool
    ) -> None:
        self._owner = owner
        self._lock = lock
        self.lease = lease
        self._is_successor = is_successor

    @property
    def owner(self) -> Owner:
        """This process, as others read of it."""
        return self._owner

    def name(self, url: str) -> None:
        """Set the URL under which this process serves."""
        self._owner = serving_at(self._owner, url)
        if self.lease is not None:
            self.lease.name(self._owner)
        if self._lock is not None and not self._is_successor:
            self._lock.write(self._owner)

    def handed(self) -> Handed:
        """Return what a successor needs to own the same."""
        return Handed(
            -1 if self._lock is None else self._lock.descriptor,
            b"" if self.lease is None else self.lease.terms.value,
        )

    def hand_over(self) -> None:
        """Leave everything to the successor, which has taken over."""
        if self.lease is not None:
            self.lease.is_shared = True

    def take_over(self) -> None:
        """Own everything from now on in place of the old process, which is ending."""
        self._is_successor = False
        if self.lease is not None:
            self.lease.take_over(self._owner)
        if self._lock is not None:
            self._lock.take_over(self._owner)


@contextlib.contextmanager
def owning(
    settings: Settings,
    handed: Handed | None = None,
    *,
    is_node: bool = False,
    is_member: bool = False,
) -> Generator[Ownership]:
    """Own the data folder that the settings name, and claim the prefix in Redis.

    The lease itself is taken by the store, when it is opened with it.

    Args:
        settings: The settings.
        handed: In a successor, what the old process has handed over.
        is_node: Whether this process shares the prefix with the other nodes of a cluster.
        is_member: Whether a parent owns the data folder, for several processes.

    Raises:
        StoreError: Another process owns the folder.
    """
    store, owner = settings.store, this_process()
    with contextlib.ExitStack() as stack:
        lock = lease = None
        if store.url != "memory:":
            inherited = None if handed is None else handed.lock
            lock = stack.enter_context(
                locked_folder(settings.data_dir, owner, inherited=inherited, is_shared=is_member)
            )
            if store.url:
                inherits = b"" if handed is None else handed.lease
                lease = Lease(owner, inherits, is_of_cluster=is_node)
        yield Ownership(owner, lock, lease, is_successor=handed is not None)

"""The ownership of data folder and prefix together, as servers and their successors have it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from fortepiano.config import Settings, StoreSettings
from fortepiano.errors import StoreError
from fortepiano.store.lock import LOCK
from fortepiano.store.owner import Owner, owner_of
from fortepiano.store.ownership import Handed, owning
from fortepiano.upgrade.messages import Offer

URL = "http://localhost:8080"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def settings(folder: Path, url: str = "") -> Settings:
    return Settings(data_dir=folder / "data", store=StoreSettings(url=url))


def named(folder: Path) -> Owner:
    return owner_of((folder / "data" / LOCK).read_bytes())


def test_store_in_memory_has_no_owner(tmp_path: Path) -> None:
    with owning(settings(tmp_path, "memory:")) as one, owning(settings(tmp_path, "memory:")) as two:
        one.name(URL)
        two.take_over()
        assert one.handed() == Handed()
        assert one.lease is two.lease is None
    assert not (tmp_path / "data").exists()


def test_folder_alone_with_sqlite(tmp_path: Path) -> None:
    with owning(settings(tmp_path)) as ownership:
        assert named(tmp_path).url == ""
        ownership.name(URL)
        assert (named(tmp_path).pid, named(tmp_path).url) == (os.getpid(), URL)
        assert ownership.lease is None
        assert ownership.handed().lock >= 0
        with pytest.raises(StoreError, match=URL), owning(settings(tmp_path)):
            pass


@pytest.mark.parametrize("is_of_older_version", [False, True])
def test_successor_has_the_old_lease_until_it_takes_over(
    tmp_path: Path, stack: ExitStack, is_of_older_version: bool
) -> None:
    with_redis = settings(tmp_path, "redis://127.0.0.1:1")
    old = stack.enter_context(owning(with_redis))
    assert old.lease is not None
    old.name(URL)
    handed = old.handed()
    value = handed.lease
    assert owner_of(value).url == URL
    if is_of_older_version:
        handed = Handed()
    else:
        handed = Handed(os.dup(handed.lock), value)
    new = stack.enter_context(owning(with_redis, handed))
    new.name("http://localhost:8081")
    assert new.lease is not None
    assert (new.lease.terms.value == value) is not is_of_older_version
    assert named(tmp_path).url == URL
    old.hand_over()
    new.take_over()
    assert old.lease.is_shared
    assert not new.lease.is_shared
    assert owner_of(new.lease.terms.value).url == "http://localhost:8081"


def test_nodes_of_a_cluster_have_one_lease_and_folders_of_their_own(
    tmp_path: Path, stack: ExitStack
) -> None:
    one, two = (
        stack.enter_context(owning(settings(tmp_path / name, "redis://127.0.0.1:1"), is_node=True))
        for name in ("one", "two")
    )
    assert one.lease is not None
    assert two.lease is not None
    for node, url in ((one, URL), (two, "http://localhost:8081")):
        node.name(url)
    assert one.lease.terms.value == two.lease.terms.value
    assert owner_of(one.lease.terms.value).is_cluster
    assert str(owner_of(one.lease.terms.value)) == "a cluster of servers"
    assert named(tmp_path / "one").url == URL
    one.take_over()
    assert one.lease.terms.value == two.lease.terms.value
    assert one.lease.outlives_process


def test_offer_of_an_older_version_hands_nothing_over() -> None:
    older = msgspec.msgpack.encode({"format": 1, "fixed": {}})
    offer = msgspec.msgpack.decode(older, type=Offer)
    assert Handed(offer.lock, offer.lease) == Handed()

"""Objects that a reload replaces are freed at once: the collector would find no old cycle."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fortepiano import config
from fortepiano.net.client_address import ClientAddresses
from fortepiano.protocol.text_filter import TextFilter
from fortepiano.server.assembly import make_hub_settings, make_throttle_settings


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def _used_filter() -> TextFilter:
    words = TextFilter()
    assert words.masked_name("damn it") == "**** it"
    return words


@pytest.mark.parametrize(
    "make",
    [
        lambda: config.Settings(),
        lambda: ClientAddresses(config.Settings().proxy),
        lambda: make_hub_settings(config.Settings()),
        lambda: make_throttle_settings(config.Settings()),
        _used_filter,
    ],
    ids=["settings", "addresses", "hub", "throttle", "filter"],
)
def test_what_is_made_of_settings_is_in_no_cycle(make: Callable[[], Any]) -> None:
    make()  # with the objects that are made once and for all
    gc.collect()
    make()
    assert gc.collect() == 0


def test_a_replaced_filter_takes_its_words_along() -> None:
    words = _used_filter()
    search = weakref.ref(words.masked.__self__)  # type: ignore[attr-defined]
    del words
    assert search() is None

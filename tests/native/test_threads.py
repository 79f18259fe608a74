"""Hubs and threads: one uses a hub, and any may free it."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable

import pytest

from support.native_parts import make_test_hub


def in_a_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_only_the_thread_that_made_a_hub_may_use_it() -> None:
    hub = make_test_hub()
    raised: list[BaseException] = []

    def use() -> None:
        try:
            hub.now_ms()
        except BaseException as error:  # a panic of Rust is no Exception
            raised.append(error)

    in_a_thread(use)
    assert "used by the thread that made it" in str(raised[0])


def test_the_garbage_collector_may_free_a_hub_in_any_thread() -> None:
    """Python's collector runs in whatever thread happens to allocate: the store's writer, too."""
    hub = make_test_hub()
    descriptor = hub.fileno()
    circle: list[object] = [hub]
    circle.append(circle)
    del hub, circle
    in_a_thread(gc.collect)
    # An unsendable class would complain, which is a failure here, and leak its epoll set.
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)

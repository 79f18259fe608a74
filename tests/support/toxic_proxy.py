"""A TCP proxy whose connections a test makes slow, silent or cuts: for links that fail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from support.server import free_port

__all__ = ["ToxicProxy", "run_toxic_proxy"]

_PIECE = 16_384


@dataclass(frozen=True)
class _Toxics:
    """The faults of a link.

    Attributes:
        silent: The directions in which nothing arrives: "to", "from", or both.
        delay: How long each piece takes, in seconds.
        rate: The most bytes in a second; 0 for any number.
        is_cut: Whether there are no connections at all.
    """

    silent: frozenset[str] = frozenset()
    delay: float = 0.0
    rate: int = 0
    is_cut: bool = False


class ToxicProxy:
    """A proxy before a server on this machine; it runs in a thread of its own.

    Attributes:
        port: The port on which it listens.
    """

    def __init__(self, target: int) -> None:
        """Prepare, but do not start.

        Args:
            target: The server's port.
        """
        self.port = free_port()
        self._target = target
        self._toxics = _Toxics()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        """Start the thread, and listen."""
        self._thread.start()
        self._call(self._listen)

    def close(self) -> None:
        """End all connections, and the thread."""
        self._call(self._end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # Faults

    def silence(self, *directions: str) -> None:
        """Let nothing arrive any more, while all connections stay open: "to" or "from" the server.

        Without a direction, nothing arrives in either.
        """
        self._set(_Toxics(silent=frozenset(directions or ("to", "from"))))

    def slow(self, *, delay: float = 0.0, rate: int = 0) -> None:
        """Let each piece take a while, or let so many bytes pass in a second."""
        self._set(_Toxics(delay=delay, rate=rate))

    def cut(self) -> None:
        """End all connections, and refuse others."""
        self._set(_Toxics(is_cut=True))

    def heal(self) -> None:
        """Be a good link again; connections that have lost bytes end."""
        self._set(_Toxics())

    def _set(self, toxics: _Toxics) -> None:
        async def change() -> None:
            had_lost, self._toxics = bool(self._toxics.silent), toxics
            if had_lost or toxics.is_cut:
                self._drop()

        self._call(change)

    # In the thread

    def _call(self, work: Callable[[], object]) -> None:
        asyncio.run_coroutine_threadsafe(work(), self._loop).result(10)  # type: ignore[arg-type]

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _end(self) -> None:
        self._server.close()
        self._drop()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _drop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    @asynccontextmanager
    async def _writing(self, writer: asyncio.StreamWriter) -> AsyncIterator[None]:
        self._writers.add(writer)
        try:
            yield
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self._writing(writer):
            if self._toxics.is_cut:
                return
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            async with self._writing(back):
                with suppress(OSError, asyncio.CancelledError):
                    await self._join(
                        asyncio.create_task(self._pass("to", reader, back)),
                        asyncio.create_task(self._pass("from", there, writer)),
                    )

    @staticmethod
    async def _join(*ways: asyncio.Task[None]) -> None:
        """Wait until one direction has ended."""
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass(
        self, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        loop, last = asyncio.get_running_loop(), asyncio.Event()
        last.set()
        while piece := await reader.read(_PIECE):
            toxics = self._toxics
            if direction in toxics.silent:
                continue
            if toxics.rate:
                await asyncio.sleep(len(piece) / toxics.rate)
            if not toxics.delay and last.is_set():
                writer.write(piece)
            else:
                before, last = last, asyncio.Event()
                due = loop.time() + toxics.delay
                loop.create_task(_later(due, before, last, writer, piece))
            await writer.drain()


async def _later(
    due: float,
    before: asyncio.Event,
    after: asyncio.Event,
    writer: asyncio.StreamWriter,
    piece: bytes,
) -> None:
    """Write a piece once it is due, behind the one before it."""
    await asyncio.sleep(due - asyncio.get_running_loop().time())
    await before.wait()
    writer.write(piece)
    after.set()


@contextmanager
def run_toxic_proxy(target: int) -> Iterator[ToxicProxy]:
    """Run a proxy before a port during a `with` block."""
    proxy = ToxicProxy(target)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.close()

"""Applies changed settings and handlers while people play.

Everything is read and checked first, on another thread than the event loop's. Then everything is
applied in one step, or nothing is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections import deque
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from fortepiano.config.running import ReloadReport, changes, in_force, needs_restart, shown
from fortepiano.errors import FortepianoError, ReloadError
from fortepiano.net.client_address import ClientAddresses
from fortepiano.observe import logs
from fortepiano.observe.installation import INSTALLATION
from fortepiano.protocol.text_filter import TextFilter
from fortepiano.server import handler_reload
from fortepiano.server.assembly import make_hub_settings, make_throttle_settings
from fortepiano.server.command_socket import serving_commands
from fortepiano.server.file_limits import most_connections, most_files
from fortepiano.server.file_watch import watch
from fortepiano.store.location import place_of

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from fortepiano.config import Settings
    from fortepiano.handlers.dispatch import Dispatch
    from fortepiano.native import Engine
    from fortepiano.net.admission import AdmissionControl
    from fortepiano.protocol.context import Context
    from fortepiano.server.command_socket import Answer, Command

__all__ = ["Reload"]


class _Handlers(NamedTuple):
    """The handlers in the files, as a reload finds them.

    Attributes:
        fingerprint: A digest of the files.
        refused: Why they may not replace the running ones; empty if they may.
    """

    fingerprint: bytes
    refused: str


class Reload:
    """Replaces settings and handlers; all clients stay connected.

    Args:
        read: Reads the settings again, from the same sources as at the start.
        context: The world and the ways to change it.
        engine: All connections.
        admission: Decides which connections become links.
        dispatch: Passes messages to the handlers of the start.
        on_activity: Called by each dispatch at each message.
        collect_all: Frees the replaced modules, half a megabyte that nothing else would find.

    Attributes:
        dispatch: Passes messages to the handlers in force.
        imports: Held while handlers are replaced: whoever imports one then would get an unfinished
            module.
        follow: Tells other nodes of a cluster of the new settings, and returns in what they differ;
            None for a server alone.
    """

    follow: Callable[[Settings], Awaitable[list[str]]] | None = None

    def __init__(
        self,
        read: Callable[[], Settings],
        context: Context,
        engine: Engine,
        admission: AdmissionControl,
        dispatch: Dispatch,
        on_activity: Callable[[], None],
        collect_all: Callable[[], None],
    ) -> None:
        self._read = read
        self._context = context
        self._engine = engine
        self._admission = admission
        self.dispatch = dispatch
        self._on_activity = on_activity
        self._collect_all = collect_all
        self.imports = asyncio.Lock()
        self._fingerprint = handler_reload.fingerprint()
        self._log = logs.logger(__name__)

    async def preview(self) -> ReloadReport:
        """Return what a reload would change.

        Raises:
            ConfigError: The settings are invalid.
        """
        new, found = await asyncio.to_thread(self._read_all)
        return self._report(new, found)

    async def __call__(self) -> ReloadReport:
        """Read settings and handlers again and apply them.

        Raises:
            ConfigError: The settings are invalid; nothing has changed.
            ReloadError: The handlers cannot be imported; nothing has changed.
        """
        async with self.imports:
            try:
                new, found = await asyncio.to_thread(self._read_all)
                report = self._report(new, found)
                modules: dict[str, ModuleType] = {}
                if report.handlers:
                    modules = await asyncio.to_thread(self._import_handlers)
                self._apply(in_force(self._context.live.settings, new))
            except FortepianoError as error:
                self._log.error("not reloaded, nothing has changed", why=str(error).splitlines())
                raise
            if modules:
                self._rebind(modules)
                self._fingerprint = found.fingerprint
            self._log_report(report)
        if self.follow is not None:
            differences = await self.follow(self._context.live.settings)
            report = replace(report, differences=tuple(differences))
        return report

    def _log_report(self, report: ReloadReport) -> None:
        refused = {"refused": report.refused} if report.refused else {}
        self._log.log(
            logging.WARNING if refused else logging.INFO,
            "reloaded",
            changed={name: after for name, (_, after) in report.changed.items()},
            needs_restart=list(report.waiting),
            handlers=report.handlers,
            **refused,
        )

    def _read_all(self) -> tuple[Settings, _Handlers]:
        """Return the settings as they are now, and whether the handlers may be replaced."""
        settings, refused = self._read(), INSTALLATION.problem()
        try:
            fingerprint = b"" if refused else handler_reload.fingerprint()
        except OSError:  # the files are being replaced
            fingerprint = b""
        refused = refused or INSTALLATION.problem()
        return settings, _Handlers(fingerprint, refused or "")

    def _import_handlers(self) -> dict[str, ModuleType]:
        """Return new handlers, which are none of another version.

        Raises:
            ReloadError: A module cannot be imported, or another version was installed meanwhile.
        """
        try:
            return handler_reload.reloaded_modules()
        finally:
            refused = INSTALLATION.problem()
            if refused:
                raise ReloadError([refused])

    def _rebind(self, modules: dict[str, ModuleType]) -> None:
        """Pass messages to new handlers from now on."""
        handler_reload.install(modules)
        handler_reload.invalidate_importers()
        dispatch = modules[handler_reload.DISPATCH].Dispatch(self._context, self._on_activity)
        self.dispatch = dispatch
        self._engine.rebind(dispatch.receive, dispatch.ended, dispatch.receive_binary)
        self._collect_all()

    def follow_store(self) -> None:
        """Merge the changes of other processes in the store."""
        self.dispatch.follow_store()

    def _networks_of(self, arguments: str) -> dict[str, Any]:
        """Return the networks around a user, by their ids, or problems.

        Args:
            arguments: The id of the user, a space, and the length of the prefix in bits.
        """
        user_id, _, bits = arguments.partition(" ")
        why, found = self.dispatch.networks_of(user_id, int(bits) if bits.isdecimal() else 0)
        return {"problems": [why]} if why else {"networks": found}

    def _place_of_store(self, _arguments: str) -> dict[str, Any]:
        """Return where the server stores, so that no backup is made of another store."""
        return dict(place_of(self._context.live.settings))

    def follow_networks(self) -> None:
        """Disconnect the clients whose networks may not enter any more."""
        self.dispatch.follow_networks()

    @contextlib.asynccontextmanager
    async def reloading_on_request(
        self,
        folder: Path,
        watched: Sequence[Path] | None,
        commands: Mapping[str, Command],
        listener: socket.socket | None,
        supervise: Callable[[asyncio.Task[None], str], object],
    ) -> AsyncGenerator[socket.socket | None]:
        """Reload on SIGHUP, for `fortepiano reload`, and when files change, until the context ends.

        Args:
            folder: The data folder, by which a command finds its server.
            watched: Settings files: a change of one of them, or of a handler, causes a reload. None
                to watch no files.
            commands: Further commands by name.
            listener: The inherited listening socket for commands, if there is one.
            supervise: Called with each task, and what that does.

        Yields:
            The listening socket for commands; None where another server has it.
        """
        requested = asyncio.Event()
        # The handler is never removed: SIGHUP's default action would kill a draining server.
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, requested.set)
        queries = {"networks": self._networks_of, "store": self._place_of_store}
        all_commands = {"reload": self._handle_reload_command} | dict(commands)
        async with serving_commands(folder, all_commands, listener, queries) as command_listener:
            tasks = [asyncio.create_task(self._reload_on(requested))]
            if watched is not None:
                tasks.append(asyncio.create_task(watch(watched, requested)))
            for task in tasks:
                supervise(task, "reload")
            try:
                yield command_listener
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _reload_on(self, requested: asyncio.Event) -> None:
        """Reload each time the event is set; errors are only logged."""
        while await requested.wait():
            requested.clear()
            try:
                with contextlib.suppress(FortepianoError):
                    await self()
            except Exception as error:  # otherwise no request would ever be heard again
                self._log.error("not reloaded", exc_info=error)

    async def _handle_reload_command(self, _answer: Answer) -> dict[str, Any]:
        return await self.on_command()

    async def on_command(self) -> dict[str, Any]:
        """Reload for a command; return a report, or problems."""
        try:
            return asdict(await self())
        except FortepianoError as error:
            return {"problems": str(error).splitlines()}

    def _report(self, new: Settings, found: _Handlers) -> ReloadReport:
        changed: dict[str, tuple[object, object]] = {}
        waiting: dict[str, tuple[object, object]] = {}
        for keys, (before, after) in changes(self._context.live.settings, new).items():
            group = waiting if needs_restart(keys) else changed
            group[".".join(keys)] = shown(before), shown(after)
        has_new = not found.refused and found.fingerprint != self._fingerprint
        return ReloadReport(changed, waiting, handlers=has_new, refused=found.refused)

    def _apply(self, new: Settings) -> None:
        """Apply settings, in one turn of the event loop."""
        context, old_rules = self._context, self._context.rules
        # Everything that can fail comes before the first change: the objects made of settings.
        words, addresses = TextFilter(new.words_file), ClientAddresses(new.proxy)
        hub, throttle = make_hub_settings(new), make_throttle_settings(new)
        context.hub.apply_settings(hub)
        context.throttle.apply_settings(throttle)
        context.live.settings, context.filter = new, words
        self._admission.addresses = addresses
        self._admission.limit_files(most_connections(), most_files())
        logs.configure(new.log_level, new.log_severities)
        if context.rules != old_rules:
            differs = context.rules.quota_history != old_rules.quota_history
            self._apply_rules(history_differs=differs)

    def _apply_rules(self, *, history_differs: bool) -> None:
        """Give each participant the new quota, and send `nq` where its parameters differ."""
        context = self._context
        for room in context.directory.rooms.values():
            if room.history.maxlen != context.rules.chat_history:
                room.history = deque[dict[str, Any]](room.history, context.rules.chat_history)
            for participant in room.participants.values():
                quota, differs = context.world.set_quota(participant)
                context.elsewhere.note_participant(participant)
                if differs or history_differs:
                    context.outbound.send_quota(participant, quota)

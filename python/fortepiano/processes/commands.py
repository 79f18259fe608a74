"""The commands `fortepiano reload`, `upgrade` and others, carried out for several processes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from fortepiano.errors import ControlError, FortepianoError, ReloadError
from fortepiano.observe.logs import logger
from fortepiano.processes.program_change import why_not
from fortepiano.server.command_socket import ask
from fortepiano.server.member import command_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from fortepiano.processes.child import Child
    from fortepiano.server.command_socket import Answer

__all__ = ["Commands"]

_HEALTHY_SECONDS = 15.0
"""How long an upgraded process may take until it is in its cluster."""

_LOOK_SECONDS = 0.1
"""The interval at which it is looked at."""

_NOBODY = {"problems": ["no process serves yet"]}

_log = logger(__name__)


class Commands:
    """Carries out commands for all processes, each of which has a command socket of its own.

    Args:
        folder: The data folder.
        serving: Returns the processes that serve.
        follow_settings: Lets the parent itself follow changed settings.
        become_new_program: Lets the parent be the program that is installed now.
    """

    def __init__(
        self,
        folder: Path,
        serving: Callable[[], Sequence[Child]],
        follow_settings: Callable[[], None],
        become_new_program: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._serving = serving
        self._follow_settings = follow_settings
        self._become_new_program = become_new_program
        self._lock = asyncio.Lock()

    async def _ask(self, child: Child, line: str) -> dict[str, Any]:
        folder = command_folder(self._folder, child.number)
        try:
            return await asyncio.to_thread(ask, folder, line)
        except ReloadError as error:
            return {"problems": list(error.problems)}
        except ControlError as error:
            return {"problems": [f"process {child.number}: {error.reason}"]}

    async def forward(self, line: str) -> dict[str, Any]:
        """Let the first process that serves answer a line."""
        for child in self._serving():
            return await self._ask(child, line)
        return _NOBODY

    async def reload(self, _answer: Answer | None = None) -> dict[str, Any]:
        """Reload all processes; nothing changes if the first one refuses."""
        async with self._lock:
            serving = self._serving()
            if not serving:
                return _NOBODY
            first, *others = serving
            answers = [await self._ask(first, "reload")]
            if "problems" not in answers[0]:
                answers += await asyncio.gather(*(self._ask(one, "reload") for one in others))
                try:
                    self._follow_settings()
                except FortepianoError as error:
                    answers.append({"problems": str(error).splitlines()})
            return _merged(answers)

    async def _problems(self, child: Child) -> Sequence[str]:
        """Wait until an upgraded process is in its cluster, and serves; return why it is not."""
        until = time.monotonic() + _HEALTHY_SECONDS
        while True:
            problems: Sequence[str] = (await self._ask(child, "health")).get("problems", ())
            if not problems or time.monotonic() > until:
                return problems
            await asyncio.sleep(_LOOK_SECONDS)

    async def upgrade(self, answer: Answer) -> dict[str, Any]:
        """Upgrade all processes, one after the other, and then this one.

        The next one has its turn once the one before is in the cluster. The first failure ends it.

        Args:
            answer: Called with the result before this process has another program.
        """
        if self._lock.locked():
            return {"problems": ["a reload or an upgrade is under way already"]}
        async with self._lock:
            done: list[dict[str, Any]] = []
            for child in (serving := self._serving()):
                result = await self._ask(child, "upgrade")
                problems = result.get("problems") or await self._problems(child)
                if problems:
                    return {"problems": [_stopped(child.number, problems, len(done), len(serving))]}
                done.append(result)
            problem = await asyncio.to_thread(why_not) if done else "no process serves yet"
            if problem:
                return {"problems": [f"the parent cannot be upgraded: {problem}"]}
            answer(_summary(done))
            self._become_new_program()
        _log.error("the parent of the processes keeps its program; they are upgraded")
        return {}


def _stopped(number: int, problems: Sequence[str], done: int, count: int) -> str:
    """Return the line about an upgrade that was stopped at one of the processes."""
    why = "; ".join(problems)
    return f"process {number}: {why}; {done} of {count} processes were upgraded before"


def _summary(done: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "version": done[-1]["version"],
        "pid": done[0]["pid"],
        "processes": [it["pid"] for it in done],
        "connections": sum(it["connections"] for it in done),
        "pause_ms": max(it["pause_ms"] for it in done),
    }


def _merged(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the answers to a reload as one."""
    problems = [line for it in answers for line in it.get("problems", ())]
    if problems:
        return {"problems": list(dict.fromkeys(problems))}
    return {
        "changed": {name: it for one in answers for name, it in one["changed"].items()},
        "waiting": {name: it for one in answers for name, it in one["waiting"].items()},
        "handlers": any(it["handlers"] for it in answers),
        "refused": next((it["refused"] for it in answers if it["refused"]), ""),
    }

"""Commands for several processes, whose answers become one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fortepiano.errors import ConfigError, ControlError, ReloadError
from fortepiano.processes import commands
from fortepiano.processes.commands import Commands


class Desk:
    """Commands, and processes that answer as a test wants.

    Attributes:
        answers: What each process answers, by number: a document or an error.
        asked: The numbers of those that were asked, and the lines.
        done: What the parent itself has done.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[int, Any] = {}
        self.asked: list[tuple[int, str]] = []
        self.done: list[str] = []
        self.commands = Commands(
            Path("/data"),
            lambda: [self._process(number) for number in self.answers],
            self.follow,
            lambda: self.done.append("program"),
        )
        monkeypatch.setattr(commands, "ask", self._ask)
        monkeypatch.setattr(commands, "why_not", lambda: "")

    def follow(self) -> None:
        self.done.append("settings")

    def _process(self, number: int) -> Any:
        return type("Process", (), {"number": number})()

    def _ask(self, folder: Path, line: str) -> dict[str, Any]:
        number = int(folder.name)
        self.asked.append((number, line))
        if line == "health":
            return {}
        answer = self.answers[number]
        if isinstance(answer, Exception):
            raise answer
        found: dict[str, Any] = answer
        return found


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch)


def report(**changed: Any) -> dict[str, Any]:
    return {"changed": changed, "waiting": {}, "handlers": False, "refused": ""}


def upgraded(pid: int) -> dict[str, Any]:
    return {"version": "2", "pid": pid, "connections": 5, "pause_ms": float(pid)}


async def test_a_reload_is_one_answer(desk: Desk) -> None:
    desk.answers = {1: report(motd=("a", "b")), 2: report() | {"handlers": True}}
    assert await desk.commands.reload() == report(motd=("a", "b")) | {"handlers": True}
    assert desk.done == ["settings"]


async def test_nothing_is_reloaded_where_the_first_refuses(desk: Desk) -> None:
    desk.answers = {1: ReloadError(["motd: wrong"]), 2: report()}
    assert await desk.commands.reload() == {"problems": ["motd: wrong"]}
    assert (desk.asked, desk.done) == ([(1, "reload")], [])


async def test_problems_of_others_and_of_the_parent_are_told_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def follow() -> None:
        raise ConfigError(["motd: wrong"])

    desk.answers = {
        1: report(),
        2: ReloadError(["motd: wrong"]),
        3: ControlError(Path("/data"), "no server runs with this data folder"),
    }
    monkeypatch.setattr(desk.commands, "_follow_settings", follow)
    problems = ["motd: wrong", "process 3: no server runs with this data folder"]
    assert await desk.commands.reload() == {"problems": problems}


async def test_nobody_serves(desk: Desk) -> None:
    nobody = {"problems": ["no process serves yet"]}
    assert await desk.commands.reload() == nobody
    assert await desk.commands.forward("store") == nobody
    assert "no process serves yet" in str(await desk.commands.upgrade(desk.done.append))  # type: ignore[arg-type]  # is not called


async def test_the_first_answers_questions(desk: Desk) -> None:
    desk.answers = {2: {"networks": []}, 3: {}}
    assert await desk.commands.forward("networks abc 24") == {"networks": []}
    assert desk.asked == [(2, "networks abc 24")]


async def test_an_upgrade_goes_through_all_and_ends_with_the_parent(desk: Desk) -> None:
    desk.answers = {1: upgraded(11), 2: upgraded(12)}
    answers: list[dict[str, Any]] = []
    await desk.commands.upgrade(answers.append)
    # Each is looked at before the next one has its turn.
    assert desk.asked == [(1, "upgrade"), (1, "health"), (2, "upgrade"), (2, "health")]
    assert answers == [
        {
            "version": "2",
            "pid": 11,
            "processes": [11, 12],
            "connections": 10,
            "pause_ms": 12.0,
        }
    ]
    assert desk.done == ["program"]


async def test_an_upgrade_that_ends_in_the_middle_says_so(desk: Desk) -> None:
    desk.answers = {1: upgraded(11), 2: ReloadError(["the store does not take writes"])}
    answer = await desk.commands.upgrade(lambda _: None)
    why = "process 2: the store does not take writes; 1 of 2 processes were upgraded before"
    assert answer["problems"] == [why]
    assert desk.done == []


async def test_an_upgraded_process_that_stays_alone_stops_the_roll(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.answers = {1: upgraded(11), 2: upgraded(12)}
    real = desk._ask

    def ask(folder: Path, line: str) -> dict[str, Any]:
        return {"problems": ["alone"]} if line == "health" else real(folder, line)

    monkeypatch.setattr(commands, "ask", ask)
    monkeypatch.setattr(commands, "_HEALTHY_SECONDS", 0.2)
    answer = await desk.commands.upgrade(lambda _: None)
    assert answer["problems"] == ["process 1: alone; 0 of 2 processes were upgraded before"]
    assert (desk.asked, desk.done) == ([(1, "upgrade")], [])


async def test_a_program_that_cannot_run_takes_no_parents_place(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "why_not", lambda: "ImportError: no")
    desk.answers = {1: upgraded(11)}
    answer = await desk.commands.upgrade(lambda _: None)
    assert answer["problems"] == ["the parent cannot be upgraded: ImportError: no"]
    assert desk.done == []

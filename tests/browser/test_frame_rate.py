"""The cost of a frame while a hundred people play, read from the browser's own trace."""

from __future__ import annotations

import json
from typing import Any

import pytest
from crowd import Crowd
from playwright.sync_api import Browser
from visitor import Invite

from support.server import Server

pytestmark = pytest.mark.needs("chromium")

PEOPLE = 100
OURS = {
    *("FunctionCall", "EvaluateScript", "FireAnimationFrame", "TimerFire", "RunMicrotasks"),
    *("Layout", "UpdateLayoutTree", "HitTest", "EventDispatch", "v8.run"),
}
"""Events of the trace for scripts, and for the style and layout that scripts cause."""

SLOT_US = 1e6 / 60
FRAME_MS = 8.0
TASK_MS = 50.0


def costs(trace: dict[str, Any]) -> tuple[list[float], list[float], float]:
    """Return the cost of each 60th of a second and each task, in ms, and the frames per second.

    A 60th is the time of one frame on a common screen. The frames that this machine draws, without
    a graphics card and beside other work, are reported but say little about the page. For the same
    reason the thread's CPU time counts, not the clock's.
    """
    events = trace["traceEvents"]
    frames = [e for e in events if e["name"] == "FireAnimationFrame" and e["ph"] == "X"]
    thread = max({(e["pid"], e["tid"]) for e in frames}, key=lambda t: thread_frames(frames, t))
    own = [e for e in events if e["ph"] == "X" and (e["pid"], e["tid"]) == thread]
    starts = sorted(e["ts"] for e in frames if (e["pid"], e["tid"]) == thread)
    slots = [0.0] * (int((starts[-1] - starts[0]) / SLOT_US) + 1)
    tasks: list[float] = []
    end = -1.0
    for event in sorted((e for e in own if e["name"] in OURS), key=lambda e: (e["ts"], -e["dur"])):
        if event["ts"] < end or not starts[0] <= event["ts"] <= starts[-1]:
            continue  # within one that is counted
        end = event["ts"] + event["dur"]
        cost = event.get("tdur", event["dur"]) / 1000
        tasks.append(cost)
        slots[int((event["ts"] - starts[0]) / SLOT_US)] += cost
    rate = (len(starts) - 1) / (starts[-1] - starts[0]) * 1e6
    return slots, tasks, rate


def thread_frames(frames: list[dict[str, Any]], thread: tuple[int, int]) -> int:
    """Return how many of `frames` are of one thread."""
    return sum((e["pid"], e["tid"]) == thread for e in frames)


@pytest.mark.parametrize(
    "seconds", [5, pytest.param(60, marks=[pytest.mark.slow, pytest.mark.timeout(240)])]
)
def test_a_hundred_people_play_smoothly(
    server: Server,
    room: str,
    invite: Invite,
    chromium: Browser,
    seconds: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ann = invite(server).visit(room)
    with Crowd(server, room, PEOPLE):
        ann.sees_people(PEOPLE + 1)
        ann.received(500)
        chromium.start_tracing(page=ann.page, categories=["devtools.timeline", "v8", "toplevel"])
        ann.page.wait_for_timeout(seconds * 1000)
        trace = json.loads(chromium.stop_tracing())
    frames, tasks, rate = costs(trace)
    frames.sort()
    p50, p99 = frames[len(frames) // 2], frames[int(len(frames) * 0.99)]
    with capsys.disabled():
        print(
            f"\n{PEOPLE} people, {seconds} s: {rate:.0f} frames/s; script and layout of a 60th"
            f" p50 {p50:.1f} ms, p99 {p99:.1f} ms; longest task {max(tasks):.1f} ms"
        )
    # The short run shares its machine with other work, so only the mean is checked.
    assert (p99 if seconds >= 60 else sum(frames) / len(frames)) <= FRAME_MS
    assert max(tasks) <= TASK_MS
    assert ann.complaints == []

import json
import logging
import os
import subprocess
import sys
import warnings

import pytest

from fortepiano.observe import logs

NASTY = 'Ann\n2026-01-01 [info] fake\r\x1b[31mred\u2028\u202e"end'


@pytest.fixture(autouse=True)
def nothing_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the events of other tests."""
    monkeypatch.setattr(logs._handler, "filters", [logs.RepeatFilter()])


def lines(capfd: pytest.CaptureFixture[str]) -> list[str]:
    logging.getLogger().handlers[0].flush()
    out, err = capfd.readouterr()
    assert err == ""
    assert out.endswith("\n") or out == ""
    # Not splitlines(): that would hide a Unicode line separator that came through.
    return out.split("\n")[:-1]


class TestJson:
    def test_one_event_is_one_line(self, capfd: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", json=True)
        logs.logger("fortepiano.net").info("joined", room=NASTY, count=3)
        (line,) = lines(capfd)
        assert line.isascii()
        assert line.isprintable()
        event = json.loads(line)
        assert event.pop("timestamp").endswith("Z")
        assert event == {
            "event": "joined",
            "room": NASTY,
            "count": 3,
            "level": "info",
            "logger": "fortepiano.net",
        }

    def test_is_the_choice_without_a_terminal(self, capfd: pytest.CaptureFixture[str]) -> None:
        logs.configure("info")
        logs.logger("x").info("hello")
        assert json.loads(lines(capfd)[0])["event"] == "hello"

    def test_traceback_is_a_part_of_the_line(self, capfd: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", json=True)
        try:
            raise ValueError(NASTY)
        except ValueError:
            logs.logger("x").exception("failed")
        (line,) = lines(capfd)
        event = json.loads(line)
        assert event["level"] == "error"
        assert event["exception"].startswith("Traceback")

    def test_what_json_does_not_know_is_shown(self, capfd: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", json=True)
        logs.logger("x").info("odd", raw=b"\x00\n")
        assert json.loads(lines(capfd)[0])["raw"] == repr(b"\x00\n")


class TestColumns:
    def test_one_event_is_one_line(self, capfd: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", json=False)
        logs.logger("x").info("joined", room=NASTY, raw=b"\n", **{"k\ney": 1})
        (line,) = lines(capfd)
        assert line.isprintable()
        assert "joined" in line
        assert "Ann" in line

    def test_event_itself_is_escaped(self, capfd: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", json=False)
        logs.logger("x").info(NASTY)
        (line,) = lines(capfd)
        assert line.isprintable()

    def test_traceback_keeps_a_margin(self, capfd: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", json=False)
        try:
            raise ValueError(NASTY)
        except ValueError:
            logs.logger("x").exception("failed")
        first, *rest = lines(capfd)
        assert "failed" in first
        assert rest
        assert all(line.startswith("  | ") and line.isprintable() for line in rest)


@pytest.mark.parametrize("as_json", [True, False])
class TestBoth:
    def test_level_is_kept(self, capfd: pytest.CaptureFixture[str], as_json: bool) -> None:
        logs.configure("warning", json=as_json)
        logs.logger("x").info("quiet")
        logging.getLogger("asyncio").info("quiet")
        logs.logger("x").warning("loud")
        logging.getLogger("asyncio").warning("loud")
        assert len(lines(capfd)) == 2

    def test_what_uvicorn_warns_about_is_not_written(
        self, capfd: pytest.CaptureFixture[str], as_json: bool
    ) -> None:
        logs.configure("debug", json=as_json)
        logging.getLogger("uvicorn.error").warning("Unsupported upgrade request.")
        logging.getLogger("uvicorn.error").error("Exception in ASGI application")
        (line,) = lines(capfd)
        assert "Exception" in line

    def test_a_flood_of_one_event_is_cut_short(
        self, capfd: pytest.CaptureFixture[str], as_json: bool
    ) -> None:
        logs.configure("info", json=as_json)
        for number in range(1000):
            logs.logger(f"flooded by {as_json}").info("often", number=number)
            logging.getLogger(f"flooded by {as_json}").warning("seldom %s", number)
        assert len(lines(capfd)) == 40
        logs.logger(f"flooded by {as_json}").info("another")
        assert len(lines(capfd)) == 1

    def test_uvicorn_comes_out_the_same_way(
        self, capfd: pytest.CaptureFixture[str], as_json: bool
    ) -> None:
        own = logging.getLogger("uvicorn.access")
        own.addHandler(logging.StreamHandler())
        own.propagate = False
        logs.configure("info", json=as_json)
        own.info('%s - "%s"', "192.0.2.1", NASTY)
        (line,) = lines(capfd)
        assert line.isprintable()
        assert "192.0.2.1" in line
        assert "uvicorn.access" in line

    def test_configuring_again_does_not_double(
        self, capfd: pytest.CaptureFixture[str], as_json: bool
    ) -> None:
        early = logs.logger("x")
        logs.configure("info", json=not as_json)
        logs.configure("info", json=as_json)
        early.info("once")
        (line,) = lines(capfd)
        assert line.startswith("{") == as_json

    def test_warnings_are_events(self, capfd: pytest.CaptureFixture[str], as_json: bool) -> None:
        logs.configure("info", json=as_json)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(False)
            logging.captureWarnings(True)
            warnings.warn("old\nways", stacklevel=1)
        (line,) = lines(capfd)
        assert "py.warnings" in line


def test_unknown_level_is_a_bug() -> None:
    with pytest.raises(KeyError):
        logs.configure("loud")


class TestSeverities:
    """Marks that `journalctl -p` reads (sd-daemon(3))."""

    def marks(self, capfd: pytest.CaptureFixture[str]) -> list[str]:
        """Write a line of each level; return what each begins with."""
        for level in ("debug", "info", "warning", "error", "critical"):
            getattr(logs.logger("x"), level)("of ours")
            getattr(logging.getLogger("theirs"), level)("of theirs")
        return [line.partition("{")[0] for line in lines(capfd)]

    @pytest.mark.parametrize(
        ("severities", "is_journal", "has_marks"),
        [
            ("auto", True, True),
            ("auto", False, False),
            ("always", False, True),
            ("never", True, False),
        ],
    )
    def test_lines_are_marked(
        self,
        severities: logs.Severities,
        is_journal: bool,
        has_marks: bool,
        capfd: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        file = os.fstat(1 if is_journal else 0)
        monkeypatch.setenv("JOURNAL_STREAM", f"{file.st_dev}:{file.st_ino}")
        logs.configure("debug", severities)
        wanted = ["<7>", "<6>", "<4>", "<3>", "<2>"] if has_marks else [""] * 5
        assert self.marks(capfd) == [mark for mark in wanted for _ in range(2)]

    @pytest.mark.parametrize("stream", ["", "1:2", "1", "x:y", ":"])
    def test_stream_of_another_process_is_not_ours(
        self, stream: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JOURNAL_STREAM", stream)
        logs.configure("debug")
        assert set(self.marks(capfd)) == {""}

    def test_traceback_has_its_severity(self, capfd: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", "always", json=True)
        try:
            raise ValueError(NASTY)
        except ValueError:
            logs.logger("x").exception("failed")
        (line,) = lines(capfd)
        assert line.startswith('<3>{"')

    def test_every_line_of_columns_is_marked(self, capfd: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", "always", json=False)
        try:
            raise ValueError(NASTY)
        except ValueError:
            logs.logger("x").exception("failed")
        found = lines(capfd)
        assert len(found) > 3
        assert all(line.startswith("<3>") for line in found)

    def test_notice_of_dropped_lines_is_a_warning(self) -> None:
        logs.configure("info", "always", json=True)
        (notice,) = logs._handler._notice(7, "File too large").splitlines()
        assert notice.startswith(b"<4>{")
        assert json.loads(notice[3:])["event"] == "7 lines were dropped: File too large"


CRASH = """
import gc, sys, threading
from fortepiano.observe import logs

class Broken:
    def __del__(self):
        raise ValueError("of a destructor")

logs.configure("info")
logs.log_uncaught()
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
Broken()
logs.logger("x").info("before")
raise RuntimeError("of the process")
"""


def crash(stdout: int) -> subprocess.CompletedProcess[bytes]:
    """Run a program that fails in each way."""
    return subprocess.run(
        [sys.executable, "-c", CRASH],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )


class TestCrash:
    def test_last_lines_are_written(self) -> None:
        done = crash(subprocess.PIPE)
        assert (done.returncode, done.stderr) == (1, b"")
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert [line["level"] for line in found] == ["error", "error", "info", "critical"]
        for line, text in zip(
            found,
            ["ZeroDivisionError", "of a destructor", "", "of the process"],
            strict=True,
        ):
            assert text in line.get("exception", "")

    def test_reader_that_does_not_read_delays_nothing(self) -> None:
        far, near = os.pipe()
        os.set_blocking(near, False)
        os.write(near, bytes(1_000_000))
        os.set_blocking(near, True)
        done = crash(near)
        assert (done.returncode, done.stderr) == (1, b"")
        os.close(far)
        os.close(near)


def test_line_that_cannot_be_formatted_says_where(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", json=True)
    logging.getLogger("x").error("%d", "no number")
    (line,) = lines(capfd)
    event = json.loads(line)
    assert "test_logs.py" in event["event"]
    assert (event["level"], "TypeError" in event["exception"]) == ("error", True)


class TestRepeats:
    def test_twenty_at_once_then_one_a_second_with_the_number_between(self) -> None:
        now = 100.0
        repeats = logs.RepeatFilter(lambda: now)

        def passed(name: str = "x", event: str = "e") -> logging.LogRecord | None:
            record = logging.LogRecord(name, logging.INFO, "", 0, event, None, None)
            return record if repeats.filter(record) else None

        assert sum(passed() is not None for _ in range(60)) == 20
        assert passed("y") and passed("x", "other")  # the others are not concerned
        for _ in range(5):
            now += 1
            (record,) = filter(None, [passed() for _ in range(20)])
            assert record.suppressed in {40, 19}  # type: ignore[attr-defined]  # set by the filter
        now += 100
        assert sum(passed() is not None for _ in range(60)) == 20

    def test_a_traceback_counts_for_more(self) -> None:
        repeats = logs.RepeatFilter(lambda: 100.0)
        error = (ValueError, ValueError(), None)
        records = [logging.LogRecord("x", 40, "", 0, "failed", None, error) for _ in range(20)]
        assert sum(map(repeats.filter, records)) == 5

    def test_what_the_operator_does_is_always_written(self) -> None:
        repeats = logs.RepeatFilter(lambda: 100.0)
        name = "fortepiano.server.reload"
        records = [logging.LogRecord(name, 20, "", 0, "reloaded", None, None) for _ in range(99)]
        assert all(map(repeats.filter, records))

    def test_made_up_events_take_no_memory_and_are_one(self) -> None:
        repeats = logs.RepeatFilter(lambda: 100.0)
        records = [logging.LogRecord("x", 20, "", 0, f"{n}", None, None) for n in range(5000)]
        assert sum(map(repeats.filter, records)) == 1024 + 20
        assert len(repeats._events) <= 1024 + 1

import json
import logging
import warnings

import pytest

from fortepiano.observe import logs

NASTY = 'Ann\n2026-01-01 [info] fake\r\x1b[31mred\u2028\u202e"end'


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    out, err = capsys.readouterr()
    assert err == ""
    assert out.endswith("\n") or out == ""
    # Not splitlines(): that would hide a Unicode line separator that came through.
    return out.split("\n")[:-1]


class TestJson:
    def test_one_event_is_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", json=True)
        logs.logger("fortepiano.net").info("joined", room=NASTY, count=3)
        (line,) = lines(capsys)
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

    def test_is_the_choice_without_a_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure("info")
        logs.logger("x").info("hello")
        assert json.loads(lines(capsys)[0])["event"] == "hello"

    def test_traceback_is_a_part_of_the_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", json=True)
        try:
            raise ValueError(NASTY)
        except ValueError:
            logs.logger("x").exception("failed")
        (line,) = lines(capsys)
        event = json.loads(line)
        assert event["level"] == "error"
        assert event["exception"].startswith("Traceback")

    def test_what_json_does_not_know_is_shown(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", json=True)
        logs.logger("x").info("odd", raw=b"\x00\n")
        assert json.loads(lines(capsys)[0])["raw"] == repr(b"\x00\n")


class TestColumns:
    def test_one_event_is_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", json=False)
        logs.logger("x").info("joined", room=NASTY, raw=b"\n", **{"k\ney": 1})
        (line,) = lines(capsys)
        assert line.isprintable()
        assert "joined" in line
        assert "Ann" in line

    def test_event_itself_is_escaped(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", json=False)
        logs.logger("x").info(NASTY)
        (line,) = lines(capsys)
        assert line.isprintable()

    def test_traceback_keeps_a_margin(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure("info", json=False)
        try:
            raise ValueError(NASTY)
        except ValueError:
            logs.logger("x").exception("failed")
        first, *rest = lines(capsys)
        assert "failed" in first
        assert rest
        assert all(line.startswith("  | ") and line.isprintable() for line in rest)


@pytest.mark.parametrize("as_json", [True, False])
class TestBoth:
    def test_level_is_kept(self, capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
        logs.configure("warning", json=as_json)
        logs.logger("x").info("quiet")
        logging.getLogger("asyncio").info("quiet")
        logs.logger("x").warning("loud")
        logging.getLogger("asyncio").warning("loud")
        assert len(lines(capsys)) == 2

    def test_what_uvicorn_warns_about_is_not_written(
        self, capsys: pytest.CaptureFixture[str], as_json: bool
    ) -> None:
        logs.configure("debug", json=as_json)
        logging.getLogger("uvicorn.error").warning("Unsupported upgrade request.")
        logging.getLogger("uvicorn.error").error("Exception in ASGI application")
        (line,) = lines(capsys)
        assert "Exception" in line

    def test_a_flood_of_one_event_is_cut_short(
        self, capsys: pytest.CaptureFixture[str], as_json: bool
    ) -> None:
        logs.configure("info", json=as_json)
        for number in range(1000):
            logs.logger(f"flooded by {as_json}").info("often", number=number)
            logging.getLogger(f"flooded by {as_json}").warning("seldom %s", number)
        assert len(lines(capsys)) == 40
        logs.logger(f"flooded by {as_json}").info("another")
        assert len(lines(capsys)) == 1

    def test_uvicorn_comes_out_the_same_way(
        self, capsys: pytest.CaptureFixture[str], as_json: bool
    ) -> None:
        own = logging.getLogger("uvicorn.access")
        own.addHandler(logging.StreamHandler())
        own.propagate = False
        logs.configure("info", json=as_json)
        own.info('%s - "%s"', "192.0.2.1", NASTY)
        (line,) = lines(capsys)
        assert line.isprintable()
        assert "192.0.2.1" in line
        assert "uvicorn.access" in line

    def test_configuring_again_does_not_double(
        self, capsys: pytest.CaptureFixture[str], as_json: bool
    ) -> None:
        early = logs.logger("x")
        logs.configure("info", json=not as_json)
        logs.configure("info", json=as_json)
        early.info("once")
        (line,) = lines(capsys)
        assert line.startswith("{") == as_json

    def test_warnings_are_events(self, capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
        logs.configure("info", json=as_json)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(False)
            logging.captureWarnings(True)
            warnings.warn("old\nways", stacklevel=1)
        (line,) = lines(capsys)
        assert "py.warnings" in line


def test_unknown_level_is_a_bug() -> None:
    with pytest.raises(KeyError):
        logs.configure("loud")


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

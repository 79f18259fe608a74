import orjson
import pytest
import structlog

from fortepiano.handlers import dispatch as module
from fortepiano.handlers.dispatch import TABLE, Entry
from support.dispatch_harness import DispatchHarness, FakeClient

ANN = "a" * 24

ROOM = "a room"


def texts(client: FakeClient) -> list[str]:
    return [message["text"] for message in client.received() if message["m"] == "notification"]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the handlers of `a` and `userset` fail."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("broken")

    def fail_too(*_: object) -> None:
        raise KeyError("broken")

    table = dict(TABLE) | {
        "a": Entry(TABLE["a"].shape, fail),
        "userset": Entry(TABLE["userset"].shape, fail_too),
    }
    monkeypatch.setattr(module, "TABLE", table)


@pytest.mark.usefixtures("broken")
class TestFailingHandlers:
    def test_one_message_is_lost_and_the_client_stays(self) -> None:
        with structlog.testing.capture_logs():
            harness = DispatchHarness()
            client = harness.enter(ROOM)
            client.received()
            client.send("a", message="hello")
            assert client.received() == []
            assert client.room == ROOM
            client.send("ch", id_="lobby")
            assert client.room == "lobby"
            assert getattr(client.session.connection, "code", None) is None

    def test_it_is_logged_once_for_each_place(self) -> None:
        with structlog.testing.capture_logs() as logs:
            harness = DispatchHarness()
            client, other = harness.enter(ROOM), harness.enter(ROOM)
            for _ in range(3):
                for each in (client, other):
                    each.send("a", message="hello")
                    each.send("userset", set={"name": "Ann"})
        faults = [log for log in logs if log["event"] == "handler failed"]
        assert [fault["m"] for fault in faults] == ["a", "userset"]
        assert {fault["log_level"] for fault in faults} == {"error"}
        assert isinstance(faults[0]["exc_info"], ZeroDivisionError)


class TestTable:
    @pytest.mark.parametrize(
        "raw",
        [
            b"{}",
            b'{"m":null}',
            b'{"m":5}',
            b'{"m":["hi"]}',
            b'{"m":""}',
            b'{"m":"HI"}',
            b'{"m":"__proto__"}',
            b'{"m":"constructor"}',
            b'{"m":"hi ","token":1}',
        ],
    )
    def test_what_nobody_knows_is_ignored(self, raw: bytes) -> None:
        harness = DispatchHarness()
        client = harness.open()
        with structlog.testing.capture_logs() as logs:
            harness.dispatch.receive(client.session, raw)
        assert client.received() == logs == []

    @pytest.mark.parametrize("kind", sorted(set(TABLE) - {"hi", "bye", "devices"}))
    def test_nothing_counts_before_hi(self, kind: str) -> None:
        harness = DispatchHarness()
        client = harness.open()
        fields = {"_id": ROOM, "id": ROOM, "message": "x", "set": {"name": "Ann"}, "ms": 5}
        raw = orjson.dumps({"m": kind} | fields)
        harness.dispatch.receive(client.session, raw)
        assert client.received() == []
        assert client.session.user is None
        assert ROOM not in harness.context.directory.rooms

    def test_bye_closes_at_any_time(self) -> None:
        client = DispatchHarness().open()
        client.send("bye")
        assert getattr(client.session.connection, "code", None) == 1000


class TestRates:
    def test_a_bucket_empties_and_fills(self) -> None:
        harness = DispatchHarness()
        harness.enter(ROOM)
        client = harness.enter(ROOM)
        room = harness.context.directory.rooms[ROOM]
        for number in range(12):
            client.send("a", message=f"line {number}")
        assert len(room.history) == 8
        assert texts(client) == ["You are sending `a` too fast."]
        harness.wait(2.1)
        for number in range(12):
            client.send("a", message=f"line {number}")
        assert len(room.history) == 10
        # One notification in five seconds.
        assert texts(client) == []
        harness.wait(5)
        for number in range(12):
            client.send("a", message=f"line {number}")
        assert len(texts(client)) == 1

    def test_who_holds_the_crown_may_talk_faster(self) -> None:
        harness = DispatchHarness()
        holder = harness.enter(ROOM)
        for number in range(12):
            holder.send("a", message=f"line {number}")
        assert len(harness.context.directory.rooms[ROOM].history) == 10

    def test_malformed_messages_cost_nothing(self) -> None:
        harness = DispatchHarness()
        client = harness.enter(ROOM)
        for message in (None, 5, "", " ", "x" * 513, "a\nb", ["x"]) * 10:
            client.send("a", message=message)
        assert [message["code"] for message in client.received()] == ["bad_message"]
        client.send("a", message="hello")
        assert len(harness.context.directory.rooms[ROOM].history) == 1

    def test_each_kind_has_its_own_and_all_tabs_one(self) -> None:
        harness = DispatchHarness()
        first, second = (harness.enter(ROOM, user_id=ANN) for _ in range(2))
        for number in range(9):
            first.send("a", message=f"line {number}")
        first.received()
        first.send("userset", set={"name": "Ann"})
        for number in range(3):
            second.send("a", message=f"line {number + 9}")
        assert texts(first) == []
        assert texts(second) == ["You are sending `a` too fast."]
        history = harness.context.directory.rooms[ROOM].history
        assert [line["a"] for line in history] == [f"line {number}" for number in range(10)]
        assert history[-1]["p"]["name"] == "Ann"

    @pytest.mark.parametrize("seconds", [0, 59])
    def test_a_reconnect_refills_nothing(self, seconds: float) -> None:
        harness = DispatchHarness(rate_chat={"burst": 3, "per_second": 0.01})
        harness.enter(ROOM)
        client = harness.enter(ROOM, user_id=ANN)
        for number in range(3):
            client.send("a", message=f"line {number}")
        harness.end(client)
        harness.wait(seconds)
        again = harness.enter(ROOM, user_id=ANN)
        again.received()
        again.send("a", message="one more")
        assert texts(again) == ["You are sending `a` too fast."]
        harness.end(again)
        harness.wait(60)
        harness.enter(ROOM, user_id=ANN).send("a", message="the last")
        history = harness.context.directory.rooms[ROOM].history
        assert [line["a"] for line in history][3:] == ["the last"]

    def test_all_tabs_of_a_user_come_back_together(self) -> None:
        harness = DispatchHarness()
        tabs = [harness.open(ANN) for _ in range(16)]
        for number, tab in enumerate(tabs):
            kinds = ["devices", "hi"] if number < 3 else ["hi", "devices"]
            for kind in kinds:
                tab.send(kind, list=[])
            tab.send("ch", id_=ROOM)
        assert [tab.room for tab in tabs] == [ROOM] * 16
        assert not any(texts(tab) for tab in tabs)
        # The tokens are used up now.
        tabs[0].send("ch", id_="lobby")
        assert tabs[0].room == ROOM
        harness.wait(0.5)
        tabs[0].send("ch", id_="lobby")
        assert tabs[0].room == "lobby"

    def test_before_hi_a_connection_has_its_own(self) -> None:
        harness = DispatchHarness()
        first, second = harness.open(ANN), harness.open(ANN)
        for client in (first, second):
            for _ in range(10):
                client.send("devices", list=[])
            assert texts(client) == []
            client.send("devices", list=[])
            assert len(texts(client)) == 1
        # And then both have what the user has left.
        second.send("hi")
        second.received()
        second.send("devices", list=[])
        harness.wait(5)
        assert len(texts(second)) == 0, "one notification in five seconds"
        for _ in range(6):
            second.send("devices", list=[])
        assert len(texts(second)) == 1

    def test_staff_are_exempt(self) -> None:
        harness = DispatchHarness()
        client = harness.enter(ROOM)
        client.session.scope = "moderate"
        for number in range(30):
            client.send("a", message=f"line {number}")
        assert len(harness.context.directory.rooms[ROOM].history) == 30

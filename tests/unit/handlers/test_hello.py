"""Whose a connection is: `hi` with tokens, without, and with what looks like one."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from fortepiano.config import IdentityMode
from fortepiano.model.close_codes import CloseCode
from fortepiano.model.identity import Identity
from fortepiano.model.network_lists import NetworkList
from fortepiano.model.tokens import mint
from fortepiano.native import NetworkTable, ParsedNetworks, subscriber
from fortepiano.store.base import TokenRecord
from fortepiano.store.records import SigningKey
from support.dispatch_harness import START, DispatchHarness, FakeClient

DAY = 86_400
HERE, THERE = "192.0.2.1", "192.0.2.2"
KEYS = [SigningKey("k1", b"1" * 32, START)]


def begun(mode: IdentityMode, keys: list[SigningKey] | None = None) -> DispatchHarness:
    own = list(KEYS) if keys is None else keys
    identity = Identity(mode, "one", "two", subscriber, keys=lambda: own, token_days=100)
    return DispatchHarness(identity=identity)


def hello(
    harness: DispatchHarness, token: Any = None, *, at: str = HERE, **session: Any
) -> FakeClient:
    """Open a session that sends `hi`; its id is that of the reply."""
    home = harness.context.identity.user_id(at)
    client = harness.open(home, address=at, **{"is_limited": True} | session)
    client.send("hi", token=token)
    client.reply = client.received()
    greetings = [message for message in client.reply if message["m"] == "hi"]
    if greetings:
        client.id = greetings[0]["u"]["_id"]
        client.token = greetings[0].get("token")
    return client


def bot_token(harness: DispatchHarness, scope: Any = "bot", days: int | None = None) -> str:
    token, record = mint(scope, "", harness.context.now(), days, "b" * 24)
    harness.context.store.save_token(record)
    return token


class TestByAddress:
    def test_no_token_is_made(self) -> None:
        harness = begun("ip")
        first, second = hello(harness), hello(harness)
        assert first.id == second.id == harness.context.identity.user_id(HERE)
        assert first.token is second.token is None

    def test_a_browsers_token_means_nothing(self) -> None:
        harness = begun("ip")
        token = harness.context.identity.sign("a" * 24, START)
        assert hello(harness, token).id == harness.context.identity.user_id(HERE)


class TestByToken:
    def test_a_browser_gets_one_and_is_the_same_from_anywhere(self) -> None:
        harness = begun("token")
        first = hello(harness)
        assert first.token is not None
        assert first.id != harness.context.identity.user_id(HERE)
        again = hello(harness, first.token, at=THERE)
        assert (again.id, again.token) == (first.id, None)

    def test_two_browsers_of_an_address_are_two_users(self) -> None:
        harness = begun("token")
        assert hello(harness).id != hello(harness).id

    def test_a_second_hi_changes_nothing(self) -> None:
        harness = begun("token")
        client = hello(harness)
        client.send("hi", token=harness.context.identity.sign("a" * 24, START))
        (again, *_) = client.received()
        assert (again["u"]["_id"], again.get("token")) == (client.id, None)

    def test_of_a_fourth_new_user_in_an_hour_the_address_is_the_user(self) -> None:
        harness = begun("token")
        home = harness.context.identity.user_id(HERE)
        for _ in range(3):
            assert hello(harness).id != home
        fourth = hello(harness)
        assert (fourth.id, fourth.token) == (home, None)
        assert hello(harness, at=THERE).token is not None
        harness.wait(3600)
        assert hello(harness).token is not None

    def test_known_users_are_not_new_ones(self) -> None:
        harness = begun("token")
        token = hello(harness).token
        for _ in range(10):
            assert hello(harness, token).token is None
        assert hello(harness).token is not None

    def test_a_program_without_a_token_is_its_addresss_user(self) -> None:
        harness = begun("token")
        program = hello(harness, is_bot=True)
        assert (program.id, program.token) == (harness.context.identity.user_id(HERE), None)

    def test_after_half_its_life_it_is_replaced(self) -> None:
        harness = begun("token")
        first = hello(harness)
        harness.wait(51 * DAY)
        later = hello(harness, first.token)
        assert later.id == first.id
        assert later.token not in {None, first.token}

    def test_a_new_key_replaces_it_too(self) -> None:
        keys = list(KEYS)
        harness = begun("token", keys)
        first = hello(harness)
        keys.append(SigningKey("k2", b"2" * 32, START))
        later = hello(harness, first.token)
        assert later.id == first.id
        assert later.token is not None
        keys.pop(0)
        assert hello(harness, later.token).id == first.id
        assert hello(harness, first.token).id != first.id

    @pytest.mark.parametrize("kind", ["expired", "foreign", "unsigned", "garbage", "no text"])
    def test_what_is_none_is_as_good_as_none(self, kind: str) -> None:
        harness = begun("token")
        first = hello(harness)
        token: Any = first.token
        if kind == "expired":
            harness.wait(100 * DAY)
        elif kind == "foreign":
            keys = [SigningKey("k1", b"x" * 32, 0)]
            foreign = Identity("token", "", "", subscriber, keys=lambda: keys)
            token = foreign.sign(first.id, START)
        elif kind == "unsigned":
            token = token.rpartition(".")[0] + "."
        else:
            token = "x.y.z" if kind == "garbage" else {"token": token}
        other = hello(harness, token)
        assert other.id != first.id
        assert other.token is not None
        assert [message["m"] for message in other.reply] == ["hi", "nq"]

    def test_a_revoked_one_is_none_and_later_ones_hold(self) -> None:
        harness = begun("token")
        first = hello(harness)
        harness.wait(10)
        now = harness.context.now()
        harness.context.store.save_token(
            TokenRecord(first.id, "", "user", "", now, None, user_id=first.id, revoked=now)
        )
        assert hello(harness, first.token).id != first.id
        harness.wait(10)
        later = harness.context.identity.sign(first.id, harness.context.now())
        assert hello(harness, later).id == first.id


class TestBots:
    @pytest.mark.parametrize("mode", ["ip", "token", "random"])
    def test_a_bots_token_is_a_user_in_every_mode(self, mode: IdentityMode) -> None:
        harness = begun(mode)
        token = bot_token(harness)
        for at in (HERE, THERE):
            bot = hello(harness, token, at=at)
            assert (bot.id, bot.token, bot.session.is_bot) == ("b" * 24, None, True)

    def test_a_token_tells_what_the_program_does_not(self) -> None:
        harness = begun("token")
        assert hello(harness, bot_token(harness), is_bot=False).session.is_bot
        token = hello(harness).token
        assert not hello(harness, token, is_bot=True).session.is_bot

    def test_it_opens_no_door_of_the_staff(self) -> None:
        harness = begun("ip")
        session = hello(harness, bot_token(harness)).session
        assert (session.scope, session.permissions) == (None, frozenset())

    def test_rooms_without_bots_take_it_and_no_other(self) -> None:
        harness = begun("ip")
        host = hello(harness, at=THERE)
        host.send("ch", id_="quiet", set={"allowBots": False})
        bot = hello(harness, bot_token(harness), is_bot=False)
        bot.send("ch", id_="quiet")
        assert bot.room == "quiet"
        stranger = hello(harness, is_bot=True)
        stranger.send("ch", id_="quiet")
        assert stranger.room == "test/awkward"
        client = hello(harness)
        client.send("ch", id_="quiet")
        assert client.room == "quiet"

    def test_an_expired_or_revoked_one_is_the_addresss_user(self) -> None:
        harness = begun("ip")
        home = harness.context.identity.user_id(HERE)
        token = bot_token(harness, days=1)
        harness.wait(DAY)
        assert hello(harness, token).id == home
        token = bot_token(harness)
        record = harness.context.store.tokens()[-1]
        harness.context.store.remove_token(record.id)
        assert hello(harness, token).id == home

    def test_an_opaque_token_can_be_a_users(self) -> None:
        harness = begun("ip")
        client = hello(harness, bot_token(harness, "user"), is_bot=True)
        assert (client.id, client.session.is_bot) == ("b" * 24, False)


class TestFailures:
    def test_after_too_many_no_token_of_the_address_counts(self) -> None:
        harness = begun("ip")
        token = bot_token(harness)
        for number in range(10):
            hello(harness, f"fp_{number:08x}_guess")
        assert hello(harness, token).id != "b" * 24
        assert hello(harness, token, at=THERE).id == "b" * 24
        harness.wait(10)
        assert hello(harness, token).id == "b" * 24

    def test_meanwhile_nobody_loses_their_token(self) -> None:
        harness = begun("token")
        client = hello(harness)
        for _ in range(10):
            hello(harness, "fp_0_guess", is_bot=True)
        assert hello(harness, client.token).token is None

    @pytest.mark.parametrize("token", ["", "x", "0" * 24 + ".uuid", 5, None, ["fp_"], "\x00"])
    def test_what_never_was_one_of_ours_is_no_failure(self, token: object) -> None:
        harness = begun("ip")
        for _ in range(30):
            hello(harness, token)
        assert harness.throttle.may_fail(HERE)


class TestSockets:
    def test_a_user_by_token_has_so_many_wherever_from(self) -> None:
        harness = begun("token")
        token = bot_token(harness)
        bots = [hello(harness, token, at=f"192.0.2.{n}") for n in range(16)]
        one_more = hello(harness, token, at="192.0.2.99")
        assert [message["m"] for message in one_more.reply] == ["notification"]
        assert one_more.closed == CloseCode.TOO_MANY_SOCKETS
        assert all(bot.closed is None for bot in bots)
        harness.end(bots[0])
        assert hello(harness, token).id == "b" * 24

    def test_who_is_exempt_may_have_more(self) -> None:
        harness = begun("token")
        token = bot_token(harness)
        for _ in range(30):
            assert hello(harness, token, is_limited=False).closed is None

    def test_without_a_token_the_address_is_what_counts(self) -> None:
        harness = begun("ip")
        for _ in range(30):
            assert hello(harness).closed is None

    def test_the_end_gives_the_socket_back_once(self) -> None:
        harness = begun("ip")
        for _ in range(16):
            assert harness.throttle.connect(HERE) == harness.throttle.ADMITTED
        assert harness.throttle.connect(HERE) == harness.throttle.CROWDED
        harness.end(hello(harness))
        harness.end(hello(harness, is_limited=False))
        assert harness.throttle.connect(HERE) == harness.throttle.ADMITTED
        assert harness.throttle.connect(HERE) == harness.throttle.CROWDED


class TestRooms:
    def test_an_address_makes_ten_and_then_one_a_second(self) -> None:
        harness = begun("random")
        actors = [hello(harness) for _ in range(12)]
        for number, client in enumerate(actors[:10]):
            client.send("ch", id_=f"room {number}")
            assert client.room == f"room {number}"
        late = actors[10]
        late.send("ch", id_="one more")
        assert late.room == "test/awkward"
        assert "too fast" in late.received()[0]["text"]
        late.send("ch", id_="room 3")
        assert late.room == "room 3"
        elsewhere = hello(harness, at=THERE)
        elsewhere.send("ch", id_="elsewhere")
        assert elsewhere.room == "elsewhere"
        harness.wait(1)
        actors[11].send("ch", id_="one more")
        assert actors[11].room == "one more"

    def test_special_rooms_and_exempt_addresses_are_free(self) -> None:
        harness = begun("ip")
        for number in range(15):
            hello(harness).send("ch", id_=f"test/{number}")
        free = [hello(harness, is_limited=False) for _ in range(15)]
        for number, client in enumerate(free):
            client.send("ch", id_=f"room {number}")
            assert client.room == f"room {number}"


class TestListedNetworks:
    def begun(self) -> DispatchHarness:
        harness = begun("ip")
        lists = {
            NetworkList("tor", words="No Tor here."): ParsedNetworks(b"192.0.2.0/24"),
            NetworkList("school", "chat"): ParsedNetworks(b"198.51.100.0/24"),
        }
        harness.context.networks.replace(lists, NetworkTable(list(lists.values())))
        return harness

    def test_whoever_may_not_enter_is_told_and_closed(self) -> None:
        harness = self.begun()
        client = hello(harness)
        [told] = client.reply
        assert (told["m"], told["text"]) == ("notification", "No Tor here.")
        assert client.closed == CloseCode.NETWORK_REFUSED
        assert harness.context.networks.was_refused(HERE, START)
        assert harness.context.counters.bans_enforced["network"] == 1

    def test_nobody_is_closed_before_hi(self) -> None:
        client = self.begun().open("a" * 24, address=HERE)
        client.send("ch", id_="room")
        assert client.closed is None
        assert client.received() == []

    def test_whoever_the_operator_knows_enters(self) -> None:
        harness = self.begun()
        for scope, is_bot in (("bot", True), ("bot", False), ("moderate", False)):
            client = hello(harness, bot_token(harness, scope), is_bot=is_bot)
            assert client.closed is None
            assert client.id
        assert hello(harness, "fp_12345678_" + "0" * 64).closed == CloseCode.NETWORK_REFUSED
        assert hello(harness, bot_token(harness, "bot", 0)).closed == CloseCode.NETWORK_REFUSED

    def test_whoever_may_not_speak_plays_and_is_told(self) -> None:
        harness = self.begun()
        client = hello(harness, at="198.51.100.1")
        client.send("ch", id_="room")
        client.received()
        client.send("a", message="hello")
        client.send("dm", id_=client.id, message="hello")
        assert [one["text"] for one in client.received()] == ["Chat is closed to your network."]
        assert not harness.outbound.broadcasts.get("room")
        assert client.closed is None
        assert hello(harness, at="203.0.113.1").closed is None

    def test_whoever_is_here_when_a_list_comes_is_shown_out(self) -> None:
        harness = begun("ip")
        out, staff, stays = hello(harness), hello(harness), hello(harness, at=THERE)
        staff.session.scope = "moderate"
        lists = {NetworkList("tor"): ParsedNetworks(HERE.encode())}
        harness.context.networks.replace(lists, NetworkTable(list(lists.values())))
        harness.dispatch.follow_networks()
        assert out.closed == CloseCode.NETWORK_REFUSED
        assert staff.closed is stays.closed is None


def test_a_user_from_near_a_ban_is_logged_without_the_address() -> None:
    harness = begun("ip")
    heard: list[dict[str, Any]] = []
    harness.context.events.watch(heard.append)
    banned = hello(harness, at="2001:db8:0:1::1")
    staff = harness.staff()
    staff.send("siteban", id=banned.id, duration=60_000)
    with capture_logs() as logged:
        near = hello(harness, at="2001:db8:0:2::1")
        hello(harness, at="2001:db8:1:2::1")
    told = [one for one in logged if "as a ban" in one["event"]]
    assert [(one["event"], one["user"], one["ban"]) for one in told] == [
        ("same /48 as a ban", near.id, banned.id)
    ]
    assert [one for one in heard if one["kind"] == "near_ban"] == [
        {"kind": "near_ban", "actor": near.id, "name": "Anonymous", "network": "/48",
         "subject": banned.id}
    ]  # fmt: skip
    assert harness.context.counters.near_bans == 1
    assert "2001:db8" not in str(logged) + str(heard)

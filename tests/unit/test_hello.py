"""Whose a connection is: `hi` with tokens, without, and with what looks like one."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from fortepiano.config import IdentityMode
from fortepiano.errors import CloseCode
from fortepiano.model.identity import Identity
from fortepiano.model.network_lists import NetworkList
from fortepiano.model.tokens import mint
from fortepiano.native import NetworkTable, ParsedNetworks
from fortepiano.store.base import TokenRecord
from fortepiano.store.records import SigningKey
from support.dispatch_harness import START, Actor, Backstage

DAY = 86_400
HERE, THERE = "192.0.2.1", "192.0.2.2"
KEYS = [SigningKey("k1", b"1" * 32, START)]


def begun(mode: IdentityMode, keys: list[SigningKey] | None = None) -> Backstage:
    own = list(KEYS) if keys is None else keys
    identity = Identity(mode, "one", "two", keys=lambda: own, token_days=100)
    return Backstage(identity=identity)


def hello(backstage: Backstage, token: Any = None, *, at: str = HERE, **session: Any) -> Actor:
    """Let somebody say `hi`; his id is what it is answered with."""
    home = backstage.context.identity.user_id(at)
    actor = backstage.open(home, address=at, **{"is_limited": True} | session)
    actor.send("hi", token=token)
    actor.reply = actor.heard()
    greetings = [message for message in actor.reply if message["m"] == "hi"]
    if greetings:
        actor.id = greetings[0]["u"]["_id"]
        actor.token = greetings[0].get("token")
    return actor


def bot_token(backstage: Backstage, scope: Any = "bot", days: int | None = None) -> str:
    token, record = mint(scope, "", backstage.context.now(), days, "b" * 24)
    backstage.context.store.save_token(record)
    return token


class TestByAddress:
    def test_no_token_is_made(self) -> None:
        backstage = begun("ip")
        first, second = hello(backstage), hello(backstage)
        assert first.id == second.id == backstage.context.identity.user_id(HERE)
        assert first.token is second.token is None

    def test_a_browsers_token_means_nothing(self) -> None:
        backstage = begun("ip")
        token = backstage.context.identity.sign("a" * 24, START)
        assert hello(backstage, token).id == backstage.context.identity.user_id(HERE)


class TestByToken:
    def test_a_browser_gets_one_and_is_the_same_from_anywhere(self) -> None:
        backstage = begun("token")
        first = hello(backstage)
        assert first.token is not None
        assert first.id != backstage.context.identity.user_id(HERE)
        again = hello(backstage, first.token, at=THERE)
        assert (again.id, again.token) == (first.id, None)

    def test_two_browsers_of_an_address_are_two_users(self) -> None:
        backstage = begun("token")
        assert hello(backstage).id != hello(backstage).id

    def test_a_second_hi_changes_nothing(self) -> None:
        backstage = begun("token")
        actor = hello(backstage)
        actor.send("hi", token=backstage.context.identity.sign("a" * 24, START))
        (again, *_) = actor.heard()
        assert (again["u"]["_id"], again.get("token")) == (actor.id, None)

    def test_of_a_fourth_new_user_in_an_hour_the_address_is_the_user(self) -> None:
        backstage = begun("token")
        home = backstage.context.identity.user_id(HERE)
        for _ in range(3):
            assert hello(backstage).id != home
        fourth = hello(backstage)
        assert (fourth.id, fourth.token) == (home, None)
        assert hello(backstage, at=THERE).token is not None
        backstage.wait(3600)
        assert hello(backstage).token is not None

    def test_known_users_are_not_new_ones(self) -> None:
        backstage = begun("token")
        token = hello(backstage).token
        for _ in range(10):
            assert hello(backstage, token).token is None
        assert hello(backstage).token is not None

    def test_a_program_without_a_token_is_its_addresss_user(self) -> None:
        backstage = begun("token")
        program = hello(backstage, is_bot=True)
        assert (program.id, program.token) == (backstage.context.identity.user_id(HERE), None)

    def test_after_half_its_life_it_is_replaced(self) -> None:
        backstage = begun("token")
        first = hello(backstage)
        backstage.wait(51 * DAY)
        later = hello(backstage, first.token)
        assert later.id == first.id
        assert later.token not in {None, first.token}

    def test_a_new_key_replaces_it_too(self) -> None:
        keys = list(KEYS)
        backstage = begun("token", keys)
        first = hello(backstage)
        keys.append(SigningKey("k2", b"2" * 32, START))
        later = hello(backstage, first.token)
        assert later.id == first.id
        assert later.token is not None
        keys.pop(0)
        assert hello(backstage, later.token).id == first.id
        assert hello(backstage, first.token).id != first.id

    @pytest.mark.parametrize("kind", ["expired", "foreign", "unsigned", "garbage", "no text"])
    def test_what_is_none_is_as_good_as_none(self, kind: str) -> None:
        backstage = begun("token")
        first = hello(backstage)
        token: Any = first.token
        if kind == "expired":
            backstage.wait(100 * DAY)
        elif kind == "foreign":
            foreign = Identity("token", "", "", keys=lambda: [SigningKey("k1", b"x" * 32, 0)])
            token = foreign.sign(first.id, START)
        elif kind == "unsigned":
            token = token.rpartition(".")[0] + "."
        else:
            token = "x.y.z" if kind == "garbage" else {"token": token}
        other = hello(backstage, token)
        assert other.id != first.id
        assert other.token is not None
        assert [message["m"] for message in other.reply] == ["hi", "nq"]

    def test_a_revoked_one_is_none_and_later_ones_hold(self) -> None:
        backstage = begun("token")
        first = hello(backstage)
        backstage.wait(10)
        now = backstage.context.now()
        backstage.context.store.save_token(
            TokenRecord(first.id, "", "user", "", now, None, user_id=first.id, revoked=now)
        )
        assert hello(backstage, first.token).id != first.id
        backstage.wait(10)
        later = backstage.context.identity.sign(first.id, backstage.context.now())
        assert hello(backstage, later).id == first.id


class TestBots:
    @pytest.mark.parametrize("mode", ["ip", "token", "random"])
    def test_a_bots_token_is_a_user_in_every_mode(self, mode: IdentityMode) -> None:
        backstage = begun(mode)
        token = bot_token(backstage)
        for at in (HERE, THERE):
            bot = hello(backstage, token, at=at)
            assert (bot.id, bot.token, bot.session.is_bot) == ("b" * 24, None, True)

    def test_a_token_tells_what_the_program_does_not(self) -> None:
        backstage = begun("token")
        assert hello(backstage, bot_token(backstage), is_bot=False).session.is_bot
        token = hello(backstage).token
        assert not hello(backstage, token, is_bot=True).session.is_bot

    def test_it_opens_no_door_of_the_staff(self) -> None:
        backstage = begun("ip")
        session = hello(backstage, bot_token(backstage)).session
        assert (session.scope, session.permissions) == (None, frozenset())

    def test_rooms_without_bots_take_it_and_no_other(self) -> None:
        backstage = begun("ip")
        host = hello(backstage, at=THERE)
        host.send("ch", id_="quiet", set={"allowBots": False})
        bot = hello(backstage, bot_token(backstage), is_bot=False)
        bot.send("ch", id_="quiet")
        assert bot.room == "quiet"
        stranger = hello(backstage, is_bot=True)
        stranger.send("ch", id_="quiet")
        assert stranger.room == "test/awkward"
        person = hello(backstage)
        person.send("ch", id_="quiet")
        assert person.room == "quiet"

    def test_an_expired_or_revoked_one_is_the_addresss_user(self) -> None:
        backstage = begun("ip")
        home = backstage.context.identity.user_id(HERE)
        token = bot_token(backstage, days=1)
        backstage.wait(DAY)
        assert hello(backstage, token).id == home
        token = bot_token(backstage)
        record = backstage.context.store.tokens()[-1]
        backstage.context.store.remove_token(record.id)
        assert hello(backstage, token).id == home

    def test_an_opaque_token_can_be_a_users(self) -> None:
        backstage = begun("ip")
        person = hello(backstage, bot_token(backstage, "user"), is_bot=True)
        assert (person.id, person.session.is_bot) == ("b" * 24, False)


class TestFailures:
    def test_after_too_many_no_token_of_the_address_counts(self) -> None:
        backstage = begun("ip")
        token = bot_token(backstage)
        for number in range(10):
            hello(backstage, f"fp_{number:08x}_guess")
        assert hello(backstage, token).id != "b" * 24
        assert hello(backstage, token, at=THERE).id == "b" * 24
        backstage.wait(10)
        assert hello(backstage, token).id == "b" * 24

    def test_meanwhile_nobody_loses_the_token_he_has(self) -> None:
        backstage = begun("token")
        person = hello(backstage)
        for _ in range(10):
            hello(backstage, "fp_0_guess", is_bot=True)
        assert hello(backstage, person.token).token is None

    @pytest.mark.parametrize("token", ["", "x", "0" * 24 + ".uuid", 5, None, ["fp_"], "\x00"])
    def test_what_never_was_one_of_ours_is_no_failure(self, token: object) -> None:
        backstage = begun("ip")
        for _ in range(30):
            hello(backstage, token)
        assert backstage.throttle.may_fail(HERE)


class TestSockets:
    def test_a_user_by_token_has_so_many_wherever_from(self) -> None:
        backstage = begun("token")
        token = bot_token(backstage)
        bots = [hello(backstage, token, at=f"192.0.2.{n}") for n in range(16)]
        one_more = hello(backstage, token, at="192.0.2.99")
        assert [message["m"] for message in one_more.reply] == ["notification"]
        assert one_more.closed == CloseCode.TOO_MANY_SOCKETS
        assert all(bot.closed is None for bot in bots)
        backstage.end(bots[0])
        assert hello(backstage, token).id == "b" * 24

    def test_who_is_exempt_may_have_more(self) -> None:
        backstage = begun("token")
        token = bot_token(backstage)
        for _ in range(30):
            assert hello(backstage, token, is_limited=False).closed is None

    def test_without_a_token_the_address_is_what_counts(self) -> None:
        backstage = begun("ip")
        for _ in range(30):
            assert hello(backstage).closed is None

    def test_the_end_gives_the_socket_back_once(self) -> None:
        backstage = begun("ip")
        for _ in range(16):
            assert backstage.throttle.connect(HERE) == backstage.throttle.ADMITTED
        assert backstage.throttle.connect(HERE) == backstage.throttle.CROWDED
        backstage.end(hello(backstage))
        backstage.end(hello(backstage, is_limited=False))
        assert backstage.throttle.connect(HERE) == backstage.throttle.ADMITTED
        assert backstage.throttle.connect(HERE) == backstage.throttle.CROWDED


class TestRooms:
    def test_an_address_makes_ten_and_then_one_a_second(self) -> None:
        backstage = begun("random")
        actors = [hello(backstage) for _ in range(12)]
        for number, actor in enumerate(actors[:10]):
            actor.send("ch", id_=f"room {number}")
            assert actor.room == f"room {number}"
        late = actors[10]
        late.send("ch", id_="one more")
        assert late.room == "test/awkward"
        assert "too fast" in late.heard()[0]["text"]
        late.send("ch", id_="room 3")
        assert late.room == "room 3"
        elsewhere = hello(backstage, at=THERE)
        elsewhere.send("ch", id_="elsewhere")
        assert elsewhere.room == "elsewhere"
        backstage.wait(1)
        actors[11].send("ch", id_="one more")
        assert actors[11].room == "one more"

    def test_special_rooms_and_exempt_addresses_are_free(self) -> None:
        backstage = begun("ip")
        for number in range(15):
            hello(backstage).send("ch", id_=f"test/{number}")
        free = [hello(backstage, is_limited=False) for _ in range(15)]
        for number, actor in enumerate(free):
            actor.send("ch", id_=f"room {number}")
            assert actor.room == f"room {number}"


class TestListedNetworks:
    def begun(self) -> Backstage:
        backstage = begun("ip")
        lists = {
            NetworkList("tor", words="No Tor here."): ParsedNetworks(b"192.0.2.0/24"),
            NetworkList("school", "chat"): ParsedNetworks(b"198.51.100.0/24"),
        }
        backstage.context.networks.adopt(lists, NetworkTable(list(lists.values())))
        return backstage

    def test_whoever_may_not_enter_is_told_and_closed(self) -> None:
        backstage = self.begun()
        actor = hello(backstage)
        [told] = actor.reply
        assert (told["m"], told["text"]) == ("notification", "No Tor here.")
        assert actor.closed == CloseCode.NETWORK_REFUSED
        assert backstage.context.networks.was_refused(HERE, START)
        assert backstage.context.counters.bans_enforced["network"] == 1

    def test_nobody_is_closed_before_he_says_hi(self) -> None:
        actor = self.begun().open("a" * 24, address=HERE)
        actor.send("ch", id_="room")
        assert actor.closed is None
        assert actor.heard() == []

    def test_whoever_the_operator_knows_enters(self) -> None:
        backstage = self.begun()
        for scope, is_bot in (("bot", True), ("bot", False), ("moderate", False)):
            actor = hello(backstage, bot_token(backstage, scope), is_bot=is_bot)
            assert actor.closed is None
            assert actor.id
        assert hello(backstage, "fp_12345678_" + "0" * 64).closed == CloseCode.NETWORK_REFUSED
        assert hello(backstage, bot_token(backstage, "bot", 0)).closed == CloseCode.NETWORK_REFUSED

    def test_whoever_may_not_speak_plays_and_is_told(self) -> None:
        backstage = self.begun()
        actor = hello(backstage, at="198.51.100.1")
        actor.send("ch", id_="room")
        actor.heard()
        actor.send("a", message="hello")
        actor.send("dm", id_=actor.id, message="hello")
        assert [one["text"] for one in actor.heard()] == ["Chat is closed to your network."]
        assert not backstage.outbound.said.get("room")
        assert actor.closed is None
        assert hello(backstage, at="203.0.113.1").closed is None

    def test_whoever_is_here_when_a_list_comes_is_shown_out(self) -> None:
        backstage = begun("ip")
        out, staff, stays = hello(backstage), hello(backstage), hello(backstage, at=THERE)
        staff.session.scope = "moderate"
        lists = {NetworkList("tor"): ParsedNetworks(HERE.encode())}
        backstage.context.networks.adopt(lists, NetworkTable(list(lists.values())))
        backstage.dispatch.follow_networks()
        assert out.closed == CloseCode.NETWORK_REFUSED
        assert staff.closed is stays.closed is None


def test_whoever_comes_from_near_a_ban_is_told_of_without_his_address() -> None:
    backstage = begun("ip")
    heard: list[dict[str, Any]] = []
    backstage.context.events.watch(heard.append)
    banned = hello(backstage, at="2001:db8:0:1::1")
    staff = backstage.staff()
    staff.send("siteban", id=banned.id, duration=60_000)
    with capture_logs() as logged:
        near = hello(backstage, at="2001:db8:0:2::1")
        hello(backstage, at="2001:db8:1:2::1")
    told = [one for one in logged if "as a ban" in one["event"]]
    assert [(one["event"], one["user"], one["ban"]) for one in told] == [
        ("same /48 as a ban", near.id, banned.id)
    ]
    assert [one for one in heard if one["kind"] == "near_ban"] == [
        {"kind": "near_ban", "user_id": near.id, "name": "Anonymous", "network": "/48",
         "ban": banned.id}
    ]  # fmt: skip
    assert backstage.context.counters.near_bans == 1
    assert "2001:db8" not in str(logged) + str(heard)

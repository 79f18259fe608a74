"""Admission: which connections pass, and the counts and messages of refusals."""

from __future__ import annotations

import json
import logging
from typing import Any, cast

import pytest

from fortepiano.config import PrivacySettings, ProxySettings, Settings
from fortepiano.config.live import Live
from fortepiano.model.ban_list import SITE, BanList
from fortepiano.model.identity import Identity
from fortepiano.model.network_lists import NetworkList, NetworkLists
from fortepiano.native import Bans, NetworkTable, ParsedNetworks, subscriber
from fortepiano.net.admission import AdmissionControl, Admitted, Refusal
from fortepiano.net.client_address import ClientAddresses
from fortepiano.net.handshake import refusal
from fortepiano.observe import logs
from fortepiano.store.base import BanRecord
from fortepiano.store.memory import MemoryStore
from support.native_parts import make_test_hub, make_test_throttle

START = 1_795_300_000_000
HERE = "192.0.2.1"


class Engine:
    """As much of an engine as the gate asks before it opens."""

    def __init__(self) -> None:
        self.owner = make_test_hub(standing_at=START)
        self.links = 0

    def __len__(self) -> int:
        return self.links


class Unread:
    """Headers that nobody may look at."""

    def __iter__(self) -> Any:
        raise AssertionError("they were looked at")


UNREAD = cast("list[tuple[str, str]]", Unread())


def made(*, trusted: tuple[str, ...] = (), name: str = "", **throttle: Any) -> AdmissionControl:
    return AdmissionControl(
        cast("Any", Engine()),
        Live(Settings()),
        Identity("ip", "one", "two", subscriber),
        BanList(Bans(), MemoryStore()),
        cast("Any", None),
        ClientAddresses(ProxySettings(trusted=trusted)),
        make_test_throttle(standing_at=START, **throttle),
        cast("Any", None),
        100,
        name,
    )


def refused(answer: Admitted | Refusal) -> Refusal:
    assert isinstance(answer, Refusal)
    return answer


def test_an_admitted_user_is_known_by_the_address() -> None:
    gate = made()
    user = gate.identity.user_id(HERE)
    assert gate.admit(HERE, UNREAD) == Admitted(HERE, user, is_limited=True)
    assert gate.admit(f"::ffff:{HERE}", UNREAD) == Admitted(HERE, user, is_limited=True)
    assert not gate.refused


def test_whoever_is_exempt_is_not_limited() -> None:
    gate = made(exempt=["192.0.2.0/24"], sockets_per_address=1)
    answers = [gate.admit(HERE, UNREAD) for _ in range(3)]
    assert not any(refused(answer) if isinstance(answer, Refusal) else answer.is_limited
                   for answer in answers)  # fmt: skip


def test_a_peer_without_an_address_has_a_name() -> None:
    gate = made(name="unix:/run/x.sock")
    answer = gate.admit("", UNREAD)
    assert isinstance(answer, Admitted)
    assert (answer.address, answer.is_limited) == ("unix:/run/x.sock", False)


def test_a_proxy_says_who_it_is() -> None:
    gate = made(trusted=("10.0.0.0/8",))
    answer = gate.admit("10.0.0.1", [("X-Forwarded-For", HERE)])
    assert isinstance(answer, Admitted)
    assert answer.address == HERE
    assert gate.admit("192.0.2.9", UNREAD)


@pytest.mark.parametrize(
    ("reason", "status", "later"),
    [
        ("draining", 503, True),
        ("server_full", 503, True),
        ("bad_proxy_header", 400, False),
        ("too_many_sockets", 429, True),
        ("connect_rate", 429, True),
        ("site_ban", 403, False),
    ],
)
def test_each_refusal_has_a_status_and_is_counted(reason: str, status: int, later: bool) -> None:
    gate = made(
        trusted=("10.0.0.1",), sockets_per_address=2, connect_burst=3, connects_per_second=1
    )
    peer, headers = HERE, list[tuple[str, str]]()
    if reason == "draining":
        gate.is_draining = True
    elif reason == "server_full":
        gate.most_connections = 0
    elif reason == "bad_proxy_header":
        peer, headers = "10.0.0.1", [("X-Forwarded-For", "?")]
    elif reason == "site_ban":
        user = gate.identity.user_id(HERE)
        gate.bans.ban(BanRecord(SITE, user, None, "", "", START))
    else:
        for _ in range(2 if reason == "too_many_sockets" else 3):
            answer = gate.admit(HERE, [])
            assert isinstance(answer, Admitted)
            if reason == "connect_rate":
                gate.withdraw(answer)
    answer = refused(gate.admit(peer, headers))
    assert (answer.code, answer.code.status) == (reason, status)
    assert (answer.code.retry_after > 0) is later
    assert answer.why.isascii()
    assert gate.refused == {reason: 1}


def test_a_ban_of_a_network_holds_and_takes_no_place() -> None:
    gate = made(sockets_per_address=1)
    gate.bans.ban(BanRecord(SITE, "192.0.2.0/24", None, "", "", START))
    for _ in range(3):
        assert refused(gate.admit(HERE, [])).code == "site_ban"
    gate.bans.lift(SITE, "192.0.2.0/24")
    assert isinstance(gate.admit(HERE, []), Admitted)


def test_a_listed_network_passes_once_and_is_then_refused_for_a_while() -> None:
    gate = made(sockets_per_address=1)
    lists = gate.networks = NetworkLists()
    listed = {NetworkList("tor", words="Nö."): ParsedNetworks(b"192.0.2.0/24")}
    lists.replace(listed, NetworkTable(list(listed.values())))
    first = gate.admit(HERE, [])
    assert isinstance(first, Admitted)
    gate.withdraw(first)
    lists.note_refused(HERE, START)
    for _ in range(3):  # which takes no place
        answer = refused(gate.admit(HERE, []))
        assert (answer.code, answer.code.status, answer.why) == ("listed_network", 403, "Nö.")
    assert "Nö.\n".encode() in refusal(answer.code.status, answer.why)
    assert gate.refusal_for(HERE, []) == {
        "you": "network_refused",
        "words": "Nö.",
        "code": "listed_network",
    }
    gate.engine.owner.advance_clock(601)
    assert isinstance(gate.admit(HERE, []), Admitted)
    assert isinstance(gate.admit("198.51.100.1", []), Admitted)


def test_whoever_asks_is_told_why_and_it_costs_nothing() -> None:
    gate = made(
        trusted=("10.0.0.1",), sockets_per_address=2, connect_burst=3, connects_per_second=1
    )

    def refusal_for(address: str = HERE) -> str | None:
        # As it is asked: behind a proxy that is trusted, whatever it costs to ask.
        return [
            gate.refusal_for("10.0.0.1", [("x-forwarded-for", address)]).get("you")
            for _ in range(50)
        ][-1]

    assert refusal_for() is None
    assert isinstance(gate.admit(HERE, []), Admitted)
    assert refusal_for() is None
    kept = gate.admit(HERE, [])
    assert isinstance(kept, Admitted)
    assert refusal_for() == "too_many"
    assert refusal_for("198.51.100.1") is None
    assert refused(gate.admit(HERE, [])).code == "too_many_sockets"
    gate.withdraw(kept)
    assert refusal_for() == "too_many"  # a moment ago it was
    gate.engine.owner.advance_clock(11)
    assert refusal_for() is None
    gate.most_connections = 0
    assert refusal_for() == "full"
    gate.bans.ban(BanRecord(SITE, gate.identity.user_id(HERE), None, "", "", START))
    assert refusal_for() == "banned"
    assert refusal_for("198.51.100.1") == "full"
    assert gate.refusal_for("10.0.0.1", [("x-forwarded-for", "?")]) == {}


def test_who_was_refused_is_remembered_within_bounds() -> None:
    gate = made(sockets_per_address=1)
    for number in range(6000):
        address = f"10.{number >> 8}.{number & 255}.1"
        gate.admit(address, [])
        gate.admit(address, [])
    assert 0 < len(gate.recent_refusals) <= 4096


def test_what_is_withdrawn_takes_no_place() -> None:
    gate = made(sockets_per_address=1)
    for _ in range(5):
        answer = gate.admit(HERE, [])
        assert isinstance(answer, Admitted)
        gate.withdraw(answer)
    gate.admit(HERE, [])
    assert refused(gate.admit(HERE, [])).code == "too_many_sockets"


@pytest.mark.parametrize("keeps_ips", [False, True])
def test_refusals_are_logged_once_a_second_for_each_reason(
    keeps_ips: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info", json=True)
    gate = made(sockets_per_address=1)
    gate.live.settings = Settings(privacy=PrivacySettings(keep_ips=keeps_ips))
    gate.admit(HERE, [])
    for _ in range(10):
        gate.admit(HERE, [])
    gate.engine.owner.advance_clock(1)
    gate.admit(HERE, [])
    gate.most_connections = 0
    gate.admit(HERE, [])
    logging.getLogger().handlers[0].flush()
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [(line["event"], line["refused"]) for line in lines] == [
        ("refused", 1),
        ("refused", 11),
        ("the server is full", 1),
    ]
    assert [line.get("address") for line in lines] == [HERE if keeps_ips else None] * 3

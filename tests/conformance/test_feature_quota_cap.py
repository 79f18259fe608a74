"""`noteQuota`: how fast anybody may play in a room, at most."""

from __future__ import annotations

import pytest

from support.presets import Preset, Quota
from support.websocket_clients import Client, Clients, ClientsFactory, Message

NOW = 1_795_300_001_000
HISTORY = 3


def notes(count: int) -> Message:
    """Return a message with this many notes."""
    return {"m": "n", "t": NOW, "n": [{"n": "c4", "v": 0.5}] * count}


def capped(quota: Quota, cap: int) -> Quota:
    """Return what a class of players has left under a cap."""
    if not 0 < cap < quota.allowance:
        return quota
    return quota._replace(allowance=cap, max=min(quota.max, cap * HISTORY))


async def quota_on_joining(client: Client, room: str) -> Message:
    """Go into a room and return the `nq` that comes with the welcome."""
    await client.join(room)
    (nq,) = [message for message in client.frames[-1] if message["m"] == "nq"]
    return nq


async def test_off_by_default(clients: Clients, preset: Preset) -> None:
    holder, other = await clients.pair()
    assert await quota_on_joining(holder, holder.room) == preset.holder.nq
    assert await quota_on_joining(other, holder.room) == preset.normal.nq


@pytest.mark.parametrize("cap", [1, 10, 500, 1_000_000])
async def test_all_are_told_what_they_have_left(clients: Clients, preset: Preset, cap: int) -> None:
    holder, other = await clients.pair()
    await holder.send({"m": "chset", "set": {"noteQuota": cap}})
    for client, quota in ((holder, preset.holder), (other, preset.normal)):
        ch, *rest = await client.received()
        assert ch["ch"]["settings"]["noteQuota"] == cap
        # A client that knows its quota gets no `nq`: clients would fill up their own count.
        assert rest == ([] if capped(quota, cap) == quota else [capped(quota, cap).nq])
        assert await quota_on_joining(client, holder.room) == capped(quota, cap).nq
    newcomer = await clients.enter()
    assert await quota_on_joining(newcomer, holder.room) == capped(preset.normal, cap).nq


async def test_it_is_enforced(clients: Clients) -> None:
    holder, other = await clients.pair({"noteQuota": 10})
    for player, listener in ((holder, other), (other, holder)):
        # 30 are saved up. Even a tick in between, and one that is forgiven, do not pay for 21.
        await player.send(notes(30), notes(21))
        assert "too fast" in await player.refusal()
        assert [len(message["n"]) for message in await listener.received()] == [30]


@pytest.mark.parametrize("off", [0, 1_000_000])
async def test_taking_it_away_gives_the_class_back_and_no_points(
    clients_with: ClientsFactory, preset: Preset, off: int
) -> None:
    clients = clients_with(QUOTA_TICK_MS="60000", QUOTA_FORGIVEN_TICKS="0")
    holder, other = await clients.pair({"noteQuota": 10})
    await holder.send({"m": "chset", "set": {"noteQuota": off}})
    classes = [(preset.holder, holder), (preset.normal, other)]
    for quota, client in classes:
        assert (await client.received())[1:] == [quota.nq | {"tick": 60_000}]
    # Ticks alone bring more than the cap left.
    await other.send(notes(31), notes(30))
    await other.refusal()
    (heard,) = await holder.received()
    assert len(heard["n"]) == 30


async def test_it_ends_at_the_door(clients: Clients, preset: Preset) -> None:
    holder, other = await clients.pair({"noteQuota": 10})
    assert await quota_on_joining(other, "lobby") == preset.lobby.nq
    assert await quota_on_joining(other, holder.room) == capped(preset.normal, 10).nq


async def test_numeric_texts_count(clients: Clients) -> None:
    holder, _ = await clients.pair({"noteQuota": "10"})
    assert (await holder.join(holder.room))["ch"]["settings"]["noteQuota"] == 10


@pytest.mark.parametrize("value", [-1, 1.5, 1_000_001, "ten", " ", True, [10]])
async def test_what_is_no_number_is_dropped(
    clients: Clients, preset: Preset, value: object
) -> None:
    holder, other = await clients.pair()
    await holder.send({"m": "chset", "set": {"noteQuota": value}})
    assert await holder.refusal_codes() == ["bad_settings"]
    await other.assert_silent()
    assert await quota_on_joining(other, holder.room) == preset.normal.nq


async def test_others_may_not(clients: Clients, preset: Preset) -> None:
    holder, other = await clients.pair()
    await other.send({"m": "chset", "set": {"noteQuota": 10}})
    await other.refusal()
    await holder.assert_silent()
    assert await quota_on_joining(holder, holder.room) == preset.holder.nq

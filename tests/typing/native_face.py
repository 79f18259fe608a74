"""How the compiled part is used, for mypy and pyright to read; nothing here is run.

Each line that takes a result states its type, so that a stub that says less than it did, or `Any`,
is found by the checkers.
"""

import asyncio
from typing import Any, assert_type

from fortepiano.native import (
    CLOSE_CODES,
    Bans,
    Engine,
    FrameReader,
    Hub,
    HubSettings,
    Link,
    Networks,
    Quotas,
    Throttle,
    ThrottleSettings,
    close_frame,
    flush_pointers,
    frame_bytes,
    pack_client,
    pack_clock,
    pack_quota,
    pack_throttle,
    profile,
    scan,
    unpack_client,
    unpack_clock,
    unpack_quota,
    unpack_throttle,
    version,
)


def the_module() -> None:
    assert_type(version(), str)
    assert_type(profile(), str)
    assert_type(CLOSE_CODES, tuple[tuple[int, str, str, bool, bool], ...])


def frames(reader: FrameReader) -> None:
    assert_type(frame_bytes(1, b"[]"), bytes)
    assert_type(close_frame(1000, "bye"), bytes)
    for event in reader.feed(b""):
        assert_type(event[0], str)


def hot_messages(text: bytes) -> None:
    elements = scan(text)
    if elements is None:
        return
    for element in elements:
        if element[0] == "n":
            assert_type(element[1], bytes)
            assert_type(element[3], int)
        elif element[0] == "t":
            assert_type(element[1], bytes | None)


def quotas_and_bans(quotas: Quotas, bans: Bans) -> None:
    slot = quotas.add(8000, 24000)
    assert_type(slot, int)
    assert_type(quotas.spend(slot, 1), bool)
    assert_type(quotas.points(slot), int)
    assert_type(bans.banned_until("room", "user", 0), int | None)
    assert_type(bans.bans_of("room"), list[tuple[str, int]])
    assert_type(Bans.PERMANENT, int)


def settings_by_name(hub: Hub, throttle: Throttle) -> None:
    settings = HubSettings(duty=0.75)
    assert_type(settings, HubSettings)
    assert_type(Hub(settings, linger_seconds=2, standing_at=0), Hub)
    hub.apply_settings(settings)
    throttle.apply_settings(ThrottleSettings(addresses=1))


def a_room(hub: Hub) -> None:
    room = hub.open_room()
    assert_type(room, int)
    participant = hub.add_participant(room, b'"id"', b'{"id":"id"', b"200", b"100")
    assert_type(hub.position(participant), tuple[bytes, bytes] | None)
    assert_type(hub.participants(room), bytes)
    assert_type(hub.stats(), dict[str, int])
    assert_type(hub.gauges(), dict[str, int])
    assert_type(hub.closes(), list[tuple[int | None, int]])
    assert_type(hub.flush_times(), list[tuple[float, int]])
    hub.broadcast(room, b"[]", except_client=0)


def a_connection(hub: Hub, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
    def receive(session: object, message: bytes) -> None: ...

    def ended(session: object) -> None: ...

    engine = Engine(hub, loop, receive, ended)
    link = engine.open(transport, b"")
    assert_type(link, Link)
    assert_type(engine.connections(), list[Link])
    assert_type(link.client, int)
    assert_type(link.get_buffer(-1), memoryview)
    link.close(1000)


def addresses(settings: ThrottleSettings, throttle: Throttle, networks: Networks) -> None:
    assert_type(Throttle(settings, standing_at=0), Throttle)
    assert_type(throttle.connect("192.0.2.1") == Throttle.ADMITTED, bool)
    assert_type(throttle.open_room("192.0.2.1"), bool)
    assert_type(throttle.count_failure("192.0.2.1"), bool)
    assert_type(throttle.may_fail("192.0.2.1"), bool)
    assert_type(throttle.admit_new_user("192.0.2.1"), bool)
    assert_type(throttle.prune() + throttle.size() + len(throttle), int)
    assert_type(networks.holds("192.0.2.1"), bool)
    assert_type(len(networks), int)


def another_process(hub: Hub, engine: Engine, throttle: Throttle) -> None:
    flush_pointers(hub)
    assert_type(pack_clock(hub), tuple[int, int, int])
    unpack_clock(hub, *pack_clock(hub))
    packed = pack_client(hub, 0)
    assert_type(packed, dict[str, Any] | None)
    client = unpack_client(hub, fd=0, quota=None, packed=packed or {})
    assert_type(client, int)
    assert_type(engine.adopt(client).fileno(), int)
    account = pack_quota(hub, 0)
    assert_type(account, tuple[int, int, int, int, list[int]] | None)
    if account is not None:
        unpack_quota(hub, 0, account)
    now, places = pack_throttle(throttle)
    assert_type(places, list[tuple[str, int, list[int], list[int]]])
    unpack_throttle(throttle, now, places)

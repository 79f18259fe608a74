"""Half a letter: what bots cut by UTF-16 units is read as U+FFFD, and its neighbours live."""

from __future__ import annotations

import pytest

from support.websocket_clients import Clients, ClientsFactory, new_room

# As JSON writes it, and as it is read.
HALVES = {
    "the first half at the end": (r"hello \ud83d", "hello \ufffd"),
    "the second half at the beginning": (r"\udfb9 and on", "\ufffd and on"),
    "in capitals": (r"hello \uD83D.", "hello \ufffd."),
    "a letter and half a letter": (r"\ud835\udcd3\ud835", "\U0001d4d3\ufffd"),
    "the halves the wrong way round": (r"\udfb9\ud83c", "\ufffd\ufffd"),
    "two first halves": (r"\ud83c\ud83c\udfb9", "\ufffd\U0001f3b9"),
    "halves with something between": (r"\ud83c \udfb9", "\ufffd \ufffd"),
    "halves before other escapes": (r"\ud83c\u0041\udfb9\"", '\ufffdA\ufffd"'),
    "a whole letter": (r"\ud83c\udfb9", "\U0001f3b9"),
    "no escape at all": (r"\\ud83c", r"\ud83c"),
    "a whole letter after a backslash": (r"\\\ud83c\udfb9", "\\\U0001f3b9"),
}


@pytest.fixture
def clients(clients_with: ClientsFactory) -> Clients:
    """People on a server of the preset."""
    return clients_with()


@pytest.mark.parametrize(("written", "read"), HALVES.values(), ids=HALVES.keys())
async def test_lines_and_names(clients: Clients, written: str, read: str) -> None:
    client, other = await clients.pair()
    await client.send_raw(
        f'[{{"m":"userset","set":{{"name":"{written}"}}}},{{"m":"a","message":"{written}"}},'
        f'{{"m":"dm","_id":"{other.id}","message":"{written}"}},{{"m":"a","message":"same frame"}}]'
    )
    assert (await other.expect("p"))["name"] == read
    line = await other.expect("a")
    assert (line["a"], line["p"]["name"]) == (read, read)
    assert (await other.expect("dm"))["a"] == read
    assert (await other.expect("a"))["a"] == "same frame"
    await client.assert_silent("notification")


@pytest.mark.parametrize(("written", "read"), HALVES.values(), ids=HALVES.keys())
async def test_rooms_and_data(clients: Clients, written: str, read: str) -> None:
    client, other = await clients.pair()
    await other.send({"m": "+custom"})
    await other.received()
    await client.send_raw(
        f'[{{"m":"custom","data":{{"{written}":["{written}"]}},"target":{{"mode":"subscribed"}}}}]'
    )
    assert (await other.expect("custom"))["data"] == {read: [read]}
    room = new_room()
    await client.send_raw(f'[{{"m":"ch","_id":"{room} {written}"}}]')
    assert (await client.joined())["ch"]["_id"] == f"{room} {read}"


async def test_an_answer_of_many_lines_cut_by_units(clients: Clients) -> None:
    # As JavaScript's `text.match(/.{0,511}/g)` cuts it, with a letter of two units at the cut.
    client, other = await clients.pair()
    await client.send_raw('[{"m":"a","message":"' + "x" * 510 + '\\ud83c"}]')
    await client.send_raw('[{"m":"a","message":"\\udfb9' + "y" * 510 + '"}]')
    await client.send_raw('[{"m":"userset","set":{"name":"' + "z" * 39 + '\\ud83c"}}]')
    assert (await other.expect("a"))["a"] == "x" * 510 + "\ufffd"
    assert (await other.expect("a"))["a"] == "\ufffd" + "y" * 510
    assert (await other.expect("p"))["name"] == "z" * 39 + "\ufffd"


async def test_notes_beside_half_a_letter_are_heard(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send_raw(
        '[{"m":"n","t":1,"n":[{"n":"c4","v":0.5}]},{"m":"a","message":"\\ud83c"},'
        '{"m":"n","t":2,"n":[{"n":"\\ud83c"},{"n":"e4","v":0.5}]}]'
    )
    assert (await other.expect("n"))["n"] == [{"n": "c4", "v": 0.5}]
    assert (await other.expect("a"))["a"] == "\ufffd"
    assert (await other.expect("n"))["n"] == [{"n": "e4", "v": 0.5}]

"""`a` and `c`: the chat and its history (docs/protocol.md 1.2, 1.3)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from support.grammar import FORBIDDEN
from support.presets import only
from support.websocket_clients import Clients, ClientsFactory, Message, new_address, new_room, units


@pytest.mark.case(58)
async def test_everybody_receives_a_line_the_sender_too(clients: Clients) -> None:
    client, other = await clients.pair()
    stranger = await clients.enter(new_room())
    await client.send({"m": "a", "message": "hi"})
    (line,) = await client.received()
    assert line["m"] == "a"
    assert line["a"] == "hi"
    assert abs(line["t"] - time.time() * 1000) < 2000
    assert line["p"] == client.user
    assert isinstance(line["id"], str)
    assert line["id"]
    assert "r" not in line
    assert await other.received() == [line]
    await stranger.assert_silent()


@pytest.mark.parametrize(
    "text",
    [
        "x" * 512,
        "\U0001f3b9" * 256,
        "\u0416" * 512,
        " a ",
        '"\\/',
        "<b>html</b>",
        "\u20ac \u00e4 \U0001f469\u200d\U0001f52c",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    ],
)
@pytest.mark.case(58)
async def test_proper_lines_are_passed_on_unchanged(clients: Clients, text: str) -> None:
    client, other = await clients.pair()
    assert units(text) <= 512
    await client.send({"m": "a", "message": text})
    assert (await other.expect("a"))["a"] == text


@pytest.mark.parametrize("text", ["x" * 513, "\U0001f3b9" * 256 + "x", "\u0416" * 513])
@pytest.mark.case(58)
async def test_a_line_of_513_units_is_refused(clients: Clients, text: str) -> None:
    client, other = await clients.pair()
    assert units(text) == 513
    await client.send({"m": "a", "message": text})
    await client.assert_silent("a")
    await other.assert_silent()


@pytest.mark.case(58)
async def test_a_line_has_the_current_name_of_its_author(clients: Clients) -> None:
    client, other = await clients.pair()
    await client.send({"m": "userset", "set": {"name": "Clara"}}, {"m": "a", "message": "hi"})
    assert (await other.expect("a"))["p"]["name"] == "Clara"


@pytest.mark.case(59)
async def test_newcomers_get_the_last_32_lines(clients: Clients) -> None:
    room = new_room()
    people = [await clients.enter(room) for _ in range(5)]
    for line in range(40):
        # Eight lines each, which is what everybody may say at once.
        await people[line % 5].send({"m": "a", "message": f"line {line}"})
        await people[0].expect("a")
    said = [message for message in people[0].log if message["m"] == "a"]
    assert [line["a"] for line in said] == [f"line {line}" for line in range(40)]
    newcomer = await clients.enter()
    await newcomer.send({"m": "ch", "_id": room})
    _, history, _ = await newcomer.frame("ch", "c", "nq")
    assert [line["a"] for line in history["c"]] == [f"line {line}" for line in range(8, 40)]
    for old, new in zip(said[8:], history["c"], strict=True):
        assert (new["p"], new["t"], new["id"]) == (old["p"], old["t"], old["id"])
    await newcomer.assert_silent()


@pytest.mark.case(59)
async def test_a_line_in_the_history_keeps_its_name(clients: Clients, room: str) -> None:
    client = await clients.enter(room)
    await client.send({"m": "a", "message": "hi"})
    await client.send({"m": "userset", "set": {"name": "Clara"}})
    await client.expect("p")
    await client.send({"m": "ch", "_id": room})
    _, history, _ = await client.frame("ch", "c", "nq")
    assert [line["p"]["name"] for line in history["c"]] == ["Anonymous"]


@pytest.mark.case(60)
async def test_there_is_no_chat_where_it_is_off(clients: Clients) -> None:
    client, other = await clients.pair({"chat": False})
    for speaker in (client, other):
        await speaker.send({"m": "a", "message": "hi"}, {"m": "a", "message": "hi"})
        told = await speaker.received()
        # Refused by the rules, with one notification.
        assert [message["m"] for message in told] == ["notification"]
    await client.assert_silent()
    await other.assert_silent()


BAD: dict[str, Message] = {
    "a number": {"message": 5},
    "null": {"message": None},
    "true": {"message": True},
    "an array": {"message": ["hi"]},
    "an object": {"message": {"a": "hi"}},
    "no message": {},
    "empty": {"message": ""},
    "blanks": {"message": "   "},
}


@pytest.mark.parametrize("fields", BAD.values(), ids=BAD.keys())
@pytest.mark.case(61)
async def test_bad_lines_are_refused(clients: Clients, fields: Message) -> None:
    client, other = await clients.pair()
    await client.send({"m": "a"} | fields)
    assert await client.refusal_codes() == ["bad_message"]
    await other.assert_silent()


@pytest.mark.parametrize("character", FORBIDDEN, ids=lambda c: f"U+{ord(c):04X}")
@pytest.mark.case(61)
async def test_lines_with_forbidden_characters_are_refused(
    clients: Clients, character: str
) -> None:
    client, other = await clients.pair()
    await client.send({"m": "a", "message": f"a{character}b"}, {"m": "a", "message": character})
    assert await client.refusal_codes() == ["bad_message"]
    await other.assert_silent()


@pytest.mark.case(61)
async def test_a_lone_surrogate_is_replaced(clients: Clients) -> None:
    client, other = await clients.pair()
    # Bots that cut lines by UTF-16 units send these; a browser's `send` does the same to them.
    await client.send_raw('[{"m":"a","message":"hello \\ud83d"},{"m":"a","message":"\\udfb9 bye"}]')
    assert [(await other.expect("a"))["a"] for _ in range(2)] == ["hello \ufffd", "\ufffd bye"]
    # A pair of them is a character.
    await client.send_raw('[{"m":"a","message":"\\ud83c\\udfb9"}]')
    assert (await other.expect("a"))["a"] == "\U0001f3b9"


@pytest.mark.case(63)
async def test_lines_have_ids_and_replies_name_them(clients: Clients) -> None:
    client, other = await clients.pair()
    for text in ("one", "two"):
        await client.send({"m": "a", "message": text})
    one, two_ = [await other.expect("a") for _ in range(2)]
    assert one["id"] != two_["id"]
    await other.send({"m": "a", "message": "three", "reply_to": one["id"]})
    assert (await client.expect("a", where=lambda a: a["a"] == "three"))["r"] == one["id"]


async def test_the_other_tabs_hear_a_line_once(clients_by_address: Clients, room: str) -> None:
    client = await clients_by_address.enter(room, address=new_address())
    tab = await clients_by_address.tab(client, room)
    await tab.send({"m": "a", "message": "hi"})
    for each in (tab, client):
        assert [message["m"] for message in await each.received()] == ["a"]


async def test_no_cussing_masks_what_others_say(clients: Clients) -> None:
    holder, other = await clients.pair({"no cussing": True})
    await other.send({"m": "a", "message": "what the FUCK, fucking Scunthorpe"})
    line = (await holder.expect("a"))["a"]
    assert line == "what the ****, ******* Scunthorpe"
    # The filter does not apply to the holder.
    await holder.send({"m": "a", "message": "fuck"})
    assert (await other.expect("a", where=lambda a: a["p"] == holder.user))["a"] == "fuck"
    await holder.send({"m": "chset", "set": {"no cussing": False}})
    await other.expect("ch")
    await other.send({"m": "a", "message": "fuck"})
    assert (await other.expect("a"))["a"] == "fuck"


@only("quick")
async def test_no_cussing_with_words_of_ones_own(
    clients_with: ClientsFactory, tmp_path: Path
) -> None:
    words = tmp_path / "words.txt"
    words.write_text("# ours\ncadenza\n")
    holder, other = await clients_with(FORTEPIANO_WORDS_FILE=str(words)).pair({"no cussing": True})
    await other.send({"m": "a", "message": "fuck the Cadenza"})
    assert (await holder.expect("a"))["a"] == "fuck the *******"


@pytest.mark.parametrize(
    "text",
    [
        *("fu\u200bck", "f.u.c.k", "f u c k", "f_u_c_k", "fuuuck", "FuCk", "f\u00fcck", "fvck"),
        *("\uff46\uff55\uff43\uff4b", "fu\u0441k", "\u0455\u04bb\u0456\u0442", "$h1t"),
    ],
)
async def test_no_cussing_sees_through_disguises(clients: Clients, text: str) -> None:
    holder, other = await clients.pair({"no cussing": True})
    await other.send({"m": "a", "message": text})
    assert set((await holder.expect("a"))["a"]) == {"*"}


async def test_no_cussing_leaves_painters_alone(clients: Clients) -> None:
    holder, other = await clients.pair({"no cussing": True})
    text = "Camille Pissarro played craps in Damnoen with a Wankel engine"
    await other.send({"m": "a", "message": text})
    assert (await holder.expect("a"))["a"] == text


async def test_a_lines_length_is_kept_by_the_mask(clients: Clients) -> None:
    holder, other = await clients.pair({"no cussing": True})
    text = "fuck " * 102
    await other.send({"m": "a", "message": text})
    assert (await holder.expect("a"))["a"] == "**** " * 102


@pytest.mark.case(63)
async def test_a_reply_to_an_unknown_line_is_an_ordinary_line(clients: Clients) -> None:
    client, other = await clients.pair()
    for reply_to in (None, 5, [], {}, "", "x" * 5000, "\u202e"):
        await client.send({"m": "a", "message": "hi", "reply_to": reply_to})
        line = await other.expect("a")
        assert len(line.get("r", "")) <= 64


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("\u0e2a" + "\u0e47" * 200, "\u0e2a" + "\u0e47" * 4),
        ("a" + "\u0489" * 200, "a" + "\u0489" * 4),
        ("fu\u200bgue", "fugue"),
        ("e\u0301tude", "\u00e9tude"),
        ("  | a |\u200b", "  | a |"),
    ],
)
async def test_lines_have_one_form(clients: Clients, text: str, heard: str) -> None:
    client, other = await clients.pair()
    await client.send({"m": "a", "message": text})
    assert (await other.expect("a"))["a"] == heard


@pytest.mark.parametrize("text", ["\u200b", "\u3164 \u2800", "a\u2028b", "a\x1b[31mb", "a\x85"])
async def test_what_nobody_sees_or_breaks_lines_is_not_said(clients: Clients, text: str) -> None:
    client, other = await clients.pair()
    await client.send({"m": "a", "message": text})
    await client.assert_silent("a")
    await other.assert_silent()

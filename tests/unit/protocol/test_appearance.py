"""How people are shown in a room: masked names, and marks where names look alike."""

from __future__ import annotations

from typing import Any

import orjson

from support.dispatch_harness import DispatchHarness, FakeClient


def entry(harness: DispatchHarness, client: FakeClient) -> dict[str, Any]:
    """Return the entry of a client in the `ppl` of its room."""
    participant = client.session.participant
    assert participant is not None
    outbound, user = harness.outbound, participant.user
    look = outbound.appearance.of(user, participant.room)
    found: dict[str, Any] = orjson.loads(outbound.entry(user, look) + b"}")
    # The hub has the same entry, which newcomers get.
    assert participant.appearance == (found["name"], found.get("looksLike"))
    return found


def call(client: FakeClient, name: str) -> None:
    client.send("userset", set={"name": name})


class TestLikeness:
    def test_a_name_like_the_holders_is_marked(self) -> None:
        harness = DispatchHarness()
        holder, other, third = (harness.enter("a room") for _ in range(3))
        call(holder, "Ann")
        call(other, "Аnn")
        call(third, "Bob")
        assert entry(harness, other)["looksLike"] == "holder"
        assert "looksLike" not in entry(harness, holder)
        assert "looksLike" not in entry(harness, third)

    def test_whoever_takes_the_name_first(self) -> None:
        harness = DispatchHarness()
        holder, other = harness.enter("a room"), harness.enter("a room")
        call(other, "Clara")
        call(holder, "CIara")
        assert entry(harness, other)["looksLike"] == "holder"
        call(holder, "Bob")
        assert "looksLike" not in entry(harness, other)

    def test_the_mark_goes_with_the_crown(self) -> None:
        harness = DispatchHarness()
        holder, other = harness.enter("a room"), harness.enter("a room")
        call(holder, "Ann")
        call(other, "ann")
        holder.send("chown", id=other.id)
        assert "looksLike" not in entry(harness, other)
        assert entry(harness, holder)["looksLike"] == "holder"
        other.send("chown")
        assert "looksLike" not in entry(harness, holder)

    def test_newcomers_are_marked_too(self) -> None:
        harness = DispatchHarness()
        holder = harness.enter("a room")
        call(holder, "Ann")
        other = harness.enter("elsewhere")
        call(other, "Ann")
        assert "looksLike" not in entry(harness, other)
        other.send("ch", id_="a room")
        assert entry(harness, other)["looksLike"] == "holder"

    def test_nobody_is_marked_for_having_no_name(self) -> None:
        harness = DispatchHarness()
        harness.enter("a room")
        assert "looksLike" not in entry(harness, harness.enter("a room"))

    def test_a_name_like_that_of_somebody_with_a_tag(self) -> None:
        harness = DispatchHarness()
        staff = harness.staff("a room")
        tagged, other = harness.enter("b room"), harness.enter("c room")
        call(tagged, "Clara")
        call(other, "Сlаrа")
        assert "looksLike" not in entry(harness, other)
        tag = {"text": "MOD", "color": "#ff0000"}
        staff.send("admin message", msg={"m": "tag", "_id": tagged.id, "tag": tag})
        assert entry(harness, other)["looksLike"] == "staff"
        assert "looksLike" not in entry(harness, tagged)
        staff.send("admin message", msg={"m": "remove_tag", "_id": tagged.id})
        assert "looksLike" not in entry(harness, other)

    def test_who_hides_is_not_given_away(self) -> None:
        harness = DispatchHarness()
        staff, other = harness.staff("a room"), harness.enter("a room")
        call(staff, "Clara")
        call(other, "Clara")
        assert entry(harness, other)["looksLike"] in ("holder", "staff")
        staff.send("v", vanish=True)
        assert "looksLike" not in entry(harness, other)


class TestMaskedNames:
    def test_only_in_rooms_that_want_it(self) -> None:
        harness = DispatchHarness()
        rude = harness.enter("a room", **{"no cussing": True})
        other = harness.enter("a room")
        call(other, "Damn you")
        call(rude, "f.u.c.k")
        assert entry(harness, other)["name"] == "**** you"
        assert entry(harness, rude)["name"] == "*******"
        other.send("ch", id_="another room")
        assert entry(harness, other)["name"] == "Damn you"

    def test_the_name_beside_a_line(self) -> None:
        harness = DispatchHarness()
        harness.enter("a room", **{"no cussing": True})
        other = harness.enter("a room")
        call(other, "Damn")
        other.send("a", message="hi")
        (line,) = harness.context.directory.rooms["a room"].history
        assert line["p"]["name"] == "****"

    def test_it_follows_the_setting(self) -> None:
        harness = DispatchHarness()
        holder, other = harness.enter("a room"), harness.enter("a room")
        call(other, "Damn")
        assert entry(harness, other)["name"] == "Damn"
        holder.send("chset", set={"no cussing": True})
        assert entry(harness, other)["name"] == "****"
        holder.send("chset", set={"no cussing": False})
        assert entry(harness, other)["name"] == "Damn"

    def test_one_keeps_ones_name(self) -> None:
        harness = DispatchHarness()
        harness.enter("a room", **{"no cussing": True})
        other = harness.enter("a room")
        call(other, "Damn")
        other.received()
        other.send("hi")
        assert other.received()[0]["u"]["name"] == "Damn"
        kept = harness.context.store.user(other.id)
        assert kept is not None
        assert kept.name == "Damn"

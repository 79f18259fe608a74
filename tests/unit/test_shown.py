"""How people are shown in a room: masked names, and marks where names look alike."""

from __future__ import annotations

from typing import Any

import orjson

from support.dispatch_harness import Actor, Backstage


def entry(backstage: Backstage, actor: Actor) -> dict[str, Any]:
    """Return how somebody stands in the `ppl` of their room."""
    participant = actor.session.participant
    assert participant is not None
    found: dict[str, Any] = orjson.loads(
        backstage.outbound.entry(participant.user, participant.room) + b"}"
    )
    # What the hub tells newcomers is what it was told last.
    assert participant.looks == (found["name"], found.get("looksLike"))
    return found


def call(actor: Actor, name: str) -> None:
    actor.send("userset", set={"name": name})


class TestLikeness:
    def test_a_name_like_the_holders_is_marked(self) -> None:
        backstage = Backstage()
        holder, other, third = (backstage.enter("a room") for _ in range(3))
        call(holder, "Ann")
        call(other, "Аnn")
        call(third, "Bob")
        assert entry(backstage, other)["looksLike"] == "holder"
        assert "looksLike" not in entry(backstage, holder)
        assert "looksLike" not in entry(backstage, third)

    def test_whoever_takes_the_name_first(self) -> None:
        backstage = Backstage()
        holder, other = backstage.enter("a room"), backstage.enter("a room")
        call(other, "Clara")
        call(holder, "CIara")
        assert entry(backstage, other)["looksLike"] == "holder"
        call(holder, "Bob")
        assert "looksLike" not in entry(backstage, other)

    def test_the_mark_goes_with_the_crown(self) -> None:
        backstage = Backstage()
        holder, other = backstage.enter("a room"), backstage.enter("a room")
        call(holder, "Ann")
        call(other, "ann")
        holder.send("chown", id=other.id)
        assert "looksLike" not in entry(backstage, other)
        assert entry(backstage, holder)["looksLike"] == "holder"
        other.send("chown")
        assert "looksLike" not in entry(backstage, holder)

    def test_newcomers_are_marked_too(self) -> None:
        backstage = Backstage()
        holder = backstage.enter("a room")
        call(holder, "Ann")
        other = backstage.enter("elsewhere")
        call(other, "Ann")
        assert "looksLike" not in entry(backstage, other)
        other.send("ch", id_="a room")
        assert entry(backstage, other)["looksLike"] == "holder"

    def test_nobody_is_marked_for_having_no_name(self) -> None:
        backstage = Backstage()
        backstage.enter("a room")
        assert "looksLike" not in entry(backstage, backstage.enter("a room"))

    def test_a_name_like_that_of_somebody_with_a_tag(self) -> None:
        backstage = Backstage()
        staff = backstage.staff("a room")
        tagged, other = backstage.enter("b room"), backstage.enter("c room")
        call(tagged, "Clara")
        call(other, "Сlаrа")
        assert "looksLike" not in entry(backstage, other)
        tag = {"text": "MOD", "color": "#ff0000"}
        staff.send("admin message", msg={"m": "tag", "_id": tagged.id, "tag": tag})
        assert entry(backstage, other)["looksLike"] == "staff"
        assert "looksLike" not in entry(backstage, tagged)
        staff.send("admin message", msg={"m": "remove_tag", "_id": tagged.id})
        assert "looksLike" not in entry(backstage, other)

    def test_who_hides_is_not_given_away(self) -> None:
        backstage = Backstage()
        staff, other = backstage.staff("a room"), backstage.enter("a room")
        call(staff, "Clara")
        call(other, "Clara")
        assert entry(backstage, other)["looksLike"] in ("holder", "staff")
        staff.send("v", vanish=True)
        assert "looksLike" not in entry(backstage, other)


class TestMaskedNames:
    def test_only_in_rooms_that_want_it(self) -> None:
        backstage = Backstage()
        rude = backstage.enter("a room", **{"no cussing": True})
        other = backstage.enter("a room")
        call(other, "Damn you")
        call(rude, "f.u.c.k")
        assert entry(backstage, other)["name"] == "**** you"
        assert entry(backstage, rude)["name"] == "*******"
        other.send("ch", id_="another room")
        assert entry(backstage, other)["name"] == "Damn you"

    def test_the_name_beside_a_line(self) -> None:
        backstage = Backstage()
        backstage.enter("a room", **{"no cussing": True})
        other = backstage.enter("a room")
        call(other, "Damn")
        other.send("a", message="hi")
        (line,) = backstage.context.directory.rooms["a room"].history
        assert line["p"]["name"] == "****"

    def test_it_follows_the_setting(self) -> None:
        backstage = Backstage()
        holder, other = backstage.enter("a room"), backstage.enter("a room")
        call(other, "Damn")
        assert entry(backstage, other)["name"] == "Damn"
        holder.send("chset", set={"no cussing": True})
        assert entry(backstage, other)["name"] == "****"
        holder.send("chset", set={"no cussing": False})
        assert entry(backstage, other)["name"] == "Damn"

    def test_one_keeps_ones_name(self) -> None:
        backstage = Backstage()
        backstage.enter("a room", **{"no cussing": True})
        other = backstage.enter("a room")
        call(other, "Damn")
        other.heard()
        other.send("hi")
        assert other.heard()[0]["u"]["name"] == "Damn"
        kept = backstage.context.store.user(other.id)
        assert kept is not None
        assert kept.name == "Damn"

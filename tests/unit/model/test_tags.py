"""Nobody gives themselves a tag."""

from __future__ import annotations

import time

import pytest

from fortepiano.model.tags import begins_like_staff, imitates, without_tag
from support.dispatch_harness import DispatchHarness


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("[ADMIN] Bob", "Bob"),
        ("[admin]Bob", "Bob"),
        ("Bob [MOD]", "Bob"),
        ("(Moderator) Bob", "Bob"),
        ("{owner} Bob", "Bob"),
        ("<dev> Bob", "Bob"),
        ("\u00abSTAFF\u00bb Bob", "Bob"),
        ("\u3010ADMIN\u3011Bob", "Bob"),
        ("|ADMIN| Bob", "Bob"),
        ("*ADMIN* Bob", "Bob"),
        ("\u2605ADMIN\u2605 Bob", "Bob"),
        ("[ \u0410DM\u0406N ] Bob", "Bob"),
        ("[\uff21\uff24\uff2d\uff29\uff2e] Bob", "Bob"),
        ("[4DM1N] Bob", "[4DM1N] Bob"),
        ("[A D M I N] Bob", "Bob"),
        ("[A.D.M.I.N] Bob", "Bob"),
        ("[Head Admin] Bob", "Bob"),
        ("\U0001f170\U0001f173\U0001f17c\U0001f178\U0001f17d Bob", "Bob"),
        ("[ADMIN] [MOD] Bob", "Bob"),
        ("[ADMIN]", ""),
    ],
)
def test_imitations(name: str, left: str) -> None:
    assert imitates(name) == (left != name)
    assert " ".join(without_tag(name).split()) == left


@pytest.mark.parametrize(
    "name",
    [
        *("Bob", "[Bob]", "Dev Patel", "Dev \U0001f3b9", "\U0001f3b9 Dev \U0001f3b9", "Owen"),
        *("[modern] Bob", "Bob (jazz)", "Mod-ulator", "Dev's piano", "[BOT] helper", "!help [bot]"),
        *(
            "Ann & Mod",
            "Administrata",
            "(\u273f\u25e0\u203f\u25e0)",
            "[",
            "[]",
            "[ ]",
            "[[[[",
            "Owner",
        ),
    ],
)
def test_other_names(name: str) -> None:
    assert not imitates(name)
    assert without_tag(name) == name


def test_tags_that_are_given_at_present() -> None:
    assert not imitates("[MAESTRO] Bob")
    assert imitates("[MAESTRO] Bob", ["Maestro"])
    assert imitates("[M\u0410ESTRO] Bob", ["Maestro"])


@pytest.mark.parametrize("name", ["Admin", "\u0410dmin", "ADMIN Bob", "Moderator", "Staff | Bob"])
def test_names_that_say_so_without_a_tag(name: str) -> None:
    assert begins_like_staff(name)
    assert not begins_like_staff("Dev Patel")


class TestUserset:
    def test_a_name_with_a_tag_is_refused(self) -> None:
        harness = DispatchHarness()
        client = harness.enter("a room")
        client.received()
        client.send("userset", set={"name": "[ADMIN] Bob", "color": "#123456"})
        user = client.session.user
        assert user is not None
        assert (user.name, user.color) == ("Anonymous", "#123456")
        (told,) = [one for one in client.received() if one["m"] == "notification"]
        assert "tag" in told["text"]

    def test_a_tag_of_somebody_here(self) -> None:
        harness = DispatchHarness()
        staff, tagged, client = harness.staff(), harness.enter("a"), harness.enter("b")
        tag = {"text": "Maestro", "color": "#ff0000"}
        staff.send("admin message", msg={"m": "tag", "_id": tagged.id, "tag": tag})
        client.send("userset", set={"name": "(Maestro) Bob"})
        assert client.session.user is not None
        assert client.session.user.name == "Anonymous"

    def test_staff_may_call_anybody_so(self) -> None:
        harness = DispatchHarness()
        staff, client = harness.staff(), harness.enter("a")
        staff.send("setname", id_=client.id, name="[MOD] Bob")
        assert client.session.user is not None
        assert client.session.user.name == "[MOD] Bob"

    def test_names_that_say_so_are_marked(self) -> None:
        harness = DispatchHarness()
        harness.enter("a room")
        client = harness.enter("a room")
        client.send("userset", set={"name": "Admin"})
        participant = client.session.participant
        assert participant is not None
        assert participant.appearance == ("Admin", "staff")


@pytest.mark.parametrize("name", ["[" * 512, "[a" * 256, "a]" * 256, "\u2605" * 512, "[ " * 256])
def test_no_name_takes_long(name: str) -> None:
    started = time.perf_counter()
    imitates(name)
    assert time.perf_counter() - started < 0.2

"""Network lists: their files, their effects, and the messages about them."""

from __future__ import annotations

import asyncio
import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from fortepiano.config import NetworkListSettings, NetworkSettings, Settings, load
from fortepiano.config.live import Live
from fortepiano.errors import ConfigError, InputError
from fortepiano.model.network_lists import DEFAULT_TEXTS, NetworkList, NetworkLists
from fortepiano.native import NetworkTable, ParsedNetworks, subscriber
from fortepiano.net.network_lists import (
    NetworkListUpdater,
    content_of,
    imported_lists,
    remove_list,
    store_list,
)

HERE, THERE = "192.0.2.7", "198.51.100.7"


def lists_of(*lists: tuple[NetworkList, bytes]) -> NetworkLists:
    made = {meaning: ParsedNetworks(text) for meaning, text in lists}
    found = NetworkLists()
    found.replace(made, NetworkTable(list(made.values())))
    return found


class Shelf:
    """A folder with lists, and what is made of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lists = NetworkLists()
        self.live = Live(Settings())
        self.changes = 0
        self.keeper = NetworkListUpdater(self.lists, folder, self.live, self._changed)
        self._age = 10

    @property
    def settings(self) -> NetworkSettings:
        return self.live.settings.networks

    @settings.setter
    def settings(self, settings: NetworkSettings) -> None:
        self.live.settings = Settings(networks=settings)

    def _changed(self) -> None:
        self.changes += 1

    def write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        # Old enough to be read, and of another moment than what stood there before.
        self._age += 1
        moment = path.stat().st_mtime - 10_000 + self._age
        os.utime(path, (moment, moment))
        return path

    def named(self, *paths: Path, **more: Any) -> None:
        self.settings = NetworkSettings(
            lists=tuple(
                NetworkListSettings(name=path.stem, path=path, refresh_seconds=1, **more)
                for path in paths
            ),
            allowed=self.settings.allowed,
        )

    def look(self, *, at_once: bool = True) -> list[Any]:
        """Look at the files, and return what the log says."""
        with capture_logs() as told:
            asyncio.run(self.keeper.refresh(at_once=at_once))
        return told

    def who_is_out(self) -> list[str]:
        return [one for one in (HERE, THERE) if self.lists.refusing(one) is not None]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


class TestNetLists:
    def test_without_lists_everybody_may_all(self) -> None:
        lists = NetworkLists()
        assert lists.refusing(HERE) is lists.silencing(HERE) is None

    def test_a_list_does_what_it_is_for(self) -> None:
        out, mute = NetworkList("out"), NetworkList("mute", "chat", "Not here.")
        lists = lists_of((mute, b"192.0.2.0/24\n2001:db8::/32"), (out, b"198.51.100.0/24"))
        assert lists.refusing(HERE) is None
        assert lists.silencing(HERE) == mute
        assert lists.refusing(THERE) == out
        assert lists.silencing(THERE) is None
        assert lists.silencing("2001:db8:1::1") == mute
        assert lists.silencing("::ffff:192.0.2.1") == mute
        assert lists.silencing("unix:/run/x") is lists.refusing("") is None

    def test_networks_within_networks_of_several_lists_all_count(self) -> None:
        wide, narrow = NetworkList("wide"), NetworkList("narrow", "chat")
        lists = lists_of((wide, b"192.0.0.0/16"), (narrow, b"192.0.2.0/24\n192.0.2.7"))
        assert lists.refusing(HERE) == wide
        assert lists.silencing(HERE) == narrow
        assert lists.silencing("192.0.3.1") is None

    def test_the_first_list_has_its_say(self) -> None:
        lists = lists_of(
            (NetworkList("a", words="A"), b"192.0.2.7"), (NetworkList("b"), b"192.0.2.0/24")
        )
        listed = lists.refusing(HERE)
        assert listed is not None
        assert listed.refusal_text == "A"
        assert NetworkList("b").refusal_text == DEFAULT_TEXTS["enter"]

    def test_who_was_told_is_remembered_for_a_while(self) -> None:
        lists = NetworkLists()
        lists.note_refused(subscriber("2001:db8::1"), 1000)
        assert lists.was_refused(subscriber("2001:db8::ffff"), 2000)
        assert not lists.was_refused(subscriber("2001:db8:0:1::1"), 2000)
        assert not lists.was_refused(subscriber("2001:db8::1"), 1000 + 600_000)
        lists.note_refused(HERE, 500_000)
        lists.prune(700_000)
        assert not lists.was_refused(subscriber("2001:db8::1"), 1001)
        assert lists.was_refused(HERE, 700_000)

    def test_that_memory_is_bounded(self) -> None:
        lists = NetworkLists()
        for number in range(10_500):
            lists.note_refused(f"10.{number >> 8}.{number & 255}.1", 0)
        assert not lists.was_refused("10.0.0.1", 1)
        assert lists.was_refused("10.41.0.1", 1)


class TestKeeper:
    def test_a_file_is_read_and_read_again(self, shelf: Shelf) -> None:
        shelf.named(shelf.write("tor.txt", b"# Tor\n192.0.2.0/24\n"))
        [told] = shelf.look()
        assert (told["list"], told["networks"], told["log_level"]) == ("tor", 1, "info")
        assert shelf.who_is_out() == [HERE]
        assert shelf.look() == []
        assert shelf.changes == 1
        shelf.write("tor.txt", b"198.51.100.0 - 198.51.100.255\n")
        shelf.look()
        assert shelf.who_is_out() == [THERE]
        assert shelf.changes == 2

    def test_it_waits_for_its_time(self, shelf: Shelf) -> None:
        path = shelf.write("tor.txt", b"192.0.2.0/24")
        shelf.settings = NetworkSettings(
            lists=(NetworkListSettings(name="tor", path=path, refresh_seconds=3600),)
        )
        shelf.look()
        shelf.write("tor.txt", b"198.51.100.0/24")
        assert shelf.look(at_once=False) == []
        assert shelf.who_is_out() == [HERE]

    def test_what_may_be_half_written_is_left_until_it_rests(self, shelf: Shelf) -> None:
        path = shelf.folder / "tor.txt"
        path.write_bytes(b"192.0.2.0/24")
        shelf.named(path)
        assert shelf.look(at_once=False) == []
        os.utime(path, (1_700_000_000, 1_700_000_000))
        shelf.look(at_once=False)
        assert shelf.who_is_out() == [HERE]

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda shelf: shelf.write("tor.txt", b""),
            lambda shelf: shelf.write("tor.txt", b"# nothing\n\n"),
            lambda shelf: shelf.write("tor.txt", b"<html>\n<p>502 Bad Gateway</p>\n</html>\n"),
            lambda shelf: shelf.write("tor.txt", gzip.compress(b"198.51.100.0/24")[:-9]),
            lambda shelf: (shelf.folder / "tor.txt").unlink(),
        ],
        ids=["empty", "comments", "a page", "cut", "gone"],
    )
    def test_a_file_that_is_no_good_changes_nothing_and_is_told_once(
        self, shelf: Shelf, spoil: Callable[[Shelf], object]
    ) -> None:
        shelf.named(shelf.write("tor.txt", b"192.0.2.0/24"))
        shelf.look()
        spoil(shelf)
        told = [one for one in shelf.look() if "last good one stays" in one["event"]]
        assert [(one["list"], one["networks"]) for one in told] == [("tor", 1)]
        assert shelf.look() == []
        assert shelf.who_is_out() == [HERE]
        assert shelf.changes == 1
        shelf.write("tor.txt", b"198.51.100.0/24")
        shelf.look()
        assert shelf.who_is_out() == [THERE]

    def test_a_file_that_is_missing_at_the_start_is_read_when_it_is_there(
        self, shelf: Shelf
    ) -> None:
        shelf.named(shelf.folder / "tor.txt")
        [told] = shelf.look()
        assert told["networks"] == 0
        assert "No such file" in told["why"]
        shelf.write("tor.txt", b"192.0.2.0/24")
        shelf.look()
        assert shelf.who_is_out() == [HERE]

    def test_lines_that_are_wrong_are_told_and_the_rest_taken(self, shelf: Shelf) -> None:
        shelf.named(shelf.write("tor.txt", b"192.0.2.0/24\nnonsense.org\n192.0.2.0/99\n"))
        told = shelf.look()
        assert [one["line"] for one in told if "left out" in one["event"]] == [2, 3]
        assert told[-1]["wrong"] == 2
        assert shelf.who_is_out() == [HERE]

    def test_gzip(self, shelf: Shelf) -> None:
        shelf.named(shelf.write("tor.gz", gzip.compress(b"192.0.2.0/24\n")))
        shelf.look()
        assert shelf.who_is_out() == [HERE]

    def test_settings_that_change_count_at_once(self, shelf: Shelf) -> None:
        path = shelf.write("tor.txt", b"192.0.2.0/24")
        shelf.named(path)
        shelf.look()
        shelf.named(path, effect="chat", words="Hush.")
        shelf.look()
        listed = shelf.lists.silencing(HERE)
        assert listed is not None
        assert listed.refusal_text == "Hush."
        assert shelf.who_is_out() == []
        shelf.settings = NetworkSettings()
        shelf.look()
        assert shelf.lists.silencing(HERE) is None

    def test_who_is_allowed_is_in_no_list(self, shelf: Shelf) -> None:
        shelf.settings = NetworkSettings(allowed=("192.0.2.4/30",))
        shelf.named(shelf.write("tor.txt", b"192.0.2.0/24\n198.51.100.0/24"))
        shelf.look()
        assert shelf.who_is_out() == [THERE]

    def test_imported_lists_count_and_go(self, shelf: Shelf) -> None:
        store_list(
            shelf.folder,
            NetworkList("vpn", "enter", "Nö"),
            "a file",
            ParsedNetworks(b"192.0.2.1-192.0.2.9"),
        )
        assert list(imported_lists(shelf.folder).values()) == [NetworkList("vpn", "enter", "Nö")]
        shelf.look()
        assert shelf.who_is_out() == [HERE]
        assert remove_list(shelf.folder, "vpn")
        assert not remove_list(shelf.folder, "vpn")
        shelf.look()
        assert shelf.who_is_out() == []

    def test_what_stands_in_the_folder_and_is_none_is_overlooked(self, shelf: Shelf) -> None:
        (shelf.folder / "networks").mkdir()
        for name, content in [("a.txt", b"192.0.2.7"), ("b.txt", b"#fortepiano {"), ("c", b"")]:
            (shelf.folder / "networks" / name).write_bytes(content)
        shelf.look()
        (shelf.folder / "networks" / "d.txt").write_bytes(b"#fortepiano []\n192.0.2.7")
        assert {one.name for one in imported_lists(shelf.folder).values()} == {"a", "d"}
        shelf.look()
        assert shelf.who_is_out() == [HERE]


def test_too_much_is_refused_however_it_is_packed(tmp_path: Path) -> None:
    file = tmp_path / "bomb.gz"
    file.write_bytes(gzip.compress(b"\n" * (65 << 20)))
    with pytest.raises(InputError, match="larger than 64 MiB"):
        content_of(file)
    with pytest.raises(InputError, match="No such file"):
        content_of(tmp_path / "none")


class TestSettings:
    def test_tables_of_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "fortepiano.toml"
        file.write_text(
            '[[networks.lists]]\nname = "tor"\npath = "tor.txt"\neffect = "chat"\n'
            '[[networks.lists]]\nname = "dc"\npath = "/x/dc.gz"\nrefresh_seconds = 3600\n'
        )
        one, other = load(file, {}).networks.lists
        assert (one.name, one.effect, one.refresh_seconds) == ("tor", "chat", 60)
        assert (other.path, other.effect) == (Path("/x/dc.gz"), "enter")

    def test_a_variable(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        value = '[{"name": "tor", "path": "tor.txt"}]'
        monkeypatch.setenv("FORTEPIANO_NETWORKS__LISTS", value)
        assert load(None, {}).networks.lists[0].name == "tor"

    @pytest.mark.parametrize(
        ("value", "told"),
        [
            ("tor.txt", "must be a list such as"),
            ('[{"name": "tor"}]', "networks.lists.0.path"),
            ('[{"name": "../x", "path": "x"}]', "networks.lists.0.name"),
            ('[{"name": "a", "path": "x", "effect": "hear"}]', "'enter' or 'chat'"),
            (
                '[{"name": "a", "path": "x"}, {"name": "a", "path": "y"}]',
                "two lists are called 'a'",
            ),
            ('[{"name": "a", "path": "x", "url": "y"}]', "networks.lists.0.url"),
        ],
    )
    def test_mistakes_are_told(
        self, value: str, told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("FORTEPIANO_NETWORKS__LISTS", value)
        with pytest.raises(ConfigError, match=told):
            load(None, {})

    def test_by_default_there_is_none(self) -> None:
        assert Settings().networks == NetworkSettings()

"""`fortepiano bans …` and `fortepiano audit`, in process, over a store of their own."""

from __future__ import annotations

import csv
import gzip
import io
import json
from contextlib import closing
from pathlib import Path

import pytest

from fortepiano import cli
from fortepiano.cli.durations import duration
from fortepiano.config import Settings
from fortepiano.native import ParsedNetworks
from fortepiano.net.network_lists import content_of, imported_lists
from fortepiano.store import open_store
from fortepiano.store.base import AuditQuery, AuditRecord, BanRecord
from fortepiano.wall_clock import now_ms

pytestmark = pytest.mark.usefixtures("bare_world")

ANN = "a" * 24
DAY = 86_400_000

# Without the time of day, which would name the test otherwise in each process that collects it.
_PACKED = gzip.compress(b"ip,score\n192.0.2.1,3\n192.0.2.2,4\n192.0.2.3,1\n", mtime=0)


def run(*arguments: str) -> None:
    assert cli.main(arguments) == 0


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Return the lines about a mistake, each of which says who complains."""
    capsys.readouterr()
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines: list[str] = err.splitlines()
    assert lines
    assert all(line.startswith("fortepiano: ") for line in lines)
    return lines


def kept() -> list[BanRecord]:
    with closing(open_store(Settings())) as store:
        return sorted(store.bans(), key=lambda ban: (ban.room, ban.subject))


def acts() -> list[AuditRecord]:
    with closing(open_store(Settings())) as store:
        return store.audit(AuditQuery())


class TestDuration:
    @pytest.mark.parametrize(
        ("text", "milliseconds"),
        [
            ("1s", 1000),
            ("30m", 1_800_000),
            ("1h30m", 5_400_000),
            ("7d", 7 * DAY),
            (" 2W ", 14 * DAY),
            ("36500d", 36_500 * DAY),
            ("permanent", None),
            ("Permanent", None),
        ],
    )
    def test_what_people_write(self, text: str, milliseconds: int | None) -> None:
        assert duration(text) == milliseconds

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "7",
            "d",
            "-7d",
            "7 d",
            "1.5h",
            "7y",
            "0d",
            "36501d",
            "9999999s",
            "forever",
            "\u0667d",
        ],
    )
    def test_nonsense(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"duration|nothing"):
            duration(text)


class TestAdd:
    @pytest.mark.parametrize(
        ("who", "subject"),
        [
            (ANN, ANN),
            ("203.0.113.9", "203.0.113.9"),
            ("203.0.113.9/32", "203.0.113.9"),
            ("203.0.113.9/24", "203.0.113.0/24"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("::ffff:203.0.113.9/120", "203.0.113.0/24"),
            # One subscriber of IPv6 has a /64.
            ("2001:db8::9", "2001:db8::/64"),
            ("2001:db8::9/128", "2001:db8::9/128"),
            ("2001:DB8:0:0:7::/32", "2001:db8::/32"),
        ],
    )
    def test_who_is_kept_in_one_spelling(self, who: str, subject: str) -> None:
        before = now_ms()
        run("bans", "add", who, "--for", "7d", "--reason", "spam")
        (ban,) = kept()
        assert (ban.room, ban.subject, ban.by, ban.reason) == ("", subject, "cli", "spam")
        assert ban.until == ban.at + 7 * DAY
        assert before <= ban.at <= now_ms()

    def test_for_ever_by_default(self) -> None:
        run("bans", "add", ANN)
        assert kept()[0].until is None

    def test_a_later_one_replaces_it(self) -> None:
        run("bans", "add", "203.0.113.0/24")
        run("bans", "add", "203.0.113.7/24", "--reason", "again")
        (ban,) = kept()
        assert ban.reason == "again"

    def test_in_a_room(self) -> None:
        run("bans", "add", ANN, "--room", "duets 🎹", "--for", "1h")
        run("bans", "add", ANN)
        assert [(ban.room, ban.subject) for ban in kept()] == [("", ANN), ("duets 🎹", ANN)]

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["nobody"], "'nobody' is neither a user id"),
            (["A" * 24], "neither"),
            (["203.0.113.0/33"], "neither"),
            (["203.0.113"], "neither"),
            (["0.0.0.0/0"], "too wide: at least /8"),
            (["2000::/3"], "too wide: at least /16"),
            (["::ffff:0.0.0.0/97"], "too wide"),
            (["203.0.113.7", "--room", "duets"], "whole site only"),
            ([ANN, "--for", "soon"], "'soon' is no duration"),
            ([ANN, "--reason", "x" * 513], "at most 512"),
            ([], "Missing argument"),
        ],
    )
    def test_mistakes(
        self, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
    ) -> None:
        (line,) = complaint(capsys, "bans", "add", *arguments)
        assert told in line
        assert kept() == []

    def test_unusable_data(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        (line,) = complaint(capsys, "bans", "add", ANN, "--data-dir", "file")
        assert "file" in line


class TestRemove:
    def test_one(self) -> None:
        run("bans", "add", "203.0.113.0/24")
        run("bans", "add", ANN)
        run("bans", "add", ANN, "--room", "duets")
        run("bans", "remove", "203.0.113.77/24")
        run("bans", "remove", ANN)
        assert [(ban.room, ban.subject) for ban in kept()] == [("duets", ANN)]

    @pytest.mark.parametrize("who", [ANN, "203.0.113.7"])
    def test_who_is_not_banned(self, capsys: pytest.CaptureFixture[str], who: str) -> None:
        run("bans", "add", "203.0.113.0/24")
        (line,) = complaint(capsys, "bans", "remove", who)
        assert "no such ban" in line
        assert len(kept()) == 1


class TestList:
    def test_all_and_some(self, capsys: pytest.CaptureFixture[str]) -> None:
        run("bans", "add", "203.0.113.0/24", "--reason", "spam\n\x1b[2J")
        run("bans", "add", ANN, "--room", "duets", "--for", "7d")
        capsys.readouterr()
        run("bans", "list")
        heading, site, room = capsys.readouterr().out.splitlines()
        assert heading.split() == ["WHO", "UNTIL", "BY", "ROOM", "REASON"]
        assert site.split()[:3] == ["203.0.113.0/24", "permanent", "cli"]
        assert "\x1b" not in site
        assert room.split()[0] == ANN
        assert room.split()[-1] == "duets"
        run("bans", "list", "--room", "duets")
        assert capsys.readouterr().out.splitlines() == [heading, room]
        run("bans", "list", "--site")
        assert capsys.readouterr().out.splitlines() == [heading, site]


class TestFiles:
    @pytest.mark.parametrize("name", ["bans.csv", "bans.jsonl"])
    def test_what_goes_out_comes_back(self, name: str, tmp_path: Path) -> None:
        run("bans", "add", "203.0.113.0/24", "--reason", 'they said "no", then\nleft 🎹')
        run("bans", "add", ANN, "--room", "a, b", "--for", "7d")
        before = kept()
        run("bans", "export", name)
        run("bans", "remove", "203.0.113.0/24")
        run("bans", "remove", ANN, "--room", "a, b")
        assert kept() == []
        run("bans", "import", name)
        assert kept() == before
        # The name's end decides how it is written.
        text = (tmp_path / name).read_text()
        if name.endswith("csv"):
            rows = list(csv.DictReader(io.StringIO(text)))
            assert [row["subject"] for row in rows] == ["203.0.113.0/24", ANN]
        else:
            assert [json.loads(line)["subject"] for line in text.splitlines()] == [
                "203.0.113.0/24",
                ANN,
            ]

    def test_by_stdin_and_stdout(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("subject,for\n203.0.113.7,7d\n"))
        run("bans", "import", "-", "--format", "csv")
        capsys.readouterr()
        run("bans", "export")
        exported = json.loads(capsys.readouterr().out)
        assert exported["subject"] == "203.0.113.7"
        assert exported["until"] == exported["at"] + 7 * DAY

    @pytest.mark.parametrize(
        ("end", "until"),
        [
            ('"until": 4102444800000', 4_102_444_800_000),
            ('"until": "4102444800000"', 4_102_444_800_000),
            ('"until": "2100-01-01T00:00:00Z"', 4_102_444_800_000),
            ('"until": "2100-01-01 01:00+01:00"', 4_102_444_800_000),
            ('"until": "2100-01-01"', 4_102_444_800_000),
            ('"until": null', None),
            ('"until": ""', None),
            ('"until": "permanent"', None),
            ('"for": "permanent"', None),
        ],
    )
    def test_ends(self, tmp_path: Path, end: str, until: int | None) -> None:
        (tmp_path / "x").write_text(f'{{"subject": "{ANN}", {end}}}\n\n')
        run("bans", "import", "x")
        assert kept()[0].until == until

    def test_what_has_ended_is_passed_over(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        (tmp_path / "x.csv").write_text(f"subject,until\n{ANN},1000\n203.0.113.7,\n")
        run("bans", "import", "x.csv")
        assert capsys.readouterr().out == "1 bans imported, 1 had ended already\n"
        assert [ban.subject for ban in kept()] == ["203.0.113.7"]

    def test_ten_thousand(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        lines = [f"10.1.{n // 250}.{n % 250}" for n in range(10_000)]
        (tmp_path / "x.csv").write_text("\n".join(["subject", *lines]))
        run("bans", "import", "x.csv")
        assert len(kept()) == 10_000

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("[]", "must be a JSON object"),
            ("{", "no JSON"),
            ("[" * 100_000, "no JSON"),
            ("{}", "'' is neither a user id"),
            ('{"subject": 5}', "subject must be a text"),
            ('{"subject": "x"}', "'x' is neither"),
            ('{"subject": "0.0.0.0/0"}', "too wide"),
            ('{"subject": "1.2.3.4", "user": "x"}', "unknown field 'user'"),
            ('{"subject": "1.2.3.4", "room": "x"}', "whole site only"),
            ('{"subject": "1.2.3.4", "until": -1}', "until must be"),
            ('{"subject": "1.2.3.4", "until": 1.5}', "until must be"),
            ('{"subject": "1.2.3.4", "until": true}', "until must be"),
            ('{"subject": "1.2.3.4", "until": 1e999}', "until must be"),
            ('{"subject": "1.2.3.4", "until": 4102444800000000}', "until must be"),
            ('{"subject": "1.2.3.4", "until": "tomorrow"}', "until is 'tomorrow'"),
            ('{"subject": "1.2.3.4", "for": "x"}', "no duration"),
            ('{"subject": "1.2.3.4", "for": "1d", "until": 5}', "both"),
            ('{"subject": "1.2.3.4", "reason": "%s"}' % ("x" * 513), "at most 512"),
        ],
    )
    def test_one_wrong_line_keeps_all_out(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, line: str, told: str
    ) -> None:
        (tmp_path / "x.jsonl").write_text(f'{{"subject": "{ANN}"}}\n{line}\n')
        (problem,) = complaint(capsys, "bans", "import", "x.jsonl")
        assert problem.startswith("fortepiano: x.jsonl, line 2: ")
        assert told in problem
        assert kept() == []

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "the first line must name the columns"),
            ("who\n1.2.3.4\n", "the first line must name the columns"),
            ("subject\n1.2.3.4,x\n", "unknown field"),
            ('subject\n"1.2.3.4\n', "unexpected end"),
        ],
    )
    def test_broken_tables(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, told: str
    ) -> None:
        (tmp_path / "x.csv").write_text(text)
        (problem,) = complaint(capsys, "bans", "import", "x.csv")
        assert told in problem

    def test_many_problems_are_summed_up(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        (tmp_path / "x").write_text("5\n" * 1000)
        problems = complaint(capsys, "bans", "import", "x")
        assert len(problems) == 21
        assert "980 more" in problems[-1]

    def test_no_such_file(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        assert "No such file" in complaint(capsys, "bans", "import", "nowhere")[0]
        assert "No such file" in complaint(capsys, "bans", "export", "no/where")[0]
        (tmp_path / "x").write_bytes(b"\xff\xfe")
        assert "not UTF-8" in complaint(capsys, "bans", "import", "x")[0]


class TestAudit:
    def test_what_was_done_here(self, capsys: pytest.CaptureFixture[str]) -> None:
        run("bans", "add", ANN, "--room", "duets", "--for", "7d", "--reason", "spam\x1b[2J")
        run("bans", "add", "203.0.113.7")
        run("bans", "remove", ANN, "--room", "duets")
        capsys.readouterr()
        run("audit")
        out = capsys.readouterr().out
        assert "\x1b" not in out
        first, second, third = out.splitlines()
        assert f'cli                       kickban {ANN} in "duets" until=' in first
        assert first.endswith(': "spam\\u001b[2J"')
        assert second.endswith("siteban 203.0.113.7")
        assert third.endswith(f'unban {ANN} in "duets"')

    @pytest.mark.parametrize(
        ("options", "found"),
        [
            ([], ["kickban", "siteban", "unban", "siteban"]),
            (["--limit", "2"], ["unban", "siteban"]),
            (["--room", "duets"], ["kickban", "unban"]),
            (["--user", ANN], ["kickban", "unban"]),
            (["--user", ANN, "--limit", "1"], ["unban"]),
            (["--user", "cli"], ["kickban", "siteban", "unban", "siteban"]),
            (["--user", "203.0.113.7"], ["siteban"]),
            (["--action", "siteban"], ["siteban", "siteban"]),
            (["--action", "siteban", "--room", "duets"], []),
        ],
    )
    def test_choosing(
        self, capsys: pytest.CaptureFixture[str], options: list[str], found: list[str]
    ) -> None:
        run("bans", "add", ANN, "--room", "duets")
        run("bans", "add", "203.0.113.7")
        run("bans", "remove", ANN, "--room", "duets")
        run("bans", "add", "203.0.113.8")
        capsys.readouterr()
        run("audit", "--json", *options)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["action"] for line in lines] == found
        assert all(line["actor"] == "cli" for line in lines)

    def test_a_file_is_one_act(self, tmp_path: Path) -> None:
        (tmp_path / "x.csv").write_text(f"subject\n{ANN}\n203.0.113.7\n")
        run("bans", "import", "x.csv")
        (act,) = acts()
        assert (act.action, act.details) == ("import_bans", {"count": 2})

    def test_no_less_than_one(self, capsys: pytest.CaptureFixture[str]) -> None:
        (line,) = complaint(capsys, "audit", "--limit", "0")
        assert "--limit" in line


@pytest.mark.parametrize("arguments", [["bans"], ["bans", "--help"], ["audit", "--help"]])
def test_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    run(*arguments)
    assert "Usage: fortepiano" in capsys.readouterr().out


class TestLists:
    def listed(self) -> dict[str, tuple[str, str, int]]:
        """Return the imported lists: what they do, what they say, how many networks they have."""
        folder = Settings().data_dir
        return {
            meaning.name: (meaning.effect, meaning.words, len(ParsedNetworks(content_of(path))))
            for path, meaning in imported_lists(folder).items()
        }

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("tor.txt", b"# Tor\n192.0.2.1\n198.51.100.0/24\n2001:db8::1\n"),
            ("tor.netset", b"192.0.2.1\r\n198.51.100.0/24\r\n2001:db8::/48\r\n"),
            ("tor.csv.gz", _PACKED),
            ("tor.list", b"192.0.2.1-192.0.2.4\n"),
        ],
    )
    def test_a_file_of_networks_is_a_list_of_its_name(self, name: str, content: bytes) -> None:
        Path(name).write_bytes(content)
        run("bans", "import", name)
        assert self.listed() == {"tor": ("enter", "", 3)}
        assert kept() == []
        [act] = acts()
        assert (act.action, act.subject, act.reason) == ("import_networks", "tor", name)
        assert act.details == {"count": 3, "effect": "enter"}

    def test_by_option(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("x.csv").write_text("192.0.2.0/24,A\nnonsense,B\n")
        run("bans", "import", "x.csv", "--list", "dc", "--effect", "chat", "--words", "Nö.")
        told = capsys.readouterr()
        assert "x.csv, line 2: " in told.err
        assert "1 networks in the list dc, which may not chat, 1 lines left out" in told.out
        assert self.listed() == {"dc": ("chat", "Nö.", 1)}
        # Another import takes its place; others stay.
        Path("y.txt").write_text("192.0.2.1\n198.51.100.1\n")
        run("bans", "import", "y.txt", "--list", "dc")
        run("bans", "import", "y.txt", "--list", "other")
        assert self.listed() == {"dc": ("enter", "", 2), "other": ("enter", "", 2)}
        run("bans", "lists")
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[:3] for line in lines if line.startswith(("dc", "other"))] == [
            ["dc", "enter", "2"], ["other", "enter", "2"],
        ]  # fmt: skip
        run("bans", "remove-list", "dc")
        assert self.listed().keys() == {"other"}

    def test_from_stdin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = io.TextIOWrapper(io.BytesIO(gzip.compress(b"192.0.2.0/24\n")))
        monkeypatch.setattr("sys.stdin", data)
        run("bans", "import", "-", "--list", "dc")
        assert self.listed() == {"dc": ("enter", "", 1)}

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["none.txt"], "No such file"),
            (["empty.txt"], "there is no network in it"),
            (["bad.gz"], "is damaged"),
            (["good.txt", "--list", "../x"], "a list has a name of"),
            (["good.txt", "--list", "mine"], "is a list of the settings"),
            (["good.txt", "--words", "x" * 257], "at most 256 characters"),
            (["good.txt", "--effect", "hear"], "hear"),
        ],
    )
    def test_mistakes(
        self, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("empty.txt").write_text("# nothing\n")
        Path("bad.gz").write_bytes(gzip.compress(b"192.0.2.1\n")[:-4])
        Path("good.txt").write_text("192.0.2.1\n")
        Path("fortepiano.toml").write_text('[[networks.lists]]\nname = "mine"\npath = "x"\n')
        assert told in " ".join(complaint(capsys, "bans", "import", *arguments))
        assert self.listed() == {}

    def test_there_is_no_such_list(self, capsys: pytest.CaptureFixture[str]) -> None:
        for name in ("dc", "../dc"):
            assert "no such imported list" in complaint(capsys, "bans", "remove-list", name)[0]

    def test_the_network_around_an_address_that_is_named(self) -> None:
        run("bans", "add", "203.0.113.9", "--network", "24")
        run("bans", "add", "2001:db8:1:2ff::9", "--network", "56")
        assert {ban.subject for ban in kept()} == {
            "203.0.113.9", "203.0.113.0/24", "2001:db8:1:2ff::/64", "2001:db8:1:200::/56",
        }  # fmt: skip

    def test_the_network_around_a_user_needs_a_server(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        told = complaint(capsys, "bans", "add", ANN, "--network", "56")
        assert "no server runs with this data folder" in told[0]
        assert "must be one of" in complaint(capsys, "bans", "add", ANN, "--network", "8")[0]
        told = complaint(capsys, "bans", "add", ANN, "--room", "duets", "--network", "56")
        assert "from the whole site" in told[0]
        assert kept() == []

    def test_a_network_that_nobody_may_see_is_lifted_by_its_id(self) -> None:
        hidden = f"{ANN}/56"
        run("bans", "add", hidden)
        assert [ban.subject for ban in kept()] == [hidden]
        run("bans", "export", "bans.csv")
        run("bans", "remove", hidden)
        assert kept() == []
        run("bans", "import", "bans.csv")
        assert [ban.subject for ban in kept()] == [hidden]


def test_each_spelling_of_a_room_is_the_same(tmp_path: Path) -> None:
    run("bans", "add", ANN, "--room", " Cafe\u0301\u200b")
    assert [ban.room for ban in kept()] == ["Caf\u00e9"]
    run("bans", "remove", ANN, "--room", "Cafe\u0301")
    assert kept() == []
    file = tmp_path / "bans.jsonl"
    file.write_text(f'{{"subject": "{ANN}", "room": "Cafe\u0301 "}}\n', "utf-8")
    run("bans", "import", str(file))
    assert [ban.room for ban in kept()] == ["Caf\u00e9"]

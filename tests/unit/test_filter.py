from pathlib import Path

import pytest

from fortepiano.protocol.filter import Filter
from support.backstage import Backstage


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words"
    path.write_text("# a list\n\n  darn  \ndarnation\nwhat (the\nÄrger\n", "utf-8")
    return path


class TestMasked:
    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            ("darn", "****"),
            ("DaRn it, darn!", "**** it, ****!"),
            ("darned", "******"),
            ("darnation", "*********"),
            ("goshdarn", "goshdarn"),
            ("d a r n", "d a r n"),
            ("what (the", "*********"),
            ("what the", "what the"),
            ("großer ärger", "großer *****"),
            ("# a list", "# a list"),
            ("", ""),
            ("🎹 darn 🎹", "🎹 **** 🎹"),
        ],
    )
    def test_beginnings_of_words(self, words: Path, text: str, masked: str) -> None:
        assert Filter(words).masked(text) == masked

    def test_the_list_of_the_package(self) -> None:
        text = "What a damn fine classic cocktail, from Scunthorpe to Essex: assume nothing."
        assert Filter().masked(text) == text.replace("damn", "****")

    @pytest.mark.parametrize("source", ["", "# nothing\n", "\n\n"])
    def test_an_empty_list_masks_nothing(self, tmp_path: Path, source: str) -> None:
        path = tmp_path / "words"
        path.write_text(source)
        assert Filter(path).masked("damn it all") == "damn it all"

    def test_the_length_stays(self, words: Path) -> None:
        text = "darn " * 100
        assert len(Filter(words).masked(text)) == len(text)


class TestInARoom:
    def said(self, words: Path, text: str, *, by_holder: bool = False, **wanted: object) -> str:
        backstage = Backstage(words=words)
        holder, other = backstage.enter("a room", **wanted), backstage.enter("a room")
        (holder if by_holder else other).send("a", message=text)
        (line,) = backstage.context.directory.rooms["a room"].history
        return str(line["a"])

    def test_words_only_where_it_is_wanted(self, words: Path) -> None:
        assert self.said(words, "darn") == "darn"
        assert self.said(words, "darn", **{"no cussing": True}) == "****"

    def test_whoever_rules_the_room_says_what_he_likes(self, words: Path) -> None:
        assert self.said(words, "darn", by_holder=True, **{"no cussing": True}) == "darn"

    def test_towers_everywhere(self, words: Path) -> None:
        assert self.said(words, "Z" + "\u0301" * 9, by_holder=True) == "\u0179" + "\u0301" * 4

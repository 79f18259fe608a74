"""Names that look alike."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortepiano.model.looks import are_alike, folded, keys


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann", "Аnn"),
        ("Ann", "ann"),
        ("ALICE", "Alice"),
        ("Ann", "Ａｎｎ"),
        ("Ann", "𝓐𝓷𝓷"),
        ("Ann", "Ⓐⓝⓝ"),
        ("Ann", "ɑnn"),
        ("Ann", "A n n"),
        ("Ann", "Ann."),
        ("Ann", "Ánn"),
        ("paypal", "paypaI"),
        ("paypal", "раураl"),
        ("Ivan", "Іvan"),
        ("Ivan", "lvan"),
        ("Al", "AI"),
        ("Bill", "Bi11"),
        ("Bob", "B0b"),
        ("Clara", "СӀага"),
        ("Max", "Мах"),
        ("modern", "rnodern"),
        ("William", "VViIIiam"),
        ("Zoë", "Zoe"),
        ("Ωmega", "ωmega"),
        ("Ann 🎹", "Аnn 🎹"),
    ],
)
def test_names_that_look_alike(one: str, other: str) -> None:
    assert are_alike(one, other)
    assert are_alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann", "Anna"),
        ("Ann", "Anne"),
        ("Anna", "Hanna"),
        ("Neil", "Nell"),
        ("Clara", "Dara"),
        ("Bob", "Rob"),
        ("Иван", "Ивана"),
        ("日本", "本日"),
        ("日", "8"),
        ("राम", "रमा"),
        ("한국", "한구"),
        ("さくら", "サクラ"),
        ("🎹", "🎸"),
        ("!", "?"),
    ],
)
def test_names_that_do_not(one: str, other: str) -> None:
    assert not are_alike(one, other)


@pytest.mark.parametrize("number", [0x41, 0xE9, 0xF3, 0xF4, 0xF5, 0x1EB, 0x1E43, 0x211D, 0xFF41])
def test_accents_and_other_widths_are_as_unicode_has_them(number: int) -> None:
    assert folded(chr(number)) in "aeoomrt"


@given(st.text(max_size=40))
def test_everybody_looks_like_themselves(name: str) -> None:
    assert keys(name)
    assert are_alike(name, name)


def test_no_name_takes_long() -> None:
    started = time.perf_counter()
    for number in range(1000):
        keys(f"Аnn ɑnd Веrtrаm №{number}")
    assert time.perf_counter() - started < 0.5

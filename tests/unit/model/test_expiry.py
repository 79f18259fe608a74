"""Keys by the time at which they end, against a plain dictionary."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fortepiano.model.expiry import Expiry

KEYS = st.sampled_from([("a room", str(number)) for number in range(8)])
STEPS = st.lists(st.tuples(KEYS, st.none() | st.integers(0, 5000), st.booleans()), max_size=60)


@given(STEPS, st.lists(st.integers(0, 6000), max_size=6), st.integers(1, 5))
def test_each_key_ends_once_and_at_its_last_time(
    steps: list[tuple[tuple[str, str], int | None, bool]], looks: list[int], most: int
) -> None:
    expiry = Expiry()
    expected: dict[tuple[str, str], int] = {}
    for key, until, is_discarded in steps:
        expiry.add(key, until)
        expected.pop(key, None)
        if until is not None:
            expected[key] = until
        if is_discarded:
            expiry.discard(key)
            expected.pop(key, None)
    for now in sorted(looks):
        over = {key for key, until in expected.items() if until <= now}
        found: list[tuple[str, str]] = []
        while step := expiry.ended(now, most):
            assert len(step) <= most
            found += step
        assert sorted(found) == sorted(over)
        for key in over:
            del expected[key]
    assert len(expiry) == len(expected)


def test_repeating_a_ban_fills_no_memory() -> None:
    expiry = Expiry()
    for number in range(20_000):
        expiry.add(("a room", "x"), number * 1000)
    assert len(expiry) == 1
    assert len(expiry._seconds) <= 1030

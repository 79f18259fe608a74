"""Tests of the comparison of servers, with made-up measurements: when to stop, and the page."""

from collections.abc import Callable
from typing import Any

import pytest
from contestants import CONTESTANTS
from measurements import Figures, Result, climb, is_carried
from page import BEGIN, END, replaced, table


def run(offered: int, **differences: Any) -> Figures:
    figures = {
        "offered": offered,
        "deliveries_per_s": offered,
        "lost": 0,
        "closed": 0,
        "p50_us": 300,
        "p99_us": 900,
        "server_us_per_delivery": 1.5,
        "generator_busy": 0.5,
    }
    return figures | differences


def carries(most: int) -> Callable[[int], Figures]:
    """Return a server that carries at most this rate, and is late beyond it."""
    return lambda offered: run(offered, p99_us=900 if offered <= most else 3_000_000)


@pytest.mark.parametrize(
    "difference",
    [
        {"lost": 1},
        {"closed": 1},
        {"p99_us": 100_001},
        {"p99_us": None},
        {"deliveries_per_s": 94_000},
    ],
)
def test_what_is_not_carried(difference: dict[str, Any]) -> None:
    assert is_carried(run(100_000))
    assert is_carried(run(100_000, deliveries_per_s=96_000, p99_us=100_000))
    assert not is_carried(run(100_000, **difference))


def test_climbing_ends_with_what_is_not_carried_and_looks_between() -> None:
    rungs = [100, 200, 400, 800, 1600]
    assert [each["offered"] for each in climb(carries(500), rungs, refines=False)] == [
        100,
        200,
        400,
        800,
    ]
    refined = climb(carries(500), rungs, refines=True)
    assert [each["offered"] for each in refined] == [100, 200, 400, 566, 800]
    assert Result("x", climb=climb(carries(700), rungs, refines=True)).best == run(566)


def test_climbing_ends_with_the_ladder_or_at_its_foot() -> None:
    assert len(climb(carries(10_000), [1, 2, 3], refines=True)) == 3
    runs = climb(carries(0), [100, 200], refines=True)
    assert len(runs) == 1
    assert Result("x", climb=runs).best is None


def test_the_table_has_what_was_measured_and_dashes_for_the_rest() -> None:
    crowd = {"clients": 500, "rss_per_client_bytes": 4200, "connects_per_s": 5123.4}
    storm = {"clients": 200, "joins_per_s": 3210}
    whole = Result("ours", "1.0", [run(50_000), run(1_600_000)], [crowd], storm)
    poor = Result("theirs", "", [run(25_000, lost=3)], [], {})
    lines = table([whole, poor]).splitlines()
    assert lines[0].startswith("| server |")
    assert "(200 into one room)" in lines[0]
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    assert cells == ["ours", "1 600 000", "1.50", "1.50", "0.30 / 0.90", "5 123", "4.2", "3 210"]
    assert [cell.strip() for cell in lines[3].strip("|").split("|")] == ["theirs", *"-------"]
    assert lines[-1] == "ours: 1.0."


def test_what_the_generator_could_not_go_beyond_is_a_lower_bound() -> None:
    runs = [run(50_000), run(6_400_000, generator_busy=0.97, deliveries_per_s=4_000_000)]
    line = table([Result("ours", "", runs, [], {})]).splitlines()[2]
    assert line.split("|")[2].strip() == "≥ 50 000"


def test_only_the_place_of_the_table_is_written() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = replaced(page, "new")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replaced(once, "new") == once
    with pytest.raises(ValueError, match="are missing"):
        replaced("a page without a place", "new")


def test_each_of_the_others_has_its_versions_locked() -> None:
    ours, *others = CONTESTANTS
    assert ours.folder is None
    for contestant in others:
        assert contestant.folder is not None
        locks = {path.name for path in contestant.folder.iterdir()}
        assert locks & {"package-lock.json", "requirements.txt"}
        if not contestant.is_node:
            wanted = (contestant.folder / "requirements.in").read_text().split()
            assert contestant.versions().count(",") == len(wanted) - 1

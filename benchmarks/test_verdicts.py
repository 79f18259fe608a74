"""Tests of the gate's decision, with made-up measurements."""

from collections.abc import Sequence

import pytest
from gate import Comparison, Rounds, compare, judge, mins


class Machine:
    """Returns prepared measurements, and records the names that were asked for."""

    def __init__(self, *measurements: Rounds) -> None:
        self.measurements = list(measurements)
        self.asked: list[Sequence[str]] = []

    def __call__(self, names: Sequence[str]) -> Rounds:
        self.asked.append(list(names))
        return self.measurements.pop(0)


def test_the_least_of_all_rounds_counts() -> None:
    assert mins([{"a": 3.0, "b": 5.0}, {"a": 2.0}, {"b": 9.0}]) == {"a": 2.0, "b": 5.0}


def test_one_quiet_round_is_enough() -> None:
    rounds = [({"a": 1.0}, {"a": 4.0}), ({"a": 9.0}, {"a": 1.1})]
    assert compare(rounds) == [Comparison("a", 1.0, 1.1)]


@pytest.mark.parametrize(
    ("base", "change", "is_worse"),
    [(100.0, 114.0, False), (100.0, 116.0, True), (100.0, 50.0, False), (0.0, 1.0, False)],
)
def test_15_percent_is_the_limit(base: float, change: float, is_worse: bool) -> None:
    assert Comparison("a", base, change).is_worse is is_worse


def test_a_benchmark_that_one_side_lacks_is_listed_but_not_judged() -> None:
    found = compare([({"old": 1.0, "both": 1.0}, {"new": 1.0, "both": 1.0})])
    assert [(each.name, each.ratio) for each in found] == [
        ("both", 1.0),
        ("new", None),
        ("old", None),
    ]
    assert not any(each.is_worse for each in found)


def test_nothing_worse_is_measured_once() -> None:
    machine = Machine([({"a": 1.0}, {"a": 1.1})])
    verdict = judge(machine)
    assert machine.asked == [[]]
    assert (verdict.failed, verdict.second) == ([], ())


def test_only_the_suspect_is_measured_again_and_acquitted() -> None:
    machine = Machine(
        [({"a": 1.0, "b": 1.0}, {"a": 1.3, "b": 1.0})],
        [({"a": 1.0}, {"a": 1.14})],
    )
    verdict = judge(machine)
    assert machine.asked == [[], ["a"]]
    assert verdict.failed == []
    assert [each.name for each in verdict.second] == ["a"]


def test_worse_twice_running_fails() -> None:
    machine = Machine(
        [({"a": 1.0, "b": 1.0, "c": 1.0}, {"a": 1.3, "b": 1.2, "c": 1.0})],
        [({"a": 1.0, "b": 1.0}, {"a": 1.05, "b": 1.16})],
    )
    assert [each.name for each in judge(machine).failed] == ["b"]


def test_the_second_measurement_stands_alone() -> None:
    """A lucky round of the base in the first measurement does not count in the second."""
    machine = Machine([({"a": 0.5}, {"a": 1.0})], [({"a": 1.0}, {"a": 1.0})])
    assert judge(machine).failed == []


def test_a_benchmark_that_was_no_suspect_is_not_judged_the_second_time() -> None:
    machine = Machine(
        [({"a": 1.0, "b": 1.0}, {"a": 1.3, "b": 1.0})],
        [({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 2.0})],
    )
    assert judge(machine).failed == []

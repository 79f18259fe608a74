"""The decision whether a change is slower than its base, on plain data.

The measure is a benchmark's `min` over all rounds of one side: the time of a step that nothing
disturbs. Machines do disturb, so one bad comparison only makes a benchmark suspect. A second one,
of new measurements alone, makes it fail.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["LIMIT", "Comparison", "Rounds", "Side", "Verdict", "compare", "judge", "mins"]

LIMIT = 1.15
"""A `min` more than this times the base's is worse."""

Side = Mapping[str, float]
"""The least times of one side in one round: seconds, by benchmark."""

Rounds = Sequence[tuple[Side, Side]]
"""The results of each round, for the base and for the change."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The results of one benchmark on both sides.

    Attributes:
        name: The benchmark.
        base: The `min` of the base; seconds, None if it was not measured.
        change: The `min` of the change; seconds, None if it was not measured.
    """

    name: str
    base: float | None
    change: float | None

    @property
    def ratio(self) -> float | None:
        """The `min` of the change divided by that of the base; None unless both are known."""
        if self.base is None or self.change is None or self.base <= 0:
            return None
        return self.change / self.base

    @property
    def is_worse(self) -> bool:
        """Whether the change is slower by more than the limit."""
        return self.ratio is not None and self.ratio > LIMIT


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision, with the comparisons that led to it.

    Attributes:
        first: The comparisons of all benchmarks.
        second: New comparisons of the benchmarks that were worse.
    """

    first: Sequence[Comparison]
    second: Sequence[Comparison]

    @property
    def failed(self) -> list[Comparison]:
        """The comparisons of benchmarks that were worse twice running."""
        return [comparison for comparison in self.second if comparison.is_worse]


def mins(sides: Iterable[Side]) -> dict[str, float]:
    """Return the least time of each benchmark in any of the rounds."""
    least: dict[str, float] = {}
    for side in sides:
        for name, seconds in side.items():
            least[name] = min(seconds, least.get(name, seconds))
    return least


def compare(rounds: Rounds) -> list[Comparison]:
    """Compare all benchmarks that either side has, sorted by name."""
    base = mins(side for side, _ in rounds)
    change = mins(side for _, side in rounds)
    return [Comparison(name, base.get(name), change.get(name)) for name in sorted(base | change)]


def judge(measure: Callable[[Sequence[str]], Rounds]) -> Verdict:
    """Measure all benchmarks, measure the suspects again, and decide.

    Args:
        measure: Runs some rounds; gets the names of the benchmarks, none for all of them.
    """
    first = compare(measure(()))
    suspects = [comparison.name for comparison in first if comparison.is_worse]
    if not suspects:
        return Verdict(first, ())
    again = compare(measure(suspects))
    return Verdict(first, [each for each in again if each.name in suspects])

"""Metrics of one kind each, as Prometheus's client library wants them."""

from __future__ import annotations

from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["counter", "counters_by", "gauge", "gauges_by", "histogram", "summary"]


def gauge(name: str, text: str, value: float) -> Metric:
    """Return a gauge.

    Args:
        name: The name without `fortepiano_`.
        text: The help text.
        value: The value.
    """
    return GaugeMetricFamily(f"fortepiano_{name}", text, value=value)


def counter(name: str, text: str, value: float) -> Metric:
    """Return a counter.

    Args:
        name: The name without `fortepiano_`.
        text: The help text.
        value: The value.
    """
    return CounterMetricFamily(f"fortepiano_{name}", text, value=value)


def counters_by(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    """Return counters by a label.

    Args:
        name: The name without `fortepiano_`.
        text: The help text.
        label: The name of the label.
        values: The values by that label.
    """
    return _filled(CounterMetricFamily(f"fortepiano_{name}", text, labels=[label]), values)


def gauges_by(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    """Return gauges by a label.

    Args:
        name: The name without `fortepiano_`.
        text: The help text.
        label: The name of the label.
        values: The values by that label.
    """
    return _filled(GaugeMetricFamily(f"fortepiano_{name}", text, labels=[label]), values)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, values: Mapping[str, int]) -> Metric:
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def histogram(name: str, text: str, counts: Sequence[tuple[float, int]], total: float) -> Metric:
    """Return a histogram of counts by bucket, made cumulative as Prometheus wants them.

    Args:
        name: The name without `fortepiano_`.
        text: The help text.
        counts: Upper bounds, the last one infinite, and the number of values up to each.
        total: The sum of all values.
    """
    sums = accumulate(count for _, count in counts)
    buckets = [
        ("+Inf" if bound == inf else str(bound), at_most)
        for (bound, _), at_most in zip(counts, sums, strict=True)
    ]
    return HistogramMetricFamily(f"fortepiano_{name}", text, buckets=buckets, sum_value=total)


def summary(name: str, text: str, count: int, total: float) -> Metric:
    """Return the number of some values and their sum.

    Args:
        name: The name without `fortepiano_`.
        text: The help text.
        count: The number of values.
        total: Their sum.
    """
    return SummaryMetricFamily(f"fortepiano_{name}", text, count_value=count, sum_value=total)

"""Plots of servers, each as PNG and as SVG."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from measurements import Result, is_carried

__all__ = ["draw"]

MARKS = "osD^"

# Text in SVGs stays text, so that it can be searched. A fixed salt keeps ids, and so diffs small.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "fortepiano", "font.size": 10})


def _latency(axes: Axes, results: Sequence[Result]) -> None:
    for result, mark in zip(results, MARKS, strict=False):
        runs = [run for run in result.climb if run["p99_us"] is not None]
        rates = [run["deliveries_per_s"] for run in runs]
        (line,) = axes.plot(
            rates, [run["p99_us"] / 1000 for run in runs], marker=mark, label=result.name
        )
        halves = [run["p50_us"] / 1000 for run in runs]
        axes.plot(rates, halves, linestyle=":", color=line.get_color())
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="deliveries/s",
        ylabel="latency, ms",
        title="Latency over load (solid: p99, dotted: p50), 100 people in one room",
    )


def _memory(axes: Axes, results: Sequence[Result]) -> None:
    for result, mark in zip(results, MARKS, strict=False):
        people = [run["clients"] for run in result.crowds]
        mebibytes = [run["server_rss_bytes"] / (1 << 20) for run in result.crowds]
        axes.plot(people, mebibytes, marker=mark, label=result.name)
    axes.set(
        xlabel="clients, 20 in each room",
        ylabel="resident memory, MiB",
        title="Memory over clients",
    )
    axes.set_ylim(bottom=0)


def _cost(axes: Axes, results: Sequence[Result]) -> None:
    for result, mark in zip(results, MARKS, strict=False):
        runs = [run for run in result.climb if is_carried(run)]
        rates = [run["deliveries_per_s"] for run in runs]
        costs = [run["server_us_per_delivery"] for run in runs]
        axes.plot(rates, costs, marker=mark, label=result.name)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="deliveries/s",
        ylabel="CPU µs per delivery",
        title="What a delivery costs, where all of them arrive in time",
    )


def _bars(axes: Axes, results: Sequence[Result], value: Callable[[Result], float]) -> None:
    names = [result.name for result in results]
    bars = axes.barh(names, [value(result) for result in results], color="#4a6b78")
    axes.bar_label(bars, fmt="{:,.0f}", padding=4)
    axes.margins(x=0.15)
    axes.invert_yaxis()


def _deliveries(axes: Axes, results: Sequence[Result]) -> None:
    _bars(axes, results, lambda result: result.best["deliveries_per_s"] if result.best else 0)
    axes.set(title="Deliveries/s carried on one core, 100 people in one room")


def _joins(axes: Axes, results: Sequence[Result]) -> None:
    _bars(axes, results, lambda result: float(result.storm.get("joins_per_s", 0)))
    axes.set(title="Joins/s, all into one room at once")


PLOTS: dict[str, Callable[[Axes, Sequence[Result]], None]] = {
    "deliveries": _deliveries,
    "cost": _cost,
    "latency": _latency,
    "memory": _memory,
    "joins": _joins,
}


def draw(results: Sequence[Result], folder: Path) -> list[str]:
    """Draw all plots into a folder; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, plot in PLOTS.items():
        figure = Figure(
            figsize=(8, 3 if plot in (_deliveries, _joins) else 4.5), layout="constrained"
        )
        axes = figure.add_subplot()
        plot(axes, results)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
            axes.grid(visible=True, which="major", alpha=0.3)
        figure.savefig(folder / f"{name}.png", dpi=120)
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    return list(PLOTS)

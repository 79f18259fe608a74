"""`pytest --benchmark` measures; without it each benchmark runs once, as a test of its result."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--benchmark",
        action="store_true",
        help="measure the benchmarks, and run nothing else",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--benchmark"):
        # `--benchmark-disable` stands in addopts, so that an ordinary run stays quick.
        config.option.benchmark_disable = False
        config.option.benchmark_disable_gc = True
        # Warm up: after a slow first call, pytest-benchmark times each short step by itself, and so
        # measures the clock too. That would happen in some runs and not in others.
        config.option.benchmark_warmup = True
        config.option.benchmark_warmup_iterations = 100
        config.option.benchmark_min_time = 0.00002


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--benchmark"):
        measured = [item for item in items if "benchmark" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in measured])
        items[:] = measured

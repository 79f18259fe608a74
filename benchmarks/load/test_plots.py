"""Tests of the plots: the same figures always give the same files."""

from pathlib import Path
from typing import Any

from measurements import Result
from plots import draw


def test_every_plot_is_drawn_twice_and_always_the_same(tmp_path: Path) -> None:
    run: dict[str, Any] = {"offered": 50_000, "deliveries_per_s": 50_000, "lost": 0, "closed": 0}
    run |= {"p50_us": 300, "p99_us": 900, "server_us_per_delivery": 1.5}
    crowd = {"clients": 500, "server_rss_bytes": 60 << 20}
    whole = Result("ours", "", [run, run | {"offered": 100_000}], [crowd], {"joins_per_s": 3000})
    late = Result("theirs", "", [run | {"p50_us": None, "p99_us": None, "lost": 9}], [], {})
    names = draw([whole, late], tmp_path / "first")
    draw([whole, late], tmp_path / "second")
    for name in names:
        assert (tmp_path / "first" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        drawn = (tmp_path / "first" / f"{name}.svg").read_text()
        assert "ours" in drawn
        assert drawn == (tmp_path / "second" / f"{name}.svg").read_text()

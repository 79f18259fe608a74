"""Compare whole servers with the load generator, and write the results to benchmarks/README.md.

Run by `make bench-load`; QUICK=1 for a first look. Exit status: 0, or 2 for a mistake.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from contestants import BUILD, CONTESTANTS, LOAD_CORE, SERVER_CORE, BenchError
from measurements import FULL, QUICK, Effort, Result, measure
from page import machine, replaced, table
from plots import draw

README = Path(__file__).resolve().parents[1] / "README.md"
PLOTS = README.parent / "plots"
RESULTS = BUILD / "results.json"


def check_machine() -> None:
    """Check that servers and load can have a core each.

    Raises:
        BenchError: There are not enough cores, or `taskset` is missing.
    """
    cores = os.sched_getaffinity(0)
    if not {SERVER_CORE, LOAD_CORE} <= cores:
        raise BenchError("two cores are needed, one for the server and one for the load")
    if shutil.which("taskset") is None:
        raise BenchError("taskset is missing: apt-get install util-linux")


def measure_all(names: Sequence[str], effort: Effort) -> list[Result]:
    """Measure the servers with these names, or all without names, one after the other."""
    chosen = [each for each in CONTESTANTS if not names or each.name in names]
    for contestant in chosen:
        contestant.prepare()
    results: list[Result] = []
    for contestant in chosen:
        print(contestant.name, flush=True)
        results.append(measure(contestant, effort))
    return results


def section(results: Sequence[Result], plots: Sequence[str], conditions: str) -> str:
    """Return the section between the marks of the page."""
    images = [f"[![{name}](plots/{name}.png)](plots/{name}.svg)" for name in plots]
    return "\n\n".join([conditions, table(results), *images])


def main() -> int:
    """Read the command line, measure and write."""
    parser = argparse.ArgumentParser(prog="make bench-load", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, in a minute")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="one server")
    parser.add_argument("--dry", action="store_true", help="print the table, leave the page alone")
    arguments = parser.parse_args()
    try:
        check_machine()
        start = time.monotonic()
        results = measure_all(arguments.only, QUICK if arguments.quick else FULL)
    except BenchError as error:
        print(f"bench-load: {error}", file=sys.stderr)
        return 2
    took = time.monotonic() - start
    RESULTS.write_text(json.dumps([asdict(result) for result in results], indent=1))
    conditions = f"{machine()}; single runs{', quick ones' if arguments.quick else ''}."
    print(f"\n{table(results)}\n\n{conditions} It took {took:.0f} s.")
    if not arguments.dry:
        README.write_text(
            replaced(README.read_text(), section(results, draw(results, PLOTS), conditions))
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

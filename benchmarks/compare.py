"""Compare the inner steps of this tree with those of another revision: `make bench-compare`.

Both are built on this machine, each in a work tree and an environment of its own under build/, and
measured in turn by the benchmarks of this tree. Exit status: 0 if nothing is slower, 1 if something
is, 2 for a mistake.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from gate import LIMIT, Comparison, Rounds, Side, judge

ROOT = Path(__file__).resolve().parent.parent
TREES = ROOT / "build" / "compare"

ROUNDS = 5
"""Measurements of each side, in turn; the least time counts."""

SECONDS = "0.1"
"""How long a benchmark repeats its step in each measurement, at least."""


class CompareError(Exception):
    """A problem that the user can solve; the text is one line."""


def output(*command: str, cwd: Path = ROOT) -> str:
    """Run a command that must succeed, and return its output."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CompareError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout.strip()


def commit_of(revision: str) -> str:
    """Return the commit of a revision."""
    try:
        return output("git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    except CompareError:
        raise CompareError(f"git knows no revision {revision!r} here: BASE=<rev>") from None


def commit_of_tree() -> str:
    """Return a commit of the tree as it is, with uncommitted changes but no untracked files."""
    return output("git", "stash", "create") or commit_of("HEAD")


class Build:
    """One side: a work tree with an environment in which its package is installed.

    Args:
        name: The name of the side and of its folder. Binaries contain that name, so names of equal
            length keep the two binaries of an unchanged tree alike.
        commit: The commit to build.
    """

    def __init__(self, name: str, commit: str) -> None:
        self.name = name
        self.tree = TREES / name
        self._commit = commit

    @property
    def bin(self) -> Path:
        """The folder of the environment's programs."""
        return self.tree / ".venv" / "bin"

    def make(self, groups: Path) -> None:
        """Check the commit out and build it; the results of earlier builds are used again.

        Args:
            groups: The pyproject.toml that names the tools to install in the environment.
        """
        print(f"building {self.name}: {self._commit[:12]}", flush=True)
        if (self.tree / ".git").exists():
            output("git", "checkout", "--quiet", "--force", "--detach", self._commit, cwd=self.tree)
        else:
            shutil.rmtree(self.tree, ignore_errors=True)
            output("git", "worktree", "prune")
            output("git", "worktree", "add", "--quiet", "--detach", str(self.tree), self._commit)
        # The Makefile of the side runs in its own folder, without the settings given to this make.
        settings = {"VENV": ".venv", "PROFILE": "release", "PYTHON": sys.executable}
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        for unwanted in ("CARGO_TARGET_DIR", "PYO3_PYTHON", "VIRTUAL_ENV"):
            environment.pop(unwanted, None)
        assignments = [f"{name}={value}" for name, value in settings.items()]
        built = subprocess.run(["make", "build", *assignments], cwd=self.tree, env=environment)
        if built.returncode:
            raise CompareError(f"{self.name} does not build; see above")
        pip = [str(self.bin / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        output(*pip, "--group", f"{groups}:test")

    def measure(self, benchmarks: Path, names: Sequence[str]) -> dict[str, float]:
        """Run benchmarks in a process of their own; return the `min` of each, in seconds.

        Args:
            benchmarks: The tree whose benchmarks are run, which is the same for both sides.
            names: The benchmarks to run; none for all.
        """
        result = TREES / f"{self.name}.json"
        result.unlink(missing_ok=True)
        options = f"--benchmark --quiet -p no:cacheprovider --benchmark-max-time={SECONDS}"
        command = [str(self.bin / "pytest"), *options.split(), f"--benchmark-json={result}"]
        # The helpers in tests/ fit their own revision only. A file of benchmarks that needs newer
        # code than the base has is left out there.
        folders = self.tree / "tests", benchmarks / "benchmarks" / "micro"
        command += [f"--override-ini=pythonpath={' '.join(map(str, folders))}"]
        command += ["--continue-on-collection-errors", *(names or ["benchmarks/micro"])]
        done = subprocess.run(command, cwd=benchmarks, capture_output=True, text=True, check=False)
        # 1: some benchmarks failed; on the base, those of code that the base does not have yet.
        if done.returncode not in (0, 1) or not result.exists():
            raise CompareError(f"{self.name} cannot be measured:\n{done.stdout}{done.stderr}")
        found = json.loads(result.read_bytes())["benchmarks"]
        return {each["fullname"]: each["stats"]["min"] for each in found}


class Duel:
    """Two builds that are measured in turn.

    Args:
        base: The build of the base.
        change: The build of the change.
        rounds: How often each is measured.
        own: Whether each runs the benchmarks of its own tree.
    """

    def __init__(self, base: Build, change: Build, rounds: int, *, own: bool = False) -> None:
        self.base = base
        self.change = change
        self._rounds = rounds
        self._own = own

    def measure(self, names: Sequence[str]) -> Rounds:
        """Measure both sides in turn; the first side alternates, so that none is always second.

        If `names` selects a few benchmarks, they are measured twice as often, which costs little:
        each round is one more chance for both sides to meet a quiet moment.
        """
        rounds: list[tuple[Side, Side]] = []
        count = 2 * self._rounds if names else self._rounds
        for number in range(count):
            print(f"round {number + 1} of {count}", flush=True)
            pair = [self.base, self.change]
            order = pair if number % 2 == 0 else pair[::-1]
            found = {
                side.name: side.measure((side if self._own else self.change).tree, names)
                for side in order
            }
            rounds.append((found[self.base.name], found[self.change.name]))
        return rounds


def lines(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Yield one line of the report for each comparison."""
    width = max((len(each.name) for each in comparisons), default=0)
    for each in comparisons:
        base, change = (
            "-" if seconds is None else f"{seconds * 1e6:.3f}"
            for seconds in (each.base, each.change)
        )
        if each.ratio is None:
            end = "not compared"
        else:
            end = f"{each.ratio:.2f}" + (" WORSE" if each.is_worse else "")
        yield f"{each.name:{width}} {base:>12} {change:>12}  {end}"


def run(base: str, change: str | None, rounds: int, *, own: bool) -> int:
    """Build, measure and judge; return the exit status."""
    TREES.mkdir(parents=True, exist_ok=True)
    before = Build("base", commit_of(base))
    after = Build("head", commit_of(change) if change else commit_of_tree())
    # The change is built first: both sides get the tools that its benchmarks need.
    for build in (after, before):
        build.make(groups=after.tree / "pyproject.toml")
    verdict = judge(Duel(before, after, rounds, own=own).measure)
    print("\nmin of all rounds, µs: base, change, ratio")
    print("\n".join(lines(verdict.first)))
    missing = [each.name for each in verdict.first if each.change is None]
    if verdict.second:
        print("\nthe suspects, measured anew:")
        print("\n".join(lines(verdict.second)))
    if missing:
        print(f"\nfailed: the change has no result for {', '.join(missing)}")
        return 1
    if verdict.failed:
        names = ", ".join(each.name for each in verdict.failed)
        print(f"\nfailed: slower by more than {LIMIT - 1:.0%} twice running: {names}")
        return 1
    print(f"\npassed: nothing is slower by more than {LIMIT - 1:.0%} twice running")
    return 0


def main() -> int:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(prog="make bench-compare", description=__doc__)
    parser.add_argument("base", help="the revision to compare with")
    parser.add_argument("--change", help="the revision to judge; else the tree as it is")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is measured")
    parser.add_argument(
        "--own",
        action="store_true",
        help="each side runs its own benchmarks: for a change that renames what they call",
    )
    arguments = parser.parse_args()
    try:
        return run(arguments.base, arguments.change, max(arguments.rounds, 1), own=arguments.own)
    except CompareError as error:
        print(f"bench-compare: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

"""A check for plain English: `python scripts/lint/prose.py [--count] [PATH…]`.

Each docstring, comment, document and function that breaks one of RULES is reported as
`file:line: rule: text`; the exit status is then 1. CONTRIBUTING.md explains the rules.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from comments import Source
from definitions import definitions
from sentences import opening, sentences

MAX_WORDS = 30


class Allowance(NamedTuple):
    """A phrase that a rule ignores in some files; an empty phrase means the whole file."""

    path: str
    rule: str
    phrase: str
    reason: str


ALLOWED = (
    Allowance("*", "pronoun", "him/herself", "on the wire: clients match this notification"),
    Allowance(
        "tests/unit/protocol/words/*", "pronoun", "", "texts of people that a filter must keep"
    ),
    Allowance("scripts/lint/prose.py", "pronoun", "", "names the words that it looks for"),
    Allowance("tests/unit/scripts/test_prose.py", "pronoun", "", "has examples of what is found"),
)

EXEMPT = {
    "LICENSE": "the words of the licence",
    "CODE_OF_CONDUCT.md": "the words of the Contributor Covenant",
    "*package-lock.json": "written by npm",
    "*Cargo.lock": "written by Cargo",
    "benchmarks/load/*/requirements.txt": "written by uv",
    "tests/clients/replays/*.json": "recorded from the clients of others",
    "*.svg": "drawn by programs",
}
"""Files whose text is not ours, with the origin of the text."""


class Finding(NamedTuple):
    """A place that breaks a rule."""

    path: str
    line: int
    rule: str
    text: str


Check = Callable[[Source], Iterator[tuple[int, str]]]

_STAND_INS = r"(?:It|They|Somebody|Someone|Who|Whoever|Whatever|What|Those\s+who|He|She)"
# Code such as `who=` or `what()` is no word.
_OPENING = re.compile(rf"[\s\"'(*:-]*{_STAND_INS}(?![\w`(=]|\.\w)", re.IGNORECASE)
_PRONOUN_WORD = r"(?:he|him|his|himself|she|her|hers|herself)"
_PRONOUN = re.compile(rf"(?<![^\W_]){_PRONOUN_WORD}(?![^\W_])", re.IGNORECASE)
_MENTIONED = re.compile(rf"`(?:{_PRONOUN_WORD}[/, ]*)+`")
_VERB = re.compile(
    r"[_#]*(?:tell|say|mention|welcome|present|announce)s?(?:_.*|[A-Z].*)?", re.DOTALL
)


def _openings(source: Source) -> Iterator[tuple[int, str]]:
    """Find docstrings and comments that begin with a stand-in instead of their subject."""
    for block in source.blocks():
        line = None if block.kind == "document" else opening(block)
        if line is not None and _OPENING.match(line.text):
            yield line


def _long_sentences(source: Source) -> Iterator[tuple[int, str]]:
    """Find sentences of more than MAX_WORDS words."""
    for block in source.blocks():
        for sentence in sentences(block):
            if sentence.words > MAX_WORDS:
                yield sentence.line, f"{sentence.words} words: {sentence.text}"


def _pronouns(source: Source) -> Iterator[tuple[int, str]]:
    """Find pronouns of one sex in the whole file, also within names."""
    text = _without_allowed(source, "pronoun")
    for number, line in enumerate(text.split("\n"), 1):
        if _PRONOUN.search(line):
            for found in _PRONOUN.finditer(_MENTIONED.sub("", line)):
                yield number, f"{found[0]}: {line.strip()}"


def _verbs(source: Source) -> Iterator[tuple[int, str]]:
    """Find functions with names such as `say` or `tell`, for which `send` is the word."""
    for definition in definitions(source):
        if _VERB.fullmatch(definition.name):
            yield definition.line, definition.name


RULES: dict[str, Check] = {
    "opening": _openings,
    "sentence": _long_sentences,
    "pronoun": _pronouns,
    "verb": _verbs,
}
"""The functions that find violations, by the names of their rules in reports."""


def check(path: str, text: str) -> list[Finding]:
    """Return the findings in one file."""
    source = Source(path, _current(path, text))
    return [
        Finding(path, line, rule, found)
        for rule, run in RULES.items()
        if not _allows(path, rule, "")
        for line, found in sorted(run(source))
        if not _allows(path, rule, found)
    ]


def _allows(path: str, rule: str, found: str) -> bool:
    """Tell whether ALLOWED exempts a whole file, or one text in it, from a rule."""
    return any(
        entry.phrase in found
        for entry in ALLOWED
        if entry.rule == rule and fnmatch(path, entry.path)
    )


def _without_allowed(source: Source, rule: str) -> str:
    text = source.text
    for entry in ALLOWED:
        if entry.phrase and entry.rule == rule and fnmatch(source.path, entry.path):
            text = text.replace(entry.phrase, "")
    return text


def _current(path: str, text: str) -> str:
    """Return the text of a file; of the changelog, only the section that is not released yet."""
    if PurePosixPath(path).name != "CHANGELOG.md":
        return text
    released = re.search(r"^## (?!.*unreleased)", text, re.MULTILINE | re.IGNORECASE)
    return text[: released.start()] if released else text


def tracked(root: Path, paths: list[str]) -> list[str]:
    """Return the files under `paths` that git tracks or would add, except the exempt ones."""
    listed = _git(
        root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths
    )
    names = sorted(set(listed.split("\0")) - {""})
    return [name for name in names if not any(fnmatch(name, exempt) for exempt in EXEMPT)]


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def check_file(root: Path, path: str) -> list[Finding]:
    """Return the findings in a file of the tree; none if the file is binary."""
    file = root / path
    content = file.read_bytes() if file.is_file() else b""
    return [] if b"\0" in content else check(path, content.decode(errors="replace"))


def _report(findings: list[Finding]) -> None:
    for finding in findings:
        text = finding.text if len(finding.text) <= 120 else finding.text[:119] + "…"
        print(f"{finding.path}:{finding.line}: {finding.rule}: {text}", file=sys.stderr)
    counts = Counter(finding.rule for finding in findings)
    print(", ".join(f"{rule} {counts[rule]}" for rule in RULES), file=sys.stderr)


def _count(findings: list[Finding]) -> None:
    """Print the numbers of findings by folder and rule."""
    counts = Counter((str(PurePosixPath(found.path).parent), found.rule) for found in findings)
    counts.update(("all", found.rule) for found in findings)
    print(f"{'folder':40}" + "".join(f"{rule:>10}" for rule in RULES))
    for folder in [*sorted({folder for folder, _ in counts} - {"all"}), "all"]:
        print(f"{folder:40}" + "".join(f"{counts[folder, rule]:>10}" for rule in RULES))


def main() -> int:
    """Check the given paths, or the whole tree; return the exit status."""
    parser = argparse.ArgumentParser(description="Hold the tree to plain English.")
    parser.add_argument("--count", action="store_true", help="print counts by folder only")
    parser.add_argument("paths", nargs="*", help="files and folders; all of the tree without any")
    options = parser.parse_args()
    try:
        root = Path(_git(Path.cwd(), "rev-parse", "--show-toplevel").rstrip("\n"))
        files = tracked(root, [str(Path(path).resolve()) for path in options.paths])
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"prose: git does not list the files: {error}", file=sys.stderr)
        return 2
    findings = [found for path in files for found in check_file(root, path)]
    (_count if options.count else _report)(findings)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())

"""The check of plain English in scripts/lint: texts that must be found, and texts that pass."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[3]
LINT = ROOT / "scripts" / "lint"
LONG = "word " * 30 + "end"
SHORT = "word " * 29 + "end"


def load(name: str) -> Any:
    """Import a module of scripts/lint, which is a folder of scripts and no package."""
    sys.path.insert(0, str(LINT))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(LINT))


prose = load("prose")
comments = load("comments")
sentences = load("sentences")

in_git = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git work tree")


def found(path: str, text: str) -> list[tuple[int, str]]:
    """Return the lines and rules of all findings in `text`."""
    return [(finding.line, finding.rule) for finding in prose.check(path, text)]


OPENINGS = [
    pytest.param("a.py", '"""What a token holds."""\n', 1, id="docstring"),
    pytest.param("a.py", 'x = 1\n"""Who may enter."""\n', 2, id="attribute docstring"),
    pytest.param("a.pyi", 'def f() -> int:\n    """It counts."""\n', 2, id="docstring of a stub"),
    pytest.param("a.py", 'class A:\n    """\n    They wait.\n    """\n', 3, id="second line"),
    pytest.param("a.py", "x = 1  # who looks like whom\n", 1, id="lower case"),
    pytest.param("a.py", "# It's quick.\n", 1, id="apostrophe"),
    pytest.param("a.py", "# Those who wait.\n", 1, id="two words"),
    pytest.param("a.py", "#: Somebody.\n", 1, id="sphinx comment"),
    pytest.param("a.py", "x = 1  # noqa: S101 - what it costs\n", 1, id="behind noqa"),
    pytest.param("a.py", "x = f()  # type: ignore[arg-type]  # it fits\n", 1, id="behind type"),
    pytest.param("a.py", "x = {'#': 1}  # Someone.\n", 1, id="hash in a text"),
    pytest.param("a.py", "# Ends here.\n\n# It begins anew.\n", 3, id="second block"),
    pytest.param("a.py", "a = 1  # A.\nb = 2  # It.\n", 2, id="trailing comments, each by itself"),
    pytest.param("a.py", "#!/usr/bin/env python3\n# It runs.\n", 2, id="after a shebang"),
    pytest.param("run", "#!/bin/sh\n# It runs.\n", 2, id="no suffix but a shebang"),
    pytest.param("a.rs", "/// Whoever reads.\nfn f() {}\n", 1, id="Rust doc comment"),
    pytest.param("a.rs", "//! What it counts.\n", 1, id="Rust module"),
    pytest.param("a.rs", "// SAFETY: they live as long.\n", 1, id="SAFETY"),
    pytest.param("a.rs", "let a = '\"'; // It is a quote.\n", 1, id="Rust character"),
    pytest.param("a.rs", 'let a = r#"\\"#; // It is raw.\n', 1, id="Rust raw text"),
    pytest.param("a.rs", "fn f<'a>(x: &'a u8) {} // It lives.\n", 1, id="Rust lifetime"),
    pytest.param("a.rs", "/* It /* nests */ here. */\n", 1, id="Rust nested comment"),
    pytest.param("a.pyx", 'cdef int f():\n    """It."""\n', 2, id="Cython docstring"),
    pytest.param("a.pxd", "cdef int f()  # it counts\n", 1, id="Cython comment"),
    pytest.param("a.h", "/* It is C. */\n", 1, id="C"),
    pytest.param("a.js", "/**\n * What lies between.\n */\n", 2, id="JSDoc"),
    pytest.param("a.mjs", "const a = 1; // Whatever.\n", 1, id="JavaScript comment"),
    pytest.param("a.d.ts", "/** Somebody. */\n", 1, id="TypeScript"),
    pytest.param("a.js", "const a = /\\/*/; // It matches.\n", 1, id="JavaScript regex"),
    pytest.param("a.js", "const a = `${b + `//`}`; // It nests.\n", 1, id="nested template"),
    pytest.param("a.js", "const a = b / c; // It divides.\n", 1, id="division"),
    pytest.param("a.css", "/* What all share. */\n", 1, id="CSS"),
    pytest.param("a.html", "<p>\n<!-- It -->\n", 2, id="HTML"),
    pytest.param("a.html", "<script>\n// It runs.\n</script>\n", 2, id="script in HTML"),
    pytest.param("Makefile", "all: x ## What is built\n", 1, id="help of a Makefile"),
    pytest.param("a.toml", 'a = "#"  # it is a hash\n', 1, id="TOML"),
    pytest.param("a.yml", "a: b # what is b\n", 1, id="YAML"),
    pytest.param("a.service", "# It needs nothing.\n", 1, id="systemd"),
]


@pytest.mark.parametrize(("path", "text", "line"), OPENINGS)
def test_an_opening_is_found(path: str, text: str, line: int) -> None:
    assert found(path, text) == [(line, "opening")]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("a.py", '"""Item: iteration, whatsoever, theyre, whose."""\n', id="longer"),
        pytest.param("a.py", "# The first line.\n# It goes on.\n", id="second line of a block"),
        pytest.param("a.py", "x = 1  # the first line\n       # it goes on\n", id="below it"),
        pytest.param("a.py", "x = '# It is a text'\n", id="hash in a text"),
        pytest.param("a.py", 'x = """\n# It is a text\n"""\n', id="hash in a long text"),
        pytest.param("a.py", "x = f'{y}# It is a text'\n", id="hash in an f-string"),
        pytest.param("a.py", 'f("""What a text.""")\n', id="argument"),
        pytest.param("a.py", "# `what` names the thing.\n", id="code span"),
        pytest.param("a.py", "# who=None asks nobody.\n", id="code"),
        pytest.param("a.rs", 'let a = "// It is a text";\n', id="slashes in a text"),
        pytest.param("a.rs", 'let a = r"\\"; let b = "// It";\n', id="raw text"),
        pytest.param("a.rs", 'let a = r##"// It "# goes on"##;\n', id="fenced raw text"),
        pytest.param("a.rs", 'let a = "one\n// It goes on";\n', id="text of two lines"),
        pytest.param("a.js", "const a = `// It is a text`;\n", id="template"),
        pytest.param("a.js", "const a = `${b + `// It`} // It`;\n", id="nested template"),
        pytest.param("a.js", "a = b.replace(/[/]// It/, c);\n", id="slash in a class of a regex"),
        pytest.param("a.js", "const a = 'https://it.example';\n", id="address"),
        pytest.param("a.toml", 'a = "# It is a text"\n', id="TOML text"),
        pytest.param("a.sh", "echo $# a#It '# It'\n", id="hashes of a shell"),
        pytest.param("a.md", "It is a document.\n", id="document"),
        pytest.param("a.png", "# It is no text we know.\n", id="other files"),
    ],
)
def test_other_openings_pass(path: str, text: str) -> None:
    assert found(path, text) == []


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        pytest.param("a.py", f'"""Short.\n\n{LONG}.\n"""\n', 3, id="docstring"),
        pytest.param("a.py", f"# Short. A\n# {LONG}.\n", 1, id="comment over two lines"),
        pytest.param(
            "a.py",
            f'"""Do.\n\nArgs:\n    a: One.\n    b: {LONG}\n"""\n',
            5,
            id="entry of a section",
        ),
        pytest.param("a.py", f"# One, e.g. {LONG}.\n", 1, id="e.g. ends nothing"),
        pytest.param("a.py", f"# One, i.e. {LONG}.\n", 1, id="i.e. ends nothing"),
        pytest.param("a.py", f"# 1.5 and a.b {LONG}.\n", 1, id="nor does a dot within"),
        pytest.param("a.py", f"# `a. b` {SHORT} end.\n", 1, id="nor does one in code"),
        pytest.param("a.py", f"# One: {SHORT}; end.\n", 1, id="nor do colons"),
        pytest.param("a.rs", f"//! {LONG}.\n", 1, id="Rust"),
        pytest.param("a.pyx", f"# {LONG}.\n", 1, id="Cython"),
        pytest.param("a.js", f"/** Short. @type {{a}} {LONG} */\n", 1, id="JSDoc"),
        pytest.param("a.css", f"/* {LONG}. */\n", 1, id="CSS"),
        pytest.param("a.yaml", f"# {LONG}.\n", 1, id="YAML"),
        pytest.param("a.html", f"<!-- {LONG} -->\n", 1, id="HTML"),
        pytest.param("a.md", f"# Heading\n\nShort. {LONG}.\n", 3, id="paragraph"),
        pytest.param("a.md", f"- one\n- {LONG}\n", 2, id="item"),
        pytest.param("a.md", f"- one\n\n    {LONG}\n", 3, id="paragraph of an item"),
        pytest.param("a.md", f"| a | {LONG} |\n", 1, id="cell"),
        pytest.param("a.md", f"```\na\n```\n{LONG}\n", 4, id="after a fence"),
    ],
)
def test_a_long_sentence_is_found(path: str, text: str, line: int) -> None:
    assert found(path, text) == [(line, "sentence")]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("a.py", f"# {SHORT}.\n", id="30 words"),
        pytest.param("a.py", f"# {SHORT}. {SHORT}? {SHORT}! {SHORT}\n", id="four sentences"),
        pytest.param("a.py", f"# ({SHORT}.) {SHORT}.\n", id="ends in brackets"),
        pytest.param("a.py", f"# {SHORT}\n#\n# {SHORT}\n", id="two paragraphs"),
        pytest.param("a.py", f"# - {SHORT}\n# - {SHORT}\n", id="two items"),
        pytest.param("a.py", f"# {SHORT[5:]} -> = 1.\n", id="signs are no words"),
        pytest.param("a.py", "# `" + LONG + "`.\n", id="code is one word"),
        pytest.param("a.py", f"# https://a.example/{'a-' * 40} is one.\n", id="an address is one"),
        pytest.param("a.py", f"x = '{LONG}'\n", id="text"),
        pytest.param(
            "a.py",
            f'"""Do.\n\nArgs:\n    a: {SHORT[5:]}\n    b: {SHORT[5:]}\n\n'
            f'Returns:\n    {SHORT}\n"""\n',
            id="entries of a section",
        ),
        pytest.param("a.rs", f"/// One:\n///\n/// ```\n/// {LONG}\n/// ```\n", id="Rust example"),
        pytest.param("a.js", f"// Runs:\n//     {LONG}\n// {SHORT}\n", id="indented example"),
        pytest.param(
            "a.js", f"/** @type {{{{a: b; c: {LONG}}}}} */\n", id="type of JSDoc is one word"
        ),
        pytest.param("Makefile", f"#  A  {SHORT[5:]}\n#  B  {SHORT[5:]}\n", id="columns"),
        pytest.param("a.md", f"```\n{LONG}\n```\n\n    {LONG}\n", id="code in a document"),
        pytest.param("a.md", f"| {SHORT} | {SHORT} |\n|---|---|\n", id="cells"),
        pytest.param("LICENSE", f"{LONG}\n", id="licence"),
    ],
)
def test_shorter_sentences_pass(path: str, text: str) -> None:
    assert found(path, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "# A user and his room.",
        "def test_he_waits() -> None: ...",
        'raise ValueError("nobody told him")',
        "x = 1  # Perhaps she's there.",
        "HERS = 1",
        "# `her` room, not `his`, said he.",
    ],
)
def test_a_pronoun_is_found_in_texts_and_names(text: str) -> None:
    assert found("a.py", text) == [(1, "pronoun")]


@pytest.mark.parametrize(
    "text",
    [
        "# The history of this theme: others, them, here, where.",
        "# Never `he`, `him` or `his`; nor `she/her`.",
        'x = "kickbanned him/herself."',
        "x = 0xHE2 + She2 + ishis",
    ],
)
def test_other_words_are_no_pronouns(text: str) -> None:
    assert found("a.py", text) == []


@pytest.mark.parametrize("path", ["a.md", "a.json", "a.svelte", "a.rs"])
def test_a_pronoun_is_found_in_every_kind_of_file(path: str) -> None:
    assert found(path, "\n'his'\n") == [(2, "pronoun")]


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        pytest.param("a.py", "def tell() -> None: ...\n", 1, id="Python"),
        pytest.param("a.py", "class A:\n    async def _say_more(self): ...\n", 2, id="method"),
        pytest.param("a.py", "if a:\n    def says(): ...\n", 2, id="within a condition"),
        pytest.param("a.pyi", "def mention_all() -> None: ...\n", 1, id="stub"),
        pytest.param("a.pyx", "cdef inline int tell(int a) nogil:\n", 1, id="Cython"),
        pytest.param("a.pyx", "    cpdef welcome_new(self):\n", 1, id="Cython method"),
        pytest.param("a.rs", "\npub(crate) const fn tell_time<'a>(&self) {\n", 2, id="Rust"),
        pytest.param("a.js", "export function sayOf(a) {\n", 1, id="JavaScript"),
        pytest.param("a.js", "const tell = async (a) => a;\n", 1, id="arrow"),
        pytest.param("a.js", "const tell = a => a;\n", 1, id="short arrow"),
        pytest.param("a.js", "class A {\n\tasync #announce(a, b) {\n\t}\n}\n", 2, id="method"),
        pytest.param("a.js", "({\n\tpresent: (a) => a,\n})\n", 2, id="property"),
        pytest.param("a.d.ts", "interface A {\n  tell(a: string): void;\n}\n", 2, id="signature"),
        pytest.param("a.d.ts", "interface A {\n  say?: (a: A) => void;\n}\n", 2, id="type"),
    ],
)
def test_a_verb_is_found(path: str, text: str, line: int) -> None:
    assert found(path, text) == [(line, "verb")]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param(
            "a.py", "def teller(): ...\ndef essay(): ...\ndef presentation(): ...\n", id="longer"
        ),
        pytest.param("a.py", "tell(1)\nx.say()\npresent = 1\n", id="calls and values"),
        pytest.param("a.py", "x = 'def tell(): ...'\n", id="text"),
        pytest.param("a.rs", "// fn tell()\nlet present = 1; self.tell(x);\n", id="Rust"),
        pytest.param("a.rs", 'let a = "fn tell()";\n', id="Rust text"),
        pytest.param("a.js", "tell((a) => {\n});\n", id="call with an arrow"),
        pytest.param("a.js", "const present = a === b;\nif (say) {\n}\n", id="values"),
        pytest.param("a.js", "const a = `function tell() {`;\n// function say()\n", id="texts"),
        pytest.param("a.js", "const sayings = () => 1;\n", id="longer in JavaScript"),
    ],
)
def test_other_names_pass(path: str, text: str) -> None:
    assert found(path, text) == []


def test_a_released_version_of_the_changelog_stays_as_it_was_written() -> None:
    new = f"# Changelog\n\n## [0.2.0] - unreleased\n\n- {LONG}\n\n"
    old = f"## [0.1.0] - 2026-12-01\n\n- {LONG}\n"
    assert found("CHANGELOG.md", new + old) == [(5, "sentence")]
    assert found("docs/CHANGES.md", new + old) == [(5, "sentence"), (9, "sentence")]


def test_words_are_counted_and_sentences_told_with_their_lines() -> None:
    (block,) = comments.Source("a.py", "# One `a. b` two. Three\n# four (five). Six!\n").blocks()
    assert list(sentences.sentences(block)) == [
        (1, "One `a. b` two.", 3),
        (1, "Three four (five).", 3),
        (2, "Six!", 1),
    ]


@pytest.mark.parametrize(
    "path", ["a.py", "a.pyx", "a.rs", "a.js", "a.css", "a.html", "a.toml", "a.sh", "a.md"]
)
@given(
    parts=st.lists(
        st.sampled_from("\"'`/*#\\{}$\n @a.:-|<>!")
        | st.sampled_from(
            [
                "//",
                "/*",
                "*/",
                '"""',
                'r#"',
                "<script>",
                "</script>",
                "<!--",
                "${",
                "```",
                "def tell():",
            ]
        )
    )
)
def test_no_text_makes_it_fail(path: str, parts: list[str]) -> None:
    prose.check(path, "".join(parts))


@in_git
@pytest.mark.needs("git")
class TestTree:
    def test_it_reads_every_file_and_is_clean_itself(self) -> None:
        files = prose.tracked(ROOT, [])
        assert len(files) > 300
        findings = [found for path in files for found in prose.check_file(ROOT, path)]
        own = ("scripts/lint/", "tests/unit/scripts/test_prose.py")
        assert [found for found in findings if found.path.startswith(own)] == []

    def test_comments_of_python_are_those_of_its_tokenizer(self) -> None:
        for path in prose.tracked(ROOT, ["python", "tests/unit", "scripts"]):
            if not path.endswith(".py"):
                continue
            text = (ROOT / path).read_text()
            tokens = tokenize.generate_tokens(io.StringIO(text).readline)
            expected = [
                (*each.start, each.string) for each in tokens if each.type == tokenize.COMMENT
            ]
            found = comments.comment_tokens(text, "python")
            assert [(each.line, each.column, each.text) for each in found] == expected, path

    def test_what_is_allowed_is_still_there(self) -> None:
        tree = {path: (ROOT / path).read_text() for path in prose.tracked(ROOT, ["python"])}
        assert any("him/herself" in text for text in tree.values())


@pytest.mark.needs("git")
class TestCommand:
    @pytest.fixture
    def tree(self, tmp_path: Path) -> Path:
        subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
        (tmp_path / ".gitignore").write_text("/build/\n")
        for name in ("src", "build"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "bad.py").write_text("# It fails.\n\n\ndef tell() -> None: ...\n")
        (tmp_path / "good.py").write_text("# A comment.\n")
        (tmp_path / "picture.png").write_bytes(b"\x89PNG\0his")
        return tmp_path

    def run(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(LINT / "prose.py"), *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    def test_it_lists_what_it_finds(self, tree: Path) -> None:
        done = self.run(tree)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines() == [
            "src/bad.py:1: opening: It fails.",
            "src/bad.py:4: verb: tell",
            "opening 1, sentence 0, pronoun 0, verb 1",
        ]

    def test_paths_are_those_of_the_current_folder(self, tree: Path) -> None:
        assert self.run(tree / "src", "bad.py").returncode == 1
        assert self.run(tree / "src", "../good.py").returncode == 0

    def test_it_counts_by_folder(self, tree: Path) -> None:
        done = self.run(tree, "--count")
        assert (done.returncode, done.stderr) == (1, "")
        rows = [line.split() for line in done.stdout.splitlines()]
        assert rows[0] == ["folder", *prose.RULES]
        assert rows[1:] == [["src", *"1001"], ["all", *"1001"]]

    def test_without_git_it_says_so(self, tmp_path: Path) -> None:
        done = self.run(tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith("prose: git does not list the files")

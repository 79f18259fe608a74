"""The compiled code under Python names; nothing else imports the binary.

One shared object holds two modules: the Rust core (``_core``) and the Cython link (``_link``).
Python finds the second in the first one's file.
"""

import importlib.machinery
import importlib.util
import sys

try:
    from fortepiano import _core
except ImportError as error:
    raise ImportError(
        "fortepiano's compiled part is missing: install the wheel, or build it with `make build` "
        f"({error})"
    ) from None


def _load_link() -> None:
    """Imports the Cython module out of the Rust module's file."""
    name = "fortepiano._link"
    loader = importlib.machinery.ExtensionFileLoader(name, _core.__file__)
    spec = importlib.util.spec_from_loader(name, loader, origin=_core.__file__)
    if spec is None:  # pragma: no cover - a loader is always given
        raise ImportError(f"no module {name} in {_core.__file__}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)


if "fortepiano._link" not in sys.modules:
    _load_link()

from fortepiano._core import (  # noqa: E402 - the link has to be loaded between the two
    SHARE_SECONDS,
    Bans,
    FrameReader,
    Hub,
    Networks,
    NetworkTable,
    ParsedNetworks,
    Quotas,
    Throttle,
    close_frame,
    flush_pointers,
    frame_bytes,
    pack_client,
    pack_clock,
    pack_quota,
    pack_throttle,
    profile,
    scan,
    unpack_client,
    unpack_clock,
    unpack_quota,
    unpack_throttle,
    version,
)
from fortepiano._link import Engine, Link  # noqa: E402 - as above

__all__ = [
    "SHARE_SECONDS",
    "Bans",
    "Engine",
    "FrameReader",
    "Hub",
    "Link",
    "NetworkTable",
    "Networks",
    "ParsedNetworks",
    "Quotas",
    "Throttle",
    "close_frame",
    "flush_pointers",
    "frame_bytes",
    "pack_client",
    "pack_clock",
    "pack_quota",
    "pack_throttle",
    "profile",
    "scan",
    "unpack_client",
    "unpack_clock",
    "unpack_quota",
    "unpack_throttle",
    "version",
]

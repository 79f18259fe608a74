"""The names of the compiled code; no other module imports the binary.

One shared object has two modules: the Rust core (`_core`) and the Cython link (`_link`). `_link` is
loaded from the file of `_core`.
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
    """Import the Cython module from the file of the Rust module."""
    name = "fortepiano._link"
    loader = importlib.machinery.ExtensionFileLoader(name, _core.__file__)
    spec = importlib.util.spec_from_loader(name, loader, origin=_core.__file__)
    if spec is None:  # pragma: no cover - never None where a loader is given
        raise ImportError(f"no module {name} in {_core.__file__}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)


if "fortepiano._link" not in sys.modules:
    _load_link()

from fortepiano._core import (  # noqa: E402 - after the loading of `_link`
    CLOSE_CODES,
    SHARE_SECONDS,
    Bans,
    Buckets,
    FrameReader,
    Hub,
    HubSettings,
    MessageRates,
    Networks,
    NetworkTable,
    ParsedNetworks,
    Quotas,
    Throttle,
    ThrottleSettings,
    close_frame,
    flush_pointers,
    frame_bytes,
    pack_client,
    pack_clock,
    pack_quota,
    pack_throttle,
    profile,
    scan,
    subscriber,
    unpack_client,
    unpack_clock,
    unpack_quota,
    unpack_throttle,
    version,
)
from fortepiano._link import BusLink, Engine, Link  # noqa: E402 - after the loading of `_link`

__all__ = [
    "CLOSE_CODES",
    "SHARE_SECONDS",
    "Bans",
    "Buckets",
    "BusLink",
    "Engine",
    "FrameReader",
    "Hub",
    "HubSettings",
    "Link",
    "MessageRates",
    "NetworkTable",
    "Networks",
    "ParsedNetworks",
    "Quotas",
    "Throttle",
    "ThrottleSettings",
    "close_frame",
    "flush_pointers",
    "frame_bytes",
    "pack_client",
    "pack_clock",
    "pack_quota",
    "pack_throttle",
    "profile",
    "scan",
    "subscriber",
    "unpack_client",
    "unpack_clock",
    "unpack_quota",
    "unpack_throttle",
    "version",
]

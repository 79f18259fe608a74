"""A Multiplayer Piano server: hundreds of people in a room play one piano together.

Python decides (who may connect, what a message means, who holds the crown), Rust holds plain data
and untrusted bytes, Cython joins the event loop to Rust. Where to begin reading:

- `fortepiano.cli`: the command line;
- `fortepiano.config`: every setting with its unit and default, and the two rule presets;
- `fortepiano.server.server`: the parts put together;
- `fortepiano.handlers`: one file per topic of the protocol.
"""

__all__ = ["__version__"]

__version__: str


def __getattr__(name: str) -> str:
    # Read when asked for: importlib.metadata takes longer to import than all the rest of this file.
    if name == "__version__":
        from importlib import metadata

        try:
            return metadata.version("fortepiano")
        except metadata.PackageNotFoundError:
            return "0+uninstalled"  # run from a source tree; the one place of the version is Cargo
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

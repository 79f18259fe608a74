"""A Multiplayer Piano server: hundreds of people in a room play one piano together.

Python decides who may connect, what a message means and who holds the crown. Rust holds plain data
and parses untrusted bytes. Cython connects the event loop with Rust. Good places to begin reading:

- `fortepiano.cli`: the command line;
- `fortepiano.config`: all settings with units and defaults, and the two presets of rules;
- `fortepiano.server.server`: the server, put together from its parts;
- `fortepiano.handlers`: the handlers of messages, one file per topic of the protocol;
- `fortepiano.actions`: what handlers, the admin API and the command line do to others.
"""

__all__ = ["__version__"]

__version__: str


def __getattr__(name: str) -> str:
    # Read only on demand: importlib.metadata takes longer to import than the rest of this file.
    if name == "__version__":
        from importlib import metadata

        try:
            found = metadata.version("fortepiano")
        except metadata.PackageNotFoundError:
            found = "0+uninstalled"  # run from a source tree; only Cargo.toml has the version
        globals()[name] = found  # another version may be installed while this one runs
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The descriptors 0 to 2, which other files must never get."""

import os

__all__ = ["fill_standard_streams"]

_LAST = 2


def fill_standard_streams() -> None:
    """Open /dev/null in place of each standard stream that the process was started without.

    Otherwise the next socket would get its number, and with it what is meant for stdout or stderr.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)

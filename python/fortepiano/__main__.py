"""Run the command line as `python -m fortepiano`."""

import os
import sys

# `-m` has put the working folder first, where a file could take the place of a library.
if not sys.flags.safe_path and sys.path[:1] == [os.getcwd()]:
    del sys.path[0]

from fortepiano.cli import main

if __name__ == "__main__":
    sys.exit(main())

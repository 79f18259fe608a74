"""Run the command line as `python -m fortepiano`."""

import sys

from fortepiano.cli import main

if __name__ == "__main__":
    sys.exit(main())

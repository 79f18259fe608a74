"""Data of other servers, as records of ours: one module for each of them.

A module has one function, a `Source`, and stands in `_sources` of `fortepiano.cli.import_data`.
"""

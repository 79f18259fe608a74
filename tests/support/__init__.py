"""Test harnesses: running servers, clients, raw connections, and models; see tests/README.md."""

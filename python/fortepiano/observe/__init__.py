"""Observing the server: logs, counters, events, the lag of the event loop, systemd."""

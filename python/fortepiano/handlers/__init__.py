"""Handlers of messages: one file per topic, no sockets, no event loop."""

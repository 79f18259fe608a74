"""What messages do: one file per topic, no sockets, no event loop."""

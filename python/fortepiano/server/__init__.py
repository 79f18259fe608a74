"""The server: builds, starts, reloads, drains and stops it."""

"""Builds a server, starts, reloads and stops it."""

"""Sockets and admission: who may connect, and how a connection becomes a link."""

"""Connections from TCP accept to link: proxies, HTTP, handshake and admission; network lists."""

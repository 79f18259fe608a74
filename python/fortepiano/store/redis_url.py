"""The URLs of Redis or Valkey in the settings `store.url` and `cluster.url`.

    redis://[user[:password]@]host[:port][/database]        rediss:// for TLS
    unix://[user[:password]@]/path/of/socket[?db=0]
    redis+sentinel://[…@]host[:port][,host[:port]…]/service[/database]        rediss+sentinel://
    redis+cluster://[…@]host[:port][,host[:port]…]        rediss+cluster://

Parameters behind a `?` are options of redis-py, for instance `?ssl_ca_certs=/etc/ca.pem`.
"""

import re
from collections.abc import Awaitable
from typing import Any, NamedTuple, Protocol, cast
from urllib.parse import urlsplit, urlunsplit

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

__all__ = ["Client", "Endpoint", "client_for", "endpoint_for", "without_secrets"]

SILENCE_SECONDS = 1.5
"""How long a connection may stay silent before it fails."""

_SENTINEL_PORT = 26_379
_PORT = 6379
_LOGIN = {"username", "password", "db"}
_PATIENCE = ("socket_", "retry")


class Client(Protocol):
    """The common interface of redis-py's clients."""

    def execute_command(self, *command: str | bytes | int | float) -> Awaitable[Any]:
        """Send one command, and return the answer."""
        ...

    def aclose(self) -> Awaitable[None]:
        """Close all connections."""
        ...


class Endpoint(NamedTuple):
    """Where a Redis is, for a connection without redis-py.

    Attributes:
        path: The Unix socket; empty for TCP.
        host: The host; empty for a Unix socket.
        port: The port.
        tls: The `ssl.SSLContext`; None without TLS.
        user: The name of the user; empty for the default user.
        password: The password; empty for none.
    """

    path: str
    host: str
    port: int
    tls: Any
    user: str
    password: str


def client_for(url: str) -> Client:
    """Return a client for a URL, for use on one event loop; it connects at its first command.

    Raises:
        ValueError: The URL is wrong.
    """
    parts = urlsplit(url)
    scheme, _, kind = parts.scheme.partition("+")
    # The library must not retry: the writer does so itself, with growing pauses.
    options: dict[str, Any] = {
        "socket_timeout": SILENCE_SECONDS,
        "socket_connect_timeout": SILENCE_SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }
    if not kind:
        return cast("Client", cast("Any", Redis).from_url(url, **options))
    login, _, hosts = parts.netloc.rpartition("@")
    nodes = [
        _node(one, _SENTINEL_PORT if kind == "sentinel" else _PORT) for one in hosts.split(",")
    ]
    # Login, database and options mean the same in all schemes: the library's parser reads them.
    netloc = f"{login}@localhost" if login else "localhost"
    service, _, database = parts.path.strip("/").partition("/")
    read = cast(
        "dict[str, Any]",
        parse_url(urlunsplit((scheme, netloc, f"/{database}", parts.query, ""))),
    )
    options |= {key: value for key, value in read.items() if key in _LOGIN or key in parts.query}
    if scheme == "rediss":
        options["ssl"] = True
    if kind == "cluster":
        found = [ClusterNode(host, port) for host, port in nodes]
        return cast("Client", RedisCluster(startup_nodes=found, **options))
    if not service:
        raise ValueError("the name of the service is missing: redis+sentinel://host/service")
    # The next sentinel is asked at once, too.
    patience = {key: value for key, value in options.items() if key.startswith(_PATIENCE)}
    retry = options.pop("retry")
    sentinel = cast("Any", Sentinel)(nodes, sentinel_kwargs=patience, **options)
    return _Watched(sentinel, service, retry)


class _Watched:
    """A client of the Redis that sentinels name; it also closes the sentinels' connections."""

    def __init__(self, sentinel: Any, service: str, retry: Retry) -> None:
        self._sentinel = sentinel
        self._service = service
        self._client: Client = sentinel.master_for(service, retry=retry)
        self.execute_command = self._client.execute_command

    async def endpoint(self) -> Endpoint:
        """Ask the sentinels where Redis is."""
        host, port = await self._sentinel.discover_master(self._service)
        return _endpoint(self._client)._replace(host=host, port=int(port))

    async def aclose(self) -> None:
        for client in (self._client, *self._sentinel.sentinels):
            await client.aclose()


async def endpoint_for(url: str) -> Endpoint:
    """Return where the Redis of a URL is at the moment.

    Raises:
        ValueError: The URL is wrong, or is that of a cluster.
        RedisError: No sentinel knows a master.
    """
    client = client_for(url)
    try:
        return await client.endpoint() if isinstance(client, _Watched) else _endpoint(client)
    finally:
        await client.aclose()


def _endpoint(client: Any) -> Endpoint:
    if isinstance(client, RedisCluster):
        raise ValueError("a cluster is in several places")
    connection = client.connection_pool.make_connection()  # which has not connected yet
    tls = getattr(connection, "ssl_context", None)
    return Endpoint(
        getattr(connection, "path", ""),
        getattr(connection, "host", ""),
        int(getattr(connection, "port", 0)),
        tls and tls.get(),
        connection.username or "",
        connection.password or "",
    )


def _node(text: str, port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(f"a host is missing: {text!r}")
    return parts.hostname, parts.port or port


def without_secrets(url: str) -> str:
    """Return a URL without its login and options, for logs."""
    scheme, _, rest = url.partition("://")
    # By hand, because a password may hold the signs that divide a URL.
    return f"{scheme}://{re.split('[?#]', rest.rpartition('@')[2])[0]}"

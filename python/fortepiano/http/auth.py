"""Access to the internal port by bearer tokens of the staff (RFC 6750)."""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from fortepiano.http.problem import problem
from fortepiano.model.permissions import staff_scope
from fortepiano.model.tokens import digest, is_valid
from fortepiano.native import subscriber

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from fortepiano.native import Throttle
    from fortepiano.store.base import Store, TokenRecord

__all__ = ["Access", "Guard", "LockedError"]

_MOST_FAILURES = 5
_WINDOW_SECONDS = 60.0
_MOST_ADDRESSES = 10_000
"""The most addresses whose failures are remembered; the oldest are forgotten first."""


class LockedError(Exception):
    """Too many wrong tokens came from an address.

    Attributes:
        seconds: How long until tokens from the address are checked again.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Access:
    """Checks tokens of the staff, and limits wrong ones.

    Args:
        store: The store with the tokens.
        now: Returns the current time; milliseconds since 1970.
        clock: Returns monotonic seconds.
        throttle: Counts wrong tokens of addresses on all ways in, WebSockets included; None for
            this way alone.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        throttle: Throttle | None = None,
    ) -> None:
        self._store = store
        self._now = now
        self._clock = clock
        self._throttle = throttle
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def holder(self, address: str, token: str) -> TokenRecord | None:
        """Return the record of a token; None if it is no valid token of the staff.

        Args:
            address: The IP address of the caller.
            token: The text that the caller gave.

        Raises:
            LockedError: Too many wrong tokens came from the address within a minute. Even a right
                token is not checked then: otherwise guessing could go on.
        """
        self._check_lock(address)
        record = self._matching(token)
        if record is None:
            self._count_failure(address)
        return record

    def _check_lock(self, address: str) -> None:
        now, failures = self._clock(), self._failures.get(subscriber(address), deque())
        while failures and now - failures[0] >= _WINDOW_SECONDS:
            failures.popleft()
        if len(failures) >= _MOST_FAILURES:
            raise LockedError(int(_WINDOW_SECONDS - (now - failures[0])) + 1)
        if self._throttle is not None and not self._throttle.may_fail(address):
            raise LockedError(int(_WINDOW_SECONDS))

    def _count_failure(self, address: str) -> None:
        if self._throttle is not None:
            self._throttle.count_failure(address)
        key = subscriber(address)
        self._failures.setdefault(key, deque()).append(self._clock())
        self._failures.move_to_end(key)
        if len(self._failures) > _MOST_ADDRESSES:
            self._failures.popitem(last=False)

    def _matching(self, token: str) -> TokenRecord | None:
        """Compare all tokens, each in constant time, so that timing reveals nothing."""
        wanted, found = digest(token), None
        for record in self._store.tokens():
            if hmac.compare_digest(record.digest, wanted):
                found = record
        if found is None or staff_scope(found) is None or not is_valid(found, self._now()):
            return None
        return found


class Guard:
    """Middleware that lets only members of the staff through to an application.

    The application finds the record of the caller's token in `scope["state"]["token"]`.

    Args:
        app: The application.
        access: Checks the tokens.
        address_of: Returns the address of a client, behind trusted proxies too, from the address at
            the other end and the headers.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        address_of: Callable[[str, Iterable[tuple[str, str]]], str],
    ) -> None:
        self._app = app
        self._access = access
        self._address_of = address_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        given = [value for name, value in headers if name == b"authorization"]
        scheme, _, token = (given[0] if len(given) == 1 else b"").decode("latin-1").partition(" ")
        answer: ASGIApp = self._app
        if scheme.lower() != "bearer" or not token.strip():
            answer = problem(
                401,
                "A bearer token of the staff is needed; make one with `fortepiano token create`.",
                headers={"WWW-Authenticate": 'Bearer realm="fortepiano"'},
            )
        else:
            try:
                record = self._access.holder(self._address(scope), token.strip())
            except LockedError as locked:
                answer = problem(
                    429,
                    f"Too many wrong tokens; the next one is looked at in {locked.seconds} s.",
                    headers={"Retry-After": str(locked.seconds)},
                )
            else:
                scope.setdefault("state", {})["token"] = record
                if record is None:
                    answer = problem(
                        401,
                        "This token is not valid, or not any more.",
                        headers={
                            "WWW-Authenticate": 'Bearer realm="fortepiano", error="invalid_token"'
                        },
                    )
        await answer(scope, receive, send)

    def _address(self, scope: Scope) -> str:
        peer: str = (scope["client"] or ("",))[0]
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        return self._address_of(
            peer, [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        )

"""User ids of connections: made from the address, or read from a token."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import jwt

from fortepiano.model.addresses import NETWORK_BITS, network_around, parsed_address
from fortepiano.model.user_ids import is_user_id, new_user_id
from fortepiano.store.records import USER_ID_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fortepiano.config import IdentityMode
    from fortepiano.store.records import SigningKey

__all__ = [
    "OFFERED_BITS",
    "Bearer",
    "Identity",
]

OFFERED_BITS = {
    64: {4: 32, 6: 64},
    56: {4: 24, 6: 56},
    48: {4: 24, 6: 48},
    24: {4: 24, 6: 56},
}
"""The networks that staff can choose to ban with a user: prefix lengths, each by IP version.

One choice covers both versions, because staff do not learn which version a user has.
"""

_ALGORITHM = "HS256"
"""The only accepted algorithm: `none`, and keys inside tokens, never count (RFC 8725)."""

# The library's annotations use types of a package that this algorithm does not need.
_encode = cast("Callable[..., str]", jwt.encode)  # pyright: ignore[reportUnknownMemberType]
_decode = cast("Callable[..., dict[str, Any]]", jwt.decode)  # pyright: ignore[reportUnknownMemberType]

_LONGEST_TOKEN = 1024
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Bearer:
    """The user that a valid token stands for.

    Attributes:
        user_id: The user.
        issued: When the token was made; milliseconds since 1970.
        is_fresh: Whether the client can keep the token; else it needs a new one.
        expires: When the token ends; milliseconds since 1970.
    """

    user_id: str
    issued: int
    is_fresh: bool
    expires: int


class Identity:
    """Makes user ids; the same address gives the same id as long as the salts stay the same.

    The address itself is never stored or shown. Without the salts nobody can find it by hashing all
    possible addresses.

    Args:
        mode: "ip": a user for each address. "random": a user for each connection, to try several
            from one machine. "token": a user for each token; without a token as with "ip".
        salt1: Hashed before the address.
        salt2: Hashed after the address.
        subscriber: Returns the subscriber of an address, in one spelling (`native.subscriber`).
        keys: Returns the keys that sign tokens, the newest last; called each time, because the
            keys change.
        token_days: How long a token is valid.
    """

    def __init__(
        self,
        mode: IdentityMode,
        salt1: str,
        salt2: str,
        subscriber: Callable[[str], str],
        *,
        keys: Callable[[], Sequence[SigningKey]] = tuple,
        token_days: int = 365,
    ) -> None:
        self.mode = mode
        self._salt1 = salt1
        self._salt2 = salt2
        self.subscriber = subscriber
        self._keys = keys
        self._lifetime = token_days * _DAY_SECONDS

    def user_id(self, address: str) -> str:
        """Return the id of the user at an address.

        Args:
            address: An IP address as text. Any other text, such as the name of a Unix socket, is
                hashed unchanged.

        Returns:
            24 lower-case hex digits: the first half of SHA-256(salt1 + address + salt2).
        """
        if self.mode == "random":
            return new_user_id()
        return self._hashed(self.subscriber(address))

    def network_id(self, address: str, bits: int) -> str:
        """Return the id of the network around an address, which does not show the address.

        Args:
            address: An IP address, as text.
            bits: The prefix length of the network; one of `NETWORK_BITS`.

        Returns:
            24 hex digits and the prefix length, such as `5f0c3d1e9a7b2c4d6e8f0a1b/56`.

        Raises:
            ValueError: The text is no IP address.
        """
        return f"{self._hashed(network_around(address, bits))}/{bits}"

    def network_ids(self, address: str) -> tuple[str, ...]:
        """Return the ids of all networks around an address; none if the text is no IP address."""
        try:
            version = parsed_address(address).version
        except ValueError:
            return ()
        return tuple(self.network_id(address, bits) for bits in NETWORK_BITS[version])

    def _hashed(self, text: str) -> str:
        salted = f"{self._salt1}{text}{self._salt2}"
        return hashlib.sha256(salted.encode()).hexdigest()[:USER_ID_LENGTH]

    def sign(self, user_id: str, now: int) -> str:
        """Return a signed token for a user, as `bearer` describes it.

        Args:
            user_id: The user.
            now: Milliseconds since 1970.
        """
        key = self._keys()[-1]
        issued = now // 1000
        claims = {"sub": user_id, "iat": issued, "exp": issued + self._lifetime}
        return _encode(claims, key.secret, _ALGORITHM, headers={"kid": key.id})

    def bearer(self, user_id: str, now: int) -> Bearer:
        """Return what a token that is signed now stands for."""
        issued = now // 1000
        return Bearer(user_id, issued * 1000, True, (issued + self._lifetime) * 1000)

    def read(self, token: str, now: int) -> Bearer | None:
        """Return the user of a token; None if this server did not sign it, or it has expired.

        Args:
            token: The text that a client sent.
            now: Milliseconds since 1970.
        """
        claims = self._claims(token)
        if claims is None:
            return None
        key, user_id, issued, expires = claims
        if now >= expires * 1000 or now < issued * 1000:
            return None
        is_young = now < (issued + self._lifetime / 2) * 1000
        is_newest = key.id == self._keys()[-1].id
        return Bearer(user_id, issued * 1000, is_young and is_newest, expires * 1000)

    def _claims(self, token: str) -> tuple[SigningKey, str, int, int] | None:
        """Return key, user id, time of issue and expiry of a token that one of our keys signed."""
        if len(token) > _LONGEST_TOKEN:
            return None
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            key = next((key for key in self._keys() if key.id == key_id), None)
            if key is None:
                return None
            # `read` checks the times by the server's own clock, which does not jump.
            claims = _decode(
                token,
                key.secret,
                algorithms=[_ALGORITHM],
                options={
                    "require": ["sub", "iat", "exp"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (jwt.PyJWTError, ValueError):
            return None
        user_id, issued, expires = claims["sub"], claims["iat"], claims["exp"]
        if type(issued) is not int or type(expires) is not int:
            return None
        return (key, user_id, issued, expires) if is_user_id(user_id) else None

"""A model of the frame reader: RFC 6455 read from front to back, one frame at a time."""

from __future__ import annotations

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NAMES = {TEXT: "text", BINARY: "binary", PING: "ping", PONG: "pong"}

PROTOCOL_ERROR = 1002
NO_STATUS = 1005
INVALID_TEXT = 1007
TOO_BIG = 1009

Event = tuple[str, bytes] | tuple[str, int] | tuple[str, int, bytes]


class IncompleteError(Exception):
    """The bytes end before the frame does."""


class ViolationError(Exception):
    """The connection must be closed with a code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Message:
    """A fragmented message."""

    def __init__(self, opcode: int) -> None:
        self.opcode = opcode
        self.fragments = 0
        self.payload = b""

    def add(self, payload: bytes, *, is_last: bool) -> None:
        """Add a fragment."""
        self.check(payload, is_last=is_last)
        self.fragments += 1
        self.payload += payload

    def check(self, more: bytes, *, is_last: bool) -> None:
        """Check text as far as it has come (RFC 6455, section 8.1)."""
        if self.opcode == TEXT:
            try:
                (self.payload + more).decode()
            except UnicodeDecodeError as error:
                if is_last or error.reason != "unexpected end of data":
                    raise ViolationError(INVALID_TEXT) from None


class FrameReader:
    """Parses the frames of a client."""

    def __init__(self, message_bytes: int, fragments: int) -> None:
        self.message_bytes = message_bytes
        self.fragments = fragments
        self.bytes = b""
        self.message: Message | None = None
        self.is_over = False

    def feed(self, data: bytes) -> list[Event]:
        """Add bytes and return the events that they complete."""
        self.bytes += data
        events: list[Event] = []
        while not self.is_over:
            try:
                event = self.frame()
            except IncompleteError:
                break
            except ViolationError as violation:
                self.is_over = True
                event = ("violation", violation.code)
            if event is not None:
                events.append(event)
        return events

    def take(self, at: int, count: int) -> bytes:
        """Return bytes of the next frame.

        Raises:
            IncompleteError: They have not come yet.
        """
        if len(self.bytes) < at + count:
            raise IncompleteError
        return self.bytes[at : at + count]

    def frame(self) -> Event | None:
        """Read the next frame (section 5.2); None for a fragment that completes nothing."""
        first, second = self.take(0, 2)
        fin, reserved, opcode = first >> 7, first & 0x70, first & 0x0F
        is_masked, length, at = second >> 7, second & 0x7F, 2
        if reserved or not is_masked:
            raise ViolationError(PROTOCOL_ERROR)
        # The RFC demands the shortest form of a length from senders; readers need not check it.
        if length >= 126:
            size = 2 if length == 126 else 8
            length = int.from_bytes(self.take(2, size))
            at += size
        self.check(opcode, bool(fin), length)
        mask = self.take(at, 4)
        masked = self.bytes[at + 4 : at + 4 + length]
        payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked))
        if len(payload) < length:
            if opcode < CLOSE:
                (self.message or Message(opcode)).check(payload, is_last=False)
            raise IncompleteError
        self.bytes = self.bytes[at + 4 + length :]
        if opcode == CLOSE:
            return close(payload)
        if opcode in (PING, PONG):
            return (NAMES[opcode], payload)
        return self.part(opcode, payload, is_last=bool(fin))

    def check(self, opcode: int, fin: bool, length: int) -> None:
        """Refuse a frame by its header alone."""
        match opcode:
            case 0x0:
                is_legal = self.message is not None
            case 0x1 | 0x2:
                is_legal = self.message is None
            case 0x8 | 0x9 | 0xA:
                is_legal = fin and length <= 125
            case _:
                is_legal = False
        if not is_legal or length >= 2**63:
            raise ViolationError(PROTOCOL_ERROR)
        if opcode < CLOSE:
            message = self.message or Message(opcode)
            if len(message.payload) + length > self.message_bytes:
                raise ViolationError(TOO_BIG)
            if message.fragments + 1 > self.fragments:
                raise ViolationError(TOO_BIG)

    def part(self, opcode: int, payload: bytes, *, is_last: bool) -> Event | None:
        """Add a data frame to its message and return the message if that completes it."""
        message = self.message or Message(opcode)
        message.add(payload, is_last=is_last)
        self.message = None if is_last else message
        return (NAMES[message.opcode], message.payload) if is_last else None


def close(payload: bytes) -> Event:
    """Read a close frame (sections 5.5.1 and 7.4)."""
    if not payload:
        return ("close", NO_STATUS, b"")
    code, reason = int.from_bytes(payload[:2]), payload[2:]
    # 1004 to 1006 and 1015 must not be on the wire; from 1016 on codes are undefined.
    is_known = 1000 <= code <= 1014 and code not in (1004, 1005, 1006)
    if len(payload) < 2 or not (is_known or 3000 <= code <= 4999):
        raise ViolationError(PROTOCOL_ERROR)
    try:
        reason.decode()
    except UnicodeDecodeError:
        raise ViolationError(INVALID_TEXT) from None
    return ("close", code, reason)

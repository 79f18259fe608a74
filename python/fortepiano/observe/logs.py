"""The log of the process on stdout: one line for each event.

Events are written as JSON, or as columns if stdout is a terminal. Control characters in texts of
clients are escaped, so that no name or message can begin a new line or control the terminal. The
loggers of the standard library (uvicorn, asyncio) are written in the same way.

No client fills the log: of each event, some are written at once, and then one a second. No reader
of the log stops the server: lines that nobody reads are dropped (`observe/line_writer.py`).
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from fortepiano.observe.journal import is_journal, marked
from fortepiano.observe.line_writer import LineWriter

_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]  # makes `import rich` fail
try:
    # structlog imports rich if it can, for tracebacks, but here they are drawn without it. Without
    # rich an idle server takes 5 MB less memory, and its start a tenth of a second less.
    import structlog
    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger
finally:
    del sys.modules["rich"]
    if _rich is not None:
        sys.modules["rich"] = _rich

__all__ = [
    "RepeatFilter",
    "Severities",
    "configure",
    "dropped_lines",
    "flush",
    "log_uncaught",
    "logger",
    "name_process",
]

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

Severities: TypeAlias = Literal["auto", "always", "never"]
"""Whether a line begins with its severity; `auto`: where it goes to systemd's journal."""

_STDOUT = 1
"""The descriptor itself: the object `sys.stdout` has a lock that a blocked writer would hold."""

_EXIT_SECONDS = 1.0
"""How long the end of the process waits until all lines are written."""

_TRACEBACK_MARGIN = "  | "
"""The prefix of every line of a traceback at a terminal, so that no line looks like an event."""

_AT_ONCE = 20
"""How many lines of one event are written at once, before one a second."""

_TRACEBACK = 4
"""How many lines a traceback counts for; it is some twenty times as long."""

_OPERATOR = ("fortepiano.processes.", "fortepiano.server.", "fortepiano.upgrade.")
"""The loggers of what only the operator causes, such as reloads."""

_MOST_EVENTS = 1024
"""The events that are told apart; beyond them, all others are one."""


class RepeatFilter(logging.Filter):
    """Lets twenty lines of each event through at once, and then one a second.

    What only the operator causes is always written. Events are told apart by logger and text,
    without the values in them. The next line that is written has the number of those that were not,
    as `suppressed`.

    Args:
        clock: Returns the time; seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        # When the allowance of an event is full again, and how many lines were suppressed.
        self._events: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is written."""
        if record.name.startswith(_OPERATOR):
            return True
        event: object = record.msg
        if isinstance(event, dict):
            event = cast("EventDict", event).get("event", "")
        key = record.name, str(event)
        if key not in self._events and len(self._events) >= _MOST_EVENTS:
            self._forget()
            key = key if len(self._events) < _MOST_EVENTS else ("", "")
        now = self._clock()
        full, suppressed = self._events.get(key, (0.0, 0))
        full = max(full, now)
        after = full + (_TRACEBACK if _has_traceback(record) else 1)
        if after > now + _AT_ONCE:
            self._events[key] = full, suppressed + 1
            return False
        self._events[key] = after, 0
        record.suppressed = suppressed
        return True

    def _forget(self) -> None:
        """Forget the events that were not written lately."""
        now = self._clock()
        self._events = {key: it for key, it in self._events.items() if it[0] > now or it[1]}


def _has_traceback(record: logging.LogRecord) -> bool:
    event: object = record.msg
    if isinstance(event, dict) and cast("EventDict", event).get("exc_info"):
        return True
    return bool(record.exc_info)


class _LineHandler(logging.Handler):
    """Formats records, and has a `LineWriter` write them to stdout."""

    def __init__(self) -> None:
        super().__init__()
        self.writer = LineWriter(_STDOUT, self._notice)
        self.has_marks = False

    def emit(self, record: logging.LogRecord) -> None:
        """Have a record written soon."""
        self.writer.put(self._line(record))

    def flush(self) -> None:
        """Wait for all lines so far, but not for a reader that does not read."""
        self.writer.flush(_EXIT_SECONDS)

    def _line(self, record: logging.LogRecord) -> bytes:
        try:
            text = self.format(record)
        except Exception:  # a wrong call, or a value that has no text
            text = self.format(_unformattable(record))
        if self.has_marks:
            text = marked(text, record.levelno)
        return f"{text}\n".encode("utf-8", "backslashreplace")

    def _notice(self, lines: int, reason: str) -> bytes:
        event = f"{lines} lines were dropped: {reason}"
        return self._line(logging.LogRecord(__name__, logging.WARNING, "", 0, event, None, None))


def _unformattable(record: logging.LogRecord) -> logging.LogRecord:
    """Return a record that says where one was made that cannot be formatted."""
    event = f"unformattable line of {record.pathname}:{record.lineno}"
    return logging.LogRecord(record.name, record.levelno, "", 0, event, None, sys.exc_info())


# One handler and one filter for the whole process: a reload drops and forgets nothing.
_handler = _LineHandler()
_handler.addFilter(RepeatFilter())
os.register_at_fork(after_in_child=_handler.writer.reset)


_process = 0
"""The number of this process among several; 0 where it is the only one."""


def name_process(number: int) -> None:
    """Let each line of the log have the number of this process, one of several.

    Args:
        number: The number, from 1.
    """
    global _process
    _process = number


def dropped_lines() -> int:
    """Return how many lines of the log were dropped since the start."""
    return _handler.writer.dropped


def flush() -> None:
    """Wait for all lines so far, but not for a reader that does not read."""
    _handler.flush()


def configure(level: str, severities: Severities = "auto", *, json: bool | None = None) -> None:
    """Set up logging for the whole process; may be called again.

    Args:
        level: The least severe level that is written: "debug", "info", "warning", "error".
        severities: Whether a line begins with its severity, as systemd's journal reads it.
        json: JSON if true, columns if false; None for columns if stdout is a terminal.
    """
    is_terminal = os.isatty(_STDOUT)
    if json is None:
        json = not is_terminal
    number = logging.getLevelNamesMapping()[level.upper()]
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        _add_process,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*common, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    _handler.has_marks = severities == "always" or (severities == "auto" and is_journal(_STDOUT))
    _handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=common,
            processors=[
                _add_suppressed,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *(_json() if json else _columns(has_colors=is_terminal)),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [_handler]
    root.setLevel(number)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
        inherited = logging.getLogger(name)
        inherited.handlers = []
        inherited.propagate = True
        inherited.setLevel(logging.NOTSET)
    # uvicorn warns about mistakes of clients, which get an answer instead.
    logging.getLogger("uvicorn.error").setLevel(max(number, logging.ERROR))
    logging.captureWarnings(True)


def logger(name: str) -> FilteringBoundLogger:
    """Return the logger of a module.

    Args:
        name: The module's `__name__`.
    """
    return cast("FilteringBoundLogger", structlog.get_logger(name))


def log_uncaught() -> None:
    """Log what nobody catches, instead of writing it to stderr, whose reader may be stopped too.

    These are exceptions that end the process or a thread, and those of destructors.
    """
    sys.excepthook = _log_crash
    threading.excepthook = _log_end_of_thread
    sys.unraisablehook = _log_unraisable


def _log_crash(
    kind: type[BaseException], error: BaseException, traceback: "TracebackType | None"
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
    else:
        logger(__name__).critical("crashed", exc_info=(kind, error, traceback))


def _log_end_of_thread(end: threading.ExceptHookArgs) -> None:
    name = end.thread.name if end.thread is not None else None
    logger(__name__).error("a thread has failed", thread=name, exc_info=end.exc_value)


def _log_unraisable(failure: "sys.UnraisableHookArgs") -> None:
    where = failure.err_msg or "exception ignored"
    logger(__name__).error(where, source=repr(failure.object), exc_info=failure.exc_value)


def _add_suppressed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add how many lines of the same event were not written before."""
    suppressed = getattr(event.get("_record"), "suppressed", 0)
    if suppressed:
        event["suppressed"] = suppressed
    return event


def _add_process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the number of this process, where it is one of several."""
    if _process:
        event["process"] = _process
    return event


def _json() -> "Sequence[Processor]":
    # json.dumps escapes everything outside of ASCII, including the line separators of Unicode.
    return [structlog.processors.JSONRenderer(default=repr)]


def _columns(*, has_colors: bool) -> "Sequence[Processor]":
    return [
        _escape,
        structlog.dev.ConsoleRenderer(
            colors=has_colors, exception_formatter=structlog.dev.plain_traceback
        ),
    ]


def _escape(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape characters that would begin a new line or control the terminal."""
    escaped: EventDict = {}
    for key, value in event.items():
        text = value if isinstance(value, str) else repr(value)
        if key == "exception":
            lines = text.splitlines()
            escaped[key] = "\n".join(_TRACEBACK_MARGIN + _printable(line) for line in lines)
        else:
            escaped[_printable(key)] = _printable(text)
    return escaped


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)

"""Questions of an operator to other nodes, which each of them answers for itself.

A node that is gone or hangs must not keep the others' answers back: whoever does not answer within
a second is missing. A node whose answer takes longer says so meanwhile.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from fortepiano.cluster.messages import Ask, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fortepiano.cluster.mail import Mail

__all__ = ["Answers", "Asking"]

_DEADLINE_SECONDS = 1.0
"""The time within which a node answers, or says that its answer takes longer."""

_NOTICE_SECONDS = 0.3
"""The time after which a node says that its answer takes longer."""

_LONGEST_SECONDS = 20.0
"""The time within which every answer comes: a slow disk, or the first import of the admin API."""


class Answers(NamedTuple):
    """The answers to a question.

    Attributes:
        by_node: The answers, by the names of the nodes.
        missing_nodes: The names of the nodes that have not answered.
    """

    by_node: dict[str, bytes]
    missing_nodes: list[str]


@dataclass(slots=True)
class _Question:
    """A question to which not all answers have come.

    Attributes:
        call: Called with the answers, once.
        waiting: The names of the nodes that have not answered, by their numbers.
        under_way: Those of them whose answers take longer.
        answers: The answers so far.
    """

    call: Callable[[Answers], object]
    waiting: dict[int, str]
    under_way: set[int] = field(default_factory=set[int])
    answers: Answers = field(default_factory=lambda: Answers({}, []))


class Asking:
    """Asks other nodes, and answers them.

    Args:
        mail: Posts messages to other nodes.
        later: Calls a function after a number of seconds.

    Attributes:
        answer: Answers a question of another node, by a call of the function that it is given; this
            node has nothing to say until the server sets it.
    """

    def __init__(self, mail: Mail, later: Callable[[float, Callable[[], None]], object]) -> None:
        self._mail = mail
        self._later = later
        self._numbers = itertools.count(1)
        self._questions: dict[int, _Question] = {}
        self.answer: Callable[[bytes, Callable[[bytes], None]], object] = lambda _asked, _call: None

    def ask(
        self, nodes: Mapping[int, str], question: bytes, call: Callable[[Answers], object]
    ) -> None:
        """Ask some nodes.

        Args:
            nodes: The names of the nodes, by their numbers.
            question: The question.
            call: Called once, with all answers that have come in time.
        """
        number = next(self._numbers)
        asked = self._questions[number] = _Question(call, dict(nodes))
        for nid in nodes:
            self._mail.post(nid, Ask(number, question))
        self._end(number, asked)
        for seconds in (_DEADLINE_SECONDS, _LONGEST_SECONDS):
            is_last = seconds == _LONGEST_SECONDS
            if number in self._questions:
                self._later(seconds, partial(self._give_up, number, is_last=is_last))

    def next_number(self, least: int = 0) -> int:
        """Return the number of the next question, which is not below another number."""
        number = max(next(self._numbers), least)
        self._numbers = itertools.count(number)
        return number

    def _give_up(self, number: int, *, is_last: bool) -> None:
        asked = self._questions.get(number)
        if asked is not None:
            for nid in list(asked.waiting):
                if is_last or nid not in asked.under_way:
                    asked.answers.missing_nodes.append(asked.waiting.pop(nid))
            self._end(number, asked)

    def _end(self, number: int, asked: _Question) -> None:
        """End a question to which no more answers come."""
        if not asked.waiting:
            self._questions.pop(number, None)
            asked.call(asked.answers)

    # Answers and questions of other nodes

    def on_told(self, nid: int, message: Told) -> None:
        """Note the answer of a node."""
        asked = self._questions.get(message.number)
        if asked is None or nid not in asked.waiting:
            return
        if message.is_under_way:
            asked.under_way.add(nid)
        else:
            asked.answers.by_node[asked.waiting.pop(nid)] = message.answer
            self._end(message.number, asked)

    def on_node_gone(self, nid: int) -> None:
        """Wait for no answers of a node that is gone."""
        for number, asked in list(self._questions.items()):
            if nid in asked.waiting:
                asked.answers.missing_nodes.append(asked.waiting.pop(nid))
                self._end(number, asked)

    def on_ask(self, nid: int, message: Ask) -> None:
        """Answer the question of a node; say meanwhile if the answer takes longer."""
        is_answered = False

        def answer(text: bytes) -> None:
            nonlocal is_answered
            is_answered = True
            self._mail.post(nid, Told(message.number, text))

        def notice() -> None:
            if not is_answered:
                self._mail.post(nid, Told(message.number, is_under_way=True))

        self.answer(message.question, answer)
        if not is_answered:
            self._later(_NOTICE_SECONDS, notice)

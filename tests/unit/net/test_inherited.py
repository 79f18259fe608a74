"""Sockets from systemd: by name, by order where that is clear, or refused."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from fortepiano.config import Settings
from fortepiano.errors import StartError
from fortepiano.net import inherited as module
from fortepiano.net.inherited import inherited, sorted_by_name

SETTINGS = Settings(port=8080, internal_port=9180)

Listen = Callable[..., socket.socket]


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Listen]:
    """Make a listening socket: of an address, or of the name of a Unix socket."""
    with ExitStack() as stack:

        def make(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
            if "." in host or ":" in host:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                made = socket.create_server((host, port), family=family)
            else:
                made = socket.socket(socket.AF_UNIX)
                made.bind(str(tmp_path / host))
                made.listen()
            return stack.enter_context(made)

        yield make


def refusal(sockets: Sequence[socket.socket], *names: str, settings: Settings = SETTINGS) -> str:
    """Return why sockets are refused, which must be one line."""
    with pytest.raises(StartError) as caught:
        sorted_by_name(sockets, names, settings)
    (line,) = str(caught.value).splitlines()
    assert line.startswith("sockets from systemd: ")
    return line


class TestNames:
    def test_any_order_and_several_public_ones(self, listen: Listen) -> None:
        internal, one, two = listen(), listen(), listen("::1")
        found = sorted_by_name([internal, one, two], ["internal", "public", "public"], SETTINGS)
        assert found == ((one, two), internal)

    @pytest.mark.parametrize("name", ["public", "internal"])
    def test_one_kind_alone(self, listen: Listen, name: str) -> None:
        only = listen()
        found = sorted_by_name([only], [name], SETTINGS)
        assert found == (((only,), None) if name == "public" else ((), only))

    @pytest.mark.parametrize(
        "names",
        [
            ("public", "admin"),
            ("public", "unknown"),
            ("public", "fortepiano.socket"),
            ("Public", "internal"),
            ("connection", "stored"),
        ],
    )
    def test_unknown_names(self, listen: Listen, names: tuple[str, str]) -> None:
        assert "FileDescriptorName=" in refusal([listen(), listen()], *names)

    def test_internal_twice(self, listen: Listen) -> None:
        assert "internal" in refusal([listen(), listen(), listen()], "public", *["internal"] * 2)

    def test_one_socket_under_both_names(self, listen: Listen) -> None:
        one = listen()
        with one.dup() as other:
            assert "public and internal" in refusal([one, other], "public", "internal")


class TestOrder:
    @pytest.mark.parametrize("name", ["", "unknown", "fortepiano.socket"])
    def test_one_or_two_that_are_clear(self, listen: Listen, name: str) -> None:
        first, second, path = listen("0.0.0.0"), listen(), listen("s")
        assert sorted_by_name([first], [name], SETTINGS) == ((first,), None)
        assert sorted_by_name([first, second], [name] * 2, SETTINGS) == ((first,), second)
        assert sorted_by_name([first, path], [name] * 2, SETTINGS) == ((first,), path)

    @pytest.mark.parametrize("second", ["0.0.0.0", "::"])
    def test_the_second_is_reached_from_elsewhere(self, listen: Listen, second: str) -> None:
        assert "may be public" in refusal([listen(), listen(second)], "", "")

    def test_two_addresses_of_one_port(self, listen: Listen) -> None:
        first = listen()
        second = listen("::1", first.getsockname()[1])
        assert "FileDescriptorName=" in refusal([first, second], "", "")

    def test_in_the_wrong_order(self, listen: Listen) -> None:
        one, two = listen(), listen()
        ours = one.getsockname()[1]
        assert "may be public" in refusal([one, two], "", "", settings=Settings(internal_port=ours))
        assert "may be public" in refusal([two, one], "", "", settings=Settings(port=ours))

    def test_of_two_units_whose_order_is_undefined(self, listen: Listen) -> None:
        assert "may be public" in refusal([listen(), listen()], "a.socket", "b.socket")

    def test_three(self, listen: Listen) -> None:
        assert "3 have no names" in refusal([listen(), listen(), listen()], "", "", "")

    def test_none(self) -> None:
        assert sorted_by_name([], [], SETTINGS) == ((), None)


class TestEnvironment:
    @pytest.fixture
    def given(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        """Set the variables, and the descriptor that comes first."""

        def give(listener: socket.socket | int, **variables: str) -> None:
            first = listener if isinstance(listener, int) else listener.fileno()
            monkeypatch.setattr(module, "_FIRST_DESCRIPTOR", first)
            for name, text in ({"LISTEN_PID": str(os.getpid())} | variables).items():
                monkeypatch.setenv(name, text)

        return give

    def test_a_socket_comes_and_the_variables_go(
        self, listen: Listen, given: Callable[..., None]
    ) -> None:
        listener = listen()
        passed = listener.detach()
        given(passed, LISTEN_FDS="1", LISTEN_FDNAMES="public")
        ((public,), internal) = inherited(SETTINGS)
        with public:
            assert public.fileno() == passed
            assert not public.get_inheritable()
        assert internal is None
        assert not [name for name in os.environ if name.startswith("LISTEN_")]

    def test_those_of_another_process_do_not_count(self, given: Callable[..., None]) -> None:
        given(3, LISTEN_PID="1", LISTEN_FDS="many")
        assert inherited(SETTINGS) == ((), None)

    @pytest.mark.parametrize("count", ["", "two", "-1", "1.0", " 1", "1000000", "²"])
    def test_no_number(self, given: Callable[..., None], count: str) -> None:
        given(3, LISTEN_FDS=count)
        with pytest.raises(StartError, match="LISTEN_FDS"):
            inherited(SETTINGS)

    def test_names_of_other_sockets(self, given: Callable[..., None]) -> None:
        given(3, LISTEN_FDS="1", LISTEN_FDNAMES="public:internal")
        with pytest.raises(StartError, match="2 names for 1 sockets"):
            inherited(SETTINGS)

    @pytest.mark.parametrize("kind", ["closed", "file", "datagram", "silent", "connected"])
    def test_no_listening_socket(
        self, listen: Listen, given: Callable[..., None], kind: str, tmp_path: Path
    ) -> None:
        with ExitStack() as stack:
            if kind == "closed":
                number = os.dup(0)
                os.close(number)
            elif kind == "file":
                number = stack.enter_context((tmp_path / "file").open("w")).fileno()
            elif kind == "connected":
                address = listen().getsockname()
                number = stack.enter_context(socket.create_connection(address)).detach()
            else:
                number = socket.socket(
                    type=socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM
                ).detach()
            given(number, LISTEN_FDS="1", LISTEN_FDNAMES="public")
            with pytest.raises(StartError, match=rf"descriptor {number} is no .*socket"):
                inherited(SETTINGS)

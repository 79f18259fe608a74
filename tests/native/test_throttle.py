"""The throttle, compiled and as a model."""

from __future__ import annotations

import ipaddress
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from fortepiano import native
from support.native_parts import make_test_throttle, throttle_settings
from support.reference import throttle as reference

MODULES = [native, reference]
HOUR = 3600
FOUR, MAPPED = "192.0.2.1", "::ffff:192.0.2.1"
ADMITTED, EXEMPT, CROWDED, HASTY = range(4)

Module = type(native)


@pytest.fixture(params=MODULES, ids=["native", "reference"])
def module(request: pytest.FixtureRequest) -> Module:
    return request.param


def made(module: Module, **settings: object) -> native.Throttle | reference.Throttle:
    if module is native:
        return make_test_throttle(standing_at=0, **settings)
    return reference.Throttle(throttle_settings(**settings), standing_at=0)


class TestSockets:
    def test_sixteen_from_one_address_at_once(self, module: Module) -> None:
        throttle = made(module)
        assert [throttle.connect(FOUR) for _ in range(17)] == [ADMITTED] * 16 + [CROWDED]
        assert throttle.connect("192.0.2.2") == ADMITTED
        throttle.release(FOUR)
        assert throttle.connect(MAPPED) == ADMITTED
        assert throttle.connect(FOUR) == CROWDED

    def test_rotating_within_a_64_changes_nothing(self, module: Module) -> None:
        throttle = made(module)
        answers = [throttle.connect(f"2001:db8:0:1:{n:x}::{n:x}") for n in range(1, 18)]
        assert answers == [ADMITTED] * 16 + [CROWDED]
        assert throttle.connect("2001:db8:0:2::1") == ADMITTED

    def test_rotating_the_64_within_a_48_ends_at_its_own_bound(self, module: Module) -> None:
        throttle = made(module)
        answers = [throttle.connect(f"2001:db8:0:{n:x}::1") for n in range(65)]
        assert answers == [ADMITTED] * 64 + [CROWDED]
        assert throttle.connect("2001:db8:1::1") == ADMITTED
        throttle.release("2001:db8:0:9::1")
        assert throttle.connect("2001:db8:0:fff::1") == ADMITTED

    def test_a_refused_connection_is_not_counted(self, module: Module) -> None:
        throttle = made(module, sockets_per_address=1)
        assert throttle.connect(FOUR) == ADMITTED
        for _ in range(50):
            assert throttle.connect(FOUR) == CROWDED
        throttle.release(FOUR)
        assert throttle.connect(FOUR) == ADMITTED


class TestConnections:
    def test_they_are_counted_from_accept_to_their_end(self, module: Module) -> None:
        throttle = made(module, connections_per_address=3)
        assert [throttle.accept(FOUR) for _ in range(4)] == [ADMITTED] * 3 + [CROWDED]
        assert throttle.accept("192.0.2.2") == ADMITTED
        assert throttle.connect(FOUR) == ADMITTED  # one of the three has become a socket
        throttle.hang_up(FOUR)
        assert throttle.accept(MAPPED) == CROWDED
        throttle.release(FOUR)
        assert throttle.accept(FOUR) == ADMITTED

    def test_a_48_has_a_bound_of_its_own(self, module: Module) -> None:
        throttle = made(module, connections_per_address=3)
        throttle.limit_connections(4)
        answers = [throttle.accept(f"2001:db8:0:{n:x}::1") for n in range(5)]
        assert answers == [ADMITTED] * 4 + [CROWDED]
        throttle.hang_up("2001:db8:0:2::9")
        assert throttle.accept("2001:db8:0:9::1") == ADMITTED

    def test_exempt_ones_can_be_limited_all_the_same(self, module: Module) -> None:
        throttle = made(
            module, connections_per_address=2, sockets_per_address=1, exempt=["127.0.0.0/8"]
        )
        here = "127.0.0.1"
        assert [throttle.accept(here) for _ in range(9)] == [EXEMPT] * 9
        answers = [throttle.accept(here, always=True) for _ in range(3)]
        assert answers == [ADMITTED] * 2 + [CROWDED]
        assert [throttle.connect(here, always=True) for _ in range(2)] == [ADMITTED, CROWDED]
        assert throttle.connect(here) == EXEMPT
        rooms = [throttle.open_room(here, always=True) for _ in range(11)]
        assert rooms == [True] * 10 + [False]
        users = [throttle.admit_new_user(here, always=True) for _ in range(4)]
        assert users == [True] * 3 + [False]
        throttle.hang_up(here)
        assert throttle.accept(here, always=True) == CROWDED
        throttle.release(here)
        assert throttle.accept(here, always=True) == ADMITTED

    @pytest.mark.parametrize("address", ["unix:/run/x.sock", "", "nonsense"])
    def test_without_an_address_nothing_is_counted(self, module: Module, address: str) -> None:
        throttle = made(module, connections_per_address=1)
        assert [throttle.accept(address, always=True) for _ in range(3)] == [EXEMPT] * 3
        throttle.hang_up(address)


class TestRates:
    def test_twenty_connects_then_five_a_second(self, module: Module) -> None:
        throttle = made(module, sockets_per_address=1000)
        assert [throttle.connect(FOUR) for _ in range(21)] == [ADMITTED] * 20 + [HASTY]
        throttle.advance_clock(1)
        assert [throttle.connect(FOUR) for _ in range(6)] == [ADMITTED] * 5 + [HASTY]
        throttle.advance_clock(0.2)
        assert throttle.connect(FOUR) == ADMITTED

    def test_ten_rooms_then_one_a_second(self, module: Module) -> None:
        throttle = made(module)
        assert [throttle.open_room(FOUR) for _ in range(11)] == [True] * 10 + [False]
        assert throttle.open_room("192.0.2.2")
        throttle.advance_clock(1)
        assert [throttle.open_room(FOUR) for _ in range(2)] == [True, False]

    def test_asking_costs_nothing(self, module: Module) -> None:
        throttle = made(module, failed_token_burst=1, failed_tokens_per_minute=60)
        assert all(throttle.may_fail(FOUR) for _ in range(5))
        assert throttle.count_failure(FOUR)
        assert not throttle.may_fail(FOUR)
        assert not throttle.count_failure(FOUR)
        throttle.advance_clock(1)
        assert throttle.may_fail(FOUR)

    def test_three_new_users_in_any_hour(self, module: Module) -> None:
        throttle = made(module)
        for _ in range(3):
            assert throttle.admit_new_user(FOUR)
            throttle.advance_clock(HOUR / 4)
        assert not throttle.admit_new_user(FOUR)
        assert throttle.admit_new_user("192.0.2.2")
        throttle.advance_clock(HOUR / 4)
        assert [throttle.admit_new_user(FOUR) for _ in range(2)] == [True, False]


class TestExemptions:
    def test_they_are_not_limited(self, module: Module) -> None:
        throttle = made(
            module, sockets_per_address=1, exempt=["127.0.0.0/8", "::1", "2001:db8::/32"]
        )
        for address in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "2001:db8:5::5"):
            assert [throttle.connect(address) for _ in range(3)] == [EXEMPT] * 3
            assert all(throttle.open_room(address) for _ in range(30))
            assert all(throttle.admit_new_user(address) for _ in range(30))
        assert throttle.connect("128.0.0.1") == ADMITTED
        assert throttle.connect("::2") == ADMITTED

    @pytest.mark.parametrize("address", ["unix:/run/x.sock", "", "nonsense", "1.2.3"])
    def test_without_an_address_nothing_is_limited(self, module: Module, address: str) -> None:
        throttle = made(module, sockets_per_address=1)
        assert [throttle.connect(address) for _ in range(3)] == [EXEMPT] * 3
        throttle.release(address)
        assert throttle.open_room(address)
        assert throttle.may_fail(address)

    def test_a_zone_is_not_part_of_an_address(self, module: Module) -> None:
        throttle = made(module, sockets_per_address=1)
        assert throttle.connect("fe80::1%eth0") == ADMITTED
        assert throttle.connect("fe80::1%eth1") == CROWDED


class TestNetworks:
    @pytest.mark.parametrize(
        ("network", "inside", "outside"),
        [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", "::ffff:192.0.2.7", "192.0.2.8"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "::1", "192.0.2.1"),
            ("0.0.0.0/0", "192.0.2.1", "2001:db8::1"),
            ("::1", "::1", "unix:/x"),
        ],
    )
    def test_they_hold_what_begins_alike(
        self, module: Module, network: str, inside: str, outside: str
    ) -> None:
        networks = module.Networks([network])
        assert networks.holds(inside)
        assert not networks.holds(outside)
        assert len(networks) == 1

    @pytest.mark.parametrize("wrong", ["", "x", "1.2.3.4/33", "1.2.3.4/+1", "::/129"])
    def test_what_is_none_is_refused(self, module: Module, wrong: str) -> None:
        with pytest.raises(ValueError, match=r"\S"):
            module.Networks([wrong])


addresses = st.ip_addresses().map(str) | st.sampled_from(
    ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]
)


@given(
    st.lists(st.ip_addresses().flatmap(lambda base: st.integers(0, base.max_prefixlen).map(
        lambda bits: str(ipaddress.ip_network((int(base), bits), strict=False)
                         if base.version == 6 else f"{base}/{bits}")))),
    st.lists(addresses, max_size=5),
)  # fmt: skip
def test_both_agree_on_networks(networks: list[str], asked: list[str]) -> None:
    # The model has no notion of a network of IPv6 around mapped IPv4.
    networks = [one for one in networks if not one.startswith("::ffff:")]
    ours, model = native.Networks(networks), reference.Networks(networks)
    for address in asked:
        assert ours.holds(address) == model.holds(address)


class Agreement(RuleBasedStateMachine):
    """The two say the same about the same."""

    near = st.sampled_from(
        ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "127.0.0.1"]
        + [f"2001:db8:0:{net}::{host}" for net in range(3) for host in (1, 2)]
    )

    def __init__(self) -> None:
        super().__init__()
        limits = {
            "connections_per_address": 4,
            "sockets_per_address": 3,
            "sockets_per_48": 5,
            "connect_burst": 4,
            "room_burst": 2,
            "failed_token_burst": 2,
            "new_users_per_hour": 2,
            "exempt": ["127.0.0.0/8"],
        }
        self.native = make_test_throttle(standing_at=0, **limits)
        self.reference = reference.Throttle(throttle_settings(**limits), standing_at=0)
        for throttle in (self.native, self.reference):
            throttle.limit_connections(8)  # of a /48; it has sixteen otherwise
        self.open: list[str] = []
        self.http: list[str] = []

    @rule(address=near)
    def connect(self, address: str) -> None:
        answer = self.native.connect(address)
        assert answer == self.reference.connect(address)
        if answer == ADMITTED:
            self.open.append(address)

    @rule(address=near, always=st.booleans())
    def accept(self, address: str, always: bool) -> None:
        answer = self.native.accept(address, always)
        assert answer == self.reference.accept(address, always)
        if answer == ADMITTED:
            self.http.append(address)

    @rule(data=st.data())
    def hang_up(self, data: st.DataObject) -> None:
        if self.http:
            address = self.http.pop(data.draw(st.integers(0, len(self.http) - 1)))
            self.native.hang_up(address)
            self.reference.hang_up(address)

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        if self.open:
            address = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
            self.native.release(address)
            self.reference.release(address)

    @rule(
        address=near,
        deed=st.sampled_from(["open_room", "count_failure", "may_fail", "admit_new_user"]),
    )
    def act(self, address: str, deed: str) -> None:
        assert getattr(self.native, deed)(address) == getattr(self.reference, deed)(address)

    @rule(seconds=st.sampled_from([0.001, 0.1, 0.2, 1, 5, 59, HOUR]))
    def wait(self, seconds: float) -> None:
        self.native.advance_clock(seconds)
        self.reference.advance_clock(seconds)

    @rule()
    def prune(self) -> None:
        self.native.prune()
        self.reference.prune()
        # Forgetting makes no difference: both still agree afterwards.
        assert len(self.native) <= len(self.reference.subscribers)


class TestAgreement(Agreement.TestCase):
    settings = settings()


class TestMemory:
    def test_what_is_idle_is_forgotten(self) -> None:
        throttle = made(native)
        for last in range(200):
            assert throttle.connect(f"192.0.2.{last}") == ADMITTED
            throttle.release(f"192.0.2.{last}")
        assert (throttle.prune(), len(throttle)) == (0, 200)
        throttle.advance_clock(0.2)
        assert (throttle.prune(), len(throttle)) == (200, 0)

    def test_a_hundred_thousand_addresses_fit_into_20_mb(self) -> None:
        # In a process of its own: the memory of this one has had other guests.
        program = (
            "import os\n"
            "from fortepiano.config import Settings\n"
            "from fortepiano.server.assembly import make_throttle\n"
            "def resident():\n"
            "    with open('/proc/self/statm') as statm:\n"
            "        return int(statm.read().split()[1]) * os.sysconf('SC_PAGESIZE')\n"
            "throttle = make_throttle(Settings())\n"
            "before = most = resident()\n"
            "for number in range(100_000):\n"
            "    address = f'2001:db8:{number & 0xffff:x}:{number >> 16:x}::1'\n"
            "    assert throttle.connect(address) == throttle.ADMITTED\n"
            "    assert throttle.admit_new_user(address)\n"
            "    if number % 1000 == 0: most = max(most, resident())\n"
            "print(len(throttle), max(most, resident()) - before, throttle.size())\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False
        )
        assert done.returncode == 0, done.stderr
        count, resident, told = map(int, done.stdout.split())
        assert count == 100_000
        assert resident <= 20_000_000
        assert told <= 20_000_000


@pytest.mark.parametrize("rate", [0, -1.0, float("nan"), "5", None])
def test_a_rate_that_is_none_is_refused(rate: object) -> None:
    with pytest.raises(ValueError, match="connects_per_second"):
        made(native, connects_per_second=rate)


def test_a_bucket_that_is_always_empty_is_refused() -> None:
    with pytest.raises(ValueError, match="connect_burst must be at least 1"):
        made(native, connect_burst=0)


@pytest.mark.parametrize("wrong", ["", "x", "::/129"])
def test_an_exemption_that_is_no_network_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=f"exempt has {wrong!r}".replace("'", '"')):
        made(native, exempt=["192.0.2.1", wrong])

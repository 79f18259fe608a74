"""The note quotas, compiled and as a model."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from fortepiano import native
from support.reference import quota as reference

Quotas = native.Quotas | reference.Quotas

CLASSES = {
    "lobby": (200, 600),
    "normal": (400, 1200),
    "crown": (600, 1800),
    "offline": (8000, 24000),
}


@pytest.fixture(params=[native.Quotas, reference.Quotas], ids=["native", "reference"])
def quotas(request: pytest.FixtureRequest) -> Quotas:
    return request.param(history=3)


class TestQuotas:
    @pytest.mark.parametrize("name", CLASSES)
    def test_full_at_first_and_empty_at_last(self, quotas: Quotas, name: str) -> None:
        allowance, maximum = CLASSES[name]
        slot = quotas.add(allowance, maximum)
        assert quotas.points(slot) == maximum
        assert quotas.spend(slot, maximum)
        assert not quotas.spend(slot, 1)
        quotas.tick()
        assert quotas.spend(slot, allowance)
        assert not quotas.spend(slot, 1)

    def test_refusing_takes_nothing(self, quotas: Quotas) -> None:
        slot = quotas.add(400, 1200)
        assert not quotas.spend(slot, 1201)
        assert quotas.points(slot) == 1200

    def test_three_ticks_fill_it(self, quotas: Quotas) -> None:
        slot = quotas.add(400, 1200)
        quotas.spend(slot, 1200)
        for points in (400, 800, 1200, 1200):
            quotas.tick()
            assert quotas.points(slot) == points

    def test_half_the_allowance_for_ever_loses_nothing(self, quotas: Quotas) -> None:
        slot = quotas.add(400, 1200)
        for _ in range(1000):
            assert quotas.spend(slot, 200)
            assert quotas.spend(slot, 200)
            quotas.tick()

    def test_three_empty_ticks_multiply_the_price(self, quotas: Quotas) -> None:
        slot = quotas.add(400, 1200)
        quotas.spend(slot, 1200)
        for _ in range(2):
            quotas.tick()
            assert quotas.spend(slot, 400)
        quotas.tick()
        assert not quotas.spend(slot, 2)
        assert quotas.spend(slot, 1)
        assert quotas.points(slot) == 0
        quotas.tick()
        quotas.tick()
        assert quotas.spend(slot, 800)

    def test_nothing_costs_nothing(self, quotas: Quotas) -> None:
        slot = quotas.add(400, 1200)
        quotas.spend(slot, 1200)
        assert quotas.spend(slot, 0)

    def test_the_same_class_refills_nothing(self, quotas: Quotas) -> None:
        slot = quotas.add(400, 1200)
        quotas.spend(slot, 1000)
        assert not quotas.set_params(slot, 400, 1200)
        assert quotas.points(slot) == 200

    @pytest.mark.parametrize("missing", [0, -1, -(2**31)])
    def test_a_senseless_parameter_keeps_the_old_one(self, quotas: Quotas, missing: int) -> None:
        slot = quotas.add(400, 1200)
        quotas.spend(slot, 1000)
        assert not quotas.set_params(slot, missing, missing)
        assert quotas.set_params(slot, missing, 1800)
        assert quotas.points(slot) == 200
        quotas.tick()
        assert quotas.points(slot) == 600

    def test_another_class_fills_nothing(self, quotas: Quotas) -> None:
        slot = quotas.add(400, 1200)
        quotas.spend(slot, 1200)
        for _ in range(3):
            quotas.tick()
            quotas.spend(slot, 400)
        assert quotas.set_params(slot, 600, 1800)
        assert quotas.points(slot) == 400
        assert not quotas.spend(slot, 2), "the past is not forgotten either"
        quotas.tick()
        assert quotas.points(slot) == 1000

    def test_a_smaller_class_cuts_the_points(self, quotas: Quotas) -> None:
        slot = quotas.add(400, 1200)
        assert quotas.set_params(slot, 200, 600)
        assert quotas.points(slot) == 600
        assert quotas.set_params(slot, 600, 1800)
        assert quotas.points(slot) == 600

    def test_without_parameters_one_is_offline(self, quotas: Quotas) -> None:
        slot = quotas.add(0, 0)
        assert quotas.points(slot) == 24000
        quotas.spend(slot, 24000)
        quotas.tick()
        assert quotas.points(slot) == 8000

    def test_users_do_not_share(self, quotas: Quotas) -> None:
        ann, bea = quotas.add(400, 1200), quotas.add(200, 600)
        quotas.spend(ann, 1200)
        assert quotas.points(bea) == 600
        assert len(quotas) == 2

    def test_a_slot_begins_anew(self, quotas: Quotas) -> None:
        ann = quotas.add(400, 1200)
        quotas.add(400, 1200)
        quotas.spend(ann, 1200)
        for _ in range(4):
            quotas.tick()
            quotas.spend(ann, 400)
        quotas.remove(ann)
        quotas.tick()
        assert len(quotas) == 1
        assert quotas.add(200, 600) == ann
        assert quotas.spend(ann, 600)

    def test_extreme_numbers(self, quotas: Quotas) -> None:
        largest = 2**31 - 1
        slot = quotas.add(largest, largest)
        assert not quotas.spend(slot, 2**32 - 1)
        for _ in range(5):
            assert quotas.spend(slot, quotas.points(slot)) or quotas.spend(slot, 1)
            assert not quotas.spend(slot, 2**32 - 1)
            quotas.tick()

    def test_nobody_has_that_slot(self, quotas: Quotas) -> None:
        slot = quotas.add(400, 1200)
        quotas.remove(slot)
        for bad in (slot, slot + 1):
            with pytest.raises(IndexError):
                quotas.points(bad)
            with pytest.raises(IndexError):
                quotas.spend(bad, 1)
            with pytest.raises(IndexError):
                quotas.set_params(bad, 1, 1)
            with pytest.raises(IndexError):
                quotas.remove(bad)

    @pytest.mark.parametrize("kind", [native.Quotas, reference.Quotas])
    def test_some_history_is_needed(self, kind: type[Quotas]) -> None:
        with pytest.raises(ValueError):
            kind(history=0)
        assert len(kind(history=1)) == 0


class Agreement(RuleBasedStateMachine):
    """The two treat the same users alike; their slots may have other numbers."""

    users: Bundle[tuple[int, int]] = Bundle("users")
    parameters = st.integers(-1, 5) | st.sampled_from([200, 400, 1200, 2**31 - 1])
    prices = st.integers(0, 6) | st.sampled_from([200, 1200, 2**31 - 1, 2**32 - 1])

    def __init__(self) -> None:
        super().__init__()
        self.live: list[tuple[int, int]] = []

    @initialize(history=st.integers(1, 4))
    def begin(self, history: int) -> None:
        self.native = native.Quotas(history=history)
        self.reference = reference.Quotas(history=history)

    @rule(target=users, allowance=parameters, maximum=parameters)
    def add(self, allowance: int, maximum: int) -> tuple[int, int]:
        user = (self.native.add(allowance, maximum), self.reference.add(allowance, maximum))
        self.live.append(user)
        return user

    @rule(user=consumes(users))
    def remove(self, user: tuple[int, int]) -> None:
        self.native.remove(user[0])
        self.reference.remove(user[1])
        self.live.remove(user)

    @rule(user=users, allowance=parameters, maximum=parameters)
    def set_params(self, user: tuple[int, int], allowance: int, maximum: int) -> None:
        expected = self.reference.set_params(user[1], allowance, maximum)
        assert self.native.set_params(user[0], allowance, maximum) == expected

    @rule(user=users, k=prices)
    def spend(self, user: tuple[int, int], k: int) -> None:
        assert self.native.spend(user[0], k) == self.reference.spend(user[1], k)

    @rule(user=users)
    def spend_all(self, user: tuple[int, int]) -> None:
        self.spend(user, self.reference.points(user[1]))

    @rule()
    def tick(self) -> None:
        self.native.tick()
        self.reference.tick()

    @invariant()
    def same_points(self) -> None:
        for ours, theirs in self.live:
            assert self.native.points(ours) == self.reference.points(theirs)


class TestAgreement(Agreement.TestCase):
    settings = settings()

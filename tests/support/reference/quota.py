"""A model of the note quotas: one object for each user, as in the clients of MPP."""

from __future__ import annotations

from collections import deque


class Quota:
    """The quota of one user."""

    def __init__(self, history: int) -> None:
        self.allowance = 8000
        self.max = 24000
        self.history: deque[int] = deque(maxlen=history)
        self.reset()

    def reset(self) -> None:
        """Fill up the points and forget the history."""
        self.points = self.max
        self.history.extend([self.max] * (self.history.maxlen or 0))

    def set_params(self, allowance: int, maximum: int) -> bool:
        """Change the class; return False if it is the same. Points above the maximum are lost."""
        new = (
            allowance if allowance > 0 else self.allowance,
            maximum if maximum > 0 else self.max,
        )
        if new == (self.allowance, self.max):
            return False
        self.allowance, self.max = new
        self.points = min(self.points, self.max)
        self.history = deque((min(old, self.max) for old in self.history), self.history.maxlen)
        return True

    def tick(self) -> None:
        """Add the points to the history, then add the allowance to the points."""
        self.history.appendleft(self.points)
        if self.points < self.max:
            self.points = min(self.max, self.points + self.allowance)

    def spend(self, k: int) -> bool:
        """Take `k` points, or `k` allowances if the whole history is empty; False if too few."""
        if sum(self.history) <= 0:
            k *= self.allowance
        if self.points < k:
            return False
        self.points -= k
        return True


class Quotas:
    """The quotas of all users under the names of the compiled class."""

    def __init__(self, history: int) -> None:
        if history < 1:
            raise ValueError(history)
        self.ticks = history
        self.slots: list[Quota | None] = []

    def __getitem__(self, slot: int) -> Quota:
        quota = self.slots[slot]
        if quota is None:
            raise IndexError(slot)
        return quota

    def __len__(self) -> int:
        return sum(quota is not None for quota in self.slots)

    def add(self, allowance: int, max: int) -> int:
        """Add a user and return their slot."""
        quota = Quota(self.ticks)
        quota.set_params(allowance, max)
        quota.reset()
        if None in self.slots:
            slot = self.slots.index(None)
            self.slots[slot] = quota
        else:
            slot = len(self.slots)
            self.slots.append(quota)
        return slot

    def remove(self, slot: int) -> None:
        """Remove a user."""
        assert self[slot]
        self.slots[slot] = None

    def set_params(self, slot: int, allowance: int, max: int) -> bool:
        """Give a user another class."""
        return self[slot].set_params(allowance, max)

    def spend(self, slot: int, k: int) -> bool:
        """Take the price of `k` notes."""
        return self[slot].spend(k)

    def points(self, slot: int) -> int:
        """Return the points of a user."""
        return self[slot].points

    def tick(self) -> None:
        """Tick all quotas."""
        for quota in self.slots:
            if quota is not None:
                quota.tick()

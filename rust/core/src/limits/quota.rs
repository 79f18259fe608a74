//! How many notes each user may play: the note quota of all users, ticked in one pass.
//!
//! The algorithm is the one every MPP client runs to predict what its server will accept
//! (docs/protocol.md, note quota). Fields lie in arrays of their own, so that a tick is one copy
//! and one loop that the compiler turns into vector instructions.

use std::collections::VecDeque;
use std::iter::repeat;

/// What a parameter that is missing or makes no sense stands at: the class of a client that is not
/// connected.
const OFFLINE: Class = Class { allowance: 8000, max: 24000 };

/// A user's quota, for another process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What can be spent.
    pub points: i32,
    /// Points given back per tick.
    pub allowance: i32,
    /// The most there can be.
    pub max: i32,
    /// Points that were spent before their tick.
    pub lent: i32,
    /// The points at each of the last ticks, the newest first.
    pub history: Vec<i32>,
}

struct Class {
    allowance: i32,
    max: i32,
}

/// The quotas of all users; each has a slot number, and numbers of removed users are given out
/// again.
pub struct Quotas {
    points: Vec<i32>,
    /// Points given back per tick; 0 marks a free slot, as no quota in use has it.
    allowance: Vec<i32>,
    max: Vec<i32>,
    /// Points that were spent before their tick, because the client's came earlier.
    lent: Vec<i32>,
    /// Ticks whose points may be spent early.
    forgiven: i32,
    /// The points at each of the last ticks, newest in front: one array per tick.
    history: VecDeque<Vec<i32>>,
    free: Vec<u32>,
}

impl Quotas {
    /// Makes quotas that remember `history` ticks.
    ///
    /// # Panics
    /// If `history` is 0: everybody would count as somebody who never lets his points recover.
    #[must_use]
    pub fn new(history: usize) -> Self {
        assert!(history > 0, "a quota remembers at least one tick");
        Self {
            points: Vec::new(),
            allowance: Vec::new(),
            max: Vec::new(),
            lent: Vec::new(),
            forgiven: 0,
            history: vec![Vec::new(); history].into(),
            free: Vec::new(),
        }
    }

    /// Lets the points of so many ticks be spent before they come.
    ///
    /// A client ticks by a clock of its own, and may be ahead by up to a tick. Nothing is lent to
    /// somebody who was full at the last tick: what he has is what his client thinks he has.
    #[must_use]
    pub fn forgiving(mut self, ticks: u32) -> Self {
        self.forgiven = i32::try_from(ticks).unwrap_or(i32::MAX);
        self
    }

    /// Remembers another number of ticks from now on, at least one, and forgives another.
    ///
    /// Ticks that were not remembered before count as ones without points left.
    pub fn apply_settings(&mut self, history: usize, forgiven: u32) {
        let empty = vec![0; self.points.len()];
        self.history.resize(history.max(1), empty);
        self.forgiven = i32::try_from(forgiven).unwrap_or(i32::MAX);
    }

    /// Adds a user with all his points and gives his slot; a parameter below 1 stands for that of
    /// an unconnected client.
    pub fn add(&mut self, allowance: i32, max: i32) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            for array in self.arrays() {
                array.push(0);
            }
            (self.points.len() - 1) as u32
        });
        let index = slot as usize;
        self.allowance[index] = OFFLINE.allowance;
        self.max[index] = OFFLINE.max;
        self.set_params(slot, allowance, max);
        self.reset(index);
        slot
    }

    /// Removes a user; false if nobody has that slot.
    pub fn remove(&mut self, slot: u32) -> bool {
        if !self.contains(slot) {
            return false;
        }
        for array in self.arrays() {
            array[slot as usize] = 0;
        }
        self.free.push(slot);
        true
    }

    /// Gives a user another class; a parameter below 1 keeps the old one. True if something differs.
    ///
    /// The points stay, cut to the new maximum, and rise by ticks only: else going from room to room
    /// would fill them.
    pub fn set_params(&mut self, slot: u32, allowance: i32, max: i32) -> bool {
        if !self.contains(slot) {
            return false;
        }
        let index = slot as usize;
        let keep = |new: i32, old: i32| if new > 0 { new } else { old };
        let allowance = keep(allowance, self.allowance[index]);
        let max = keep(max, self.max[index]);
        if (allowance, max) == (self.allowance[index], self.max[index]) {
            return false;
        }
        self.allowance[index] = allowance;
        self.max[index] = max;
        self.points[index] = self.points[index].min(max);
        for tick in &mut self.history {
            tick[index] = tick[index].min(max);
        }
        true
    }

    /// Takes the price of `k` notes; false, and nothing is taken, if the user cannot pay or nobody
    /// has that slot.
    ///
    /// Who had no points at any of the remembered ticks pays `allowance` times as much, until he
    /// pauses.
    pub fn spend(&mut self, slot: u32, k: u32) -> bool {
        if !self.contains(slot) {
            return false;
        }
        let index = slot as usize;
        let recent: i64 = self.history.iter().map(|tick| i64::from(tick[index])).sum();
        let factor = if recent <= 0 { self.allowance[index] } else { 1 };
        // Cannot overflow: below 2^32 times below 2^31.
        let price = i64::from(k) * i64::from(factor);
        let missing = price - i64::from(self.points[index]);
        if missing > 0 {
            return factor == 1 && self.lend(index, missing);
        }
        self.points[index] -= price as i32;
        true
    }

    /// Pays all points, and what is missing out of the ticks to come; false where that is too much.
    fn lend(&mut self, index: usize, missing: i64) -> bool {
        let most = i64::from(self.allowance[index]) * i64::from(self.forgiven);
        let was_full = self.history[0][index] == self.max[index];
        if was_full || i64::from(self.lent[index]) + missing > most {
            return false;
        }
        self.lent[index] += missing as i32;
        self.points[index] = 0;
        true
    }

    /// Remembers everybody's points and gives the allowance back, up to each one's maximum.
    pub fn tick(&mut self) {
        // The oldest array takes the new points and the old points become the newest history:
        // nothing is copied.
        let Some(mut next) = self.history.pop_back() else {
            return;
        };
        let classes = self.allowance.iter().zip(&self.max).zip(&mut self.lent);
        for ((next, points), ((allowance, max), lent)) in next.iter_mut().zip(&self.points).zip(classes) {
            // Points are never over max, so the sum is not either; they go below 0 only by what
            // was lent out of more than one tick.
            *next = points + (*allowance - *lent).min(max - points);
            *lent = 0;
        }
        let points = std::mem::replace(&mut self.points, next);
        self.history.push_front(points);
    }

    /// What the user can spend; 0 if nobody has that slot.
    #[must_use]
    pub fn points(&self, slot: u32) -> i32 {
        self.points.get(slot as usize).copied().unwrap_or(0)
    }

    /// Whether somebody has that slot.
    #[must_use]
    pub fn contains(&self, slot: u32) -> bool {
        self.allowance.get(slot as usize).is_some_and(|&allowance| allowance > 0)
    }

    /// What there is to know of a user's quota.
    #[must_use]
    pub fn account(&self, slot: u32) -> Option<Account> {
        let index = slot as usize;
        self.contains(slot).then(|| Account {
            points: self.points[index],
            allowance: self.allowance[index],
            max: self.max[index],
            lent: self.lent[index],
            history: self.history.iter().map(|tick| tick[index]).collect(),
        })
    }

    /// Makes a user's quota what it was elsewhere; one that no user can have is ignored.
    pub fn restore(&mut self, slot: u32, account: &Account) {
        if !self.contains(slot) || account.allowance < 1 || account.max < 1 {
            return;
        }
        let index = slot as usize;
        self.allowance[index] = account.allowance;
        self.max[index] = account.max;
        self.points[index] = account.points.min(account.max);
        self.lent[index] = account.lent;
        for (tick, points) in self.history.iter_mut().zip(account.history.iter().chain(repeat(&0))) {
            tick[index] = *points;
        }
    }

    /// Number of users.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len() - self.free.len()
    }

    /// Whether there are no users.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn reset(&mut self, index: usize) {
        let max = self.max[index];
        self.points[index] = max;
        self.lent[index] = 0;
        for tick in &mut self.history {
            tick[index] = max;
        }
    }

    fn arrays(&mut self) -> impl Iterator<Item = &mut Vec<i32>> {
        [&mut self.points, &mut self.allowance, &mut self.max, &mut self.lent]
            .into_iter()
            .chain(&mut self.history)
    }
}

#[cfg(test)]
mod tests {
    use super::Quotas;

    fn one(allowance: i32, max: i32) -> (Quotas, u32) {
        let mut quotas = Quotas::new(3);
        let slot = quotas.add(allowance, max);
        (quotas, slot)
    }

    #[test]
    fn other_numbers_leave_the_points_as_they_are() {
        let (mut quotas, slot) = one(400, 1200);
        quotas.tick();
        assert!(quotas.spend(slot, 1000));
        for history in [5, 1, 3] {
            quotas.apply_settings(history, 0);
            assert_eq!(quotas.points(slot), 200);
            let other = quotas.add(1, 1);
            assert!(quotas.remove(other));
        }
        quotas.tick();
        assert_eq!(quotas.points(slot), 600);
    }

    #[test]
    fn lends_a_tick_to_who_is_not_full() {
        let mut quotas = Quotas::new(3).forgiving(1);
        let slot = quotas.add(400, 1200);
        assert!(quotas.spend(slot, 1200));
        assert!(!quotas.spend(slot, 1), "who was full at the last tick is lent nothing");
        quotas.tick();
        assert!(quotas.spend(slot, 700), "the tick's 400, and 300 of the next");
        assert!(!quotas.spend(slot, 101));
        assert!(quotas.spend(slot, 100));
        quotas.tick();
        assert_eq!(quotas.points(slot), 0, "what was lent is paid back");
        quotas.tick();
        assert_eq!(quotas.points(slot), 400);
    }

    #[test]
    fn spends_what_there_is_and_not_a_point_more() {
        let (mut quotas, slot) = one(400, 1200);
        assert!(quotas.spend(slot, 1200));
        assert!(!quotas.spend(slot, 1));
        quotas.tick();
        assert_eq!(quotas.points(slot), 400);
        assert!(!quotas.spend(slot, 401));
        assert_eq!(quotas.points(slot), 400);
        for _ in 0..3 {
            quotas.tick();
        }
        assert_eq!(quotas.points(slot), 1200);
    }

    #[test]
    fn three_empty_ticks_multiply_the_price() {
        let (mut quotas, slot) = one(400, 1200);
        assert!(quotas.spend(slot, 1200));
        for _ in 0..3 {
            quotas.tick();
            assert!(quotas.spend(slot, 400) || quotas.spend(slot, 1));
            assert_eq!(quotas.points(slot), 0);
        }
        quotas.tick();
        assert!(!quotas.spend(slot, 2));
        assert!(quotas.spend(slot, 1));
        assert_eq!(quotas.points(slot), 0);
        // A pause of one tick, seen by the next, ends the punishment.
        quotas.tick();
        quotas.tick();
        assert!(quotas.spend(slot, 800));
    }

    #[test]
    fn the_same_class_again_refills_nothing() {
        let (mut quotas, slot) = one(400, 1200);
        assert!(quotas.spend(slot, 1000));
        assert!(!quotas.set_params(slot, 400, 1200));
        assert!(!quotas.set_params(slot, 0, -5));
        assert_eq!(quotas.points(slot), 200);
    }

    #[test]
    fn another_class_refills_nothing_either() {
        let (mut quotas, slot) = one(400, 1200);
        assert!(quotas.spend(slot, 1000));
        assert!(quotas.set_params(slot, 600, 0));
        assert!(quotas.set_params(slot, 0, 1800));
        assert_eq!(quotas.points(slot), 200);
        quotas.tick();
        assert_eq!(quotas.points(slot), 800);
        assert!(quotas.set_params(slot, 200, 600));
        assert_eq!(quotas.points(slot), 600, "cut to the new maximum");
        assert!(quotas.set_params(slot, 600, 1800));
        assert_eq!(quotas.points(slot), 600);
    }

    #[test]
    fn senseless_parameters_stand_for_the_offline_class() {
        let (mut quotas, slot) = one(0, -1);
        assert_eq!(quotas.points(slot), 24000);
        assert!(quotas.spend(slot, 24000));
        quotas.tick();
        assert_eq!(quotas.points(slot), 8000);
    }

    #[test]
    fn extreme_numbers_do_not_overflow() {
        let (mut quotas, slot) = one(i32::MAX, i32::MAX);
        for _ in 0..5 {
            // The last rounds pay the punished price.
            assert!(!quotas.spend(slot, u32::MAX));
            assert!(quotas.spend(slot, i32::MAX as u32) || quotas.spend(slot, 1));
            quotas.tick();
            assert_eq!(quotas.points(slot), i32::MAX);
        }
    }

    #[test]
    fn slots_are_used_again_and_begin_full() {
        let mut quotas = Quotas::new(3);
        let slots: Vec<u32> = (0..3).map(|_| quotas.add(400, 1200)).collect();
        assert!(quotas.spend(slots[1], 1200));
        assert!(quotas.remove(slots[1]));
        assert!(!quotas.remove(slots[1]));
        assert!(!quotas.spend(slots[1], 0));
        assert!(!quotas.set_params(slots[1], 1, 1));
        quotas.tick();
        assert_eq!((quotas.points(slots[1]), quotas.len()), (0, 2));
        assert_eq!(quotas.add(200, 600), slots[1]);
        assert_eq!((quotas.points(slots[1]), quotas.len()), (600, 3));
        assert!(!quotas.contains(99));
        assert_eq!(quotas.points(99), 0);
    }
}

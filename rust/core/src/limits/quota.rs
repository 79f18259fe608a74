//! The note quotas of all users, which limit how many notes each may play.
//!
//! The algorithm is the one that every MPP client runs to predict what its server accepts
//! (docs/protocol.md, note quota). Each field has an array of its own, so that a tick is one copy and
//! one loop that the compiler vectorises.

use std::collections::VecDeque;
use std::iter::repeat;

use crate::slots::{slot_id, SlotId};

slot_id!(
    /// The number of a user's note quota.
    QuotaId
);

/// The values that replace missing or invalid parameters: the class of an unconnected client.
const OFFLINE: Class = Class { allowance: 8000, max: 24000 };

/// The quota of one user, for another process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The points that can be spent.
    pub points: i32,
    /// The points returned per tick.
    pub allowance: i32,
    /// The largest number of points.
    pub max: i32,
    /// The points spent before their tick.
    pub lent: i32,
    /// The points at each of the last ticks, the newest first.
    pub history: Vec<i32>,
}

struct Class {
    allowance: i32,
    max: i32,
}

/// The quotas of all users. Each has a slot number; the numbers of removed users are reused.
pub struct Quotas {
    points: Vec<i32>,
    /// The points returned per tick; 0 marks a free slot, as no quota in use has that value.
    allowance: Vec<i32>,
    max: Vec<i32>,
    /// The points spent before their tick, because the client's tick came earlier.
    lent: Vec<i32>,
    /// The node of a cluster from which the user played last, negative while its count alone does not
    /// decide; 0 before the first time. See [`Quotas::spend_from`].
    node: Vec<i32>,
    /// The number of ticks whose points may be spent early.
    forgiven: i32,
    /// The points at each of the last ticks, newest first: one array per tick.
    history: VecDeque<Vec<i32>>,
    free: Vec<QuotaId>,
}

impl Quotas {
    /// Create quotas that remember `history` ticks.
    ///
    /// # Panics
    /// If `history` is 0: every user would count as one whose points never recover.
    #[must_use]
    pub fn new(history: usize) -> Self {
        assert!(history > 0, "a quota must remember at least one tick");
        Self {
            points: Vec::new(),
            allowance: Vec::new(),
            max: Vec::new(),
            lent: Vec::new(),
            node: Vec::new(),
            forgiven: 0,
            history: vec![Vec::new(); history].into(),
            free: Vec::new(),
        }
    }

    /// Allow the points of `ticks` ticks to be spent in advance.
    ///
    /// A client ticks by its own clock, which may be ahead by up to a tick. A user whose points were
    /// full at the last tick is lent nothing: client and server agree on their points.
    #[must_use]
    pub fn forgiving(mut self, ticks: u32) -> Self {
        self.forgiven = i32::try_from(ticks).unwrap_or(i32::MAX);
        self
    }

    /// Apply other settings: the number of remembered ticks (at least 1) and of forgiven ones.
    ///
    /// Ticks not remembered before count as ticks without points left.
    pub fn apply_settings(&mut self, history: usize, forgiven: u32) {
        let empty = vec![0; self.points.len()];
        self.history.resize(history.max(1), empty);
        self.forgiven = i32::try_from(forgiven).unwrap_or(i32::MAX);
    }

    /// Add a user with all points and return the slot.
    ///
    /// A parameter below 1 stands for the value of an unconnected client.
    pub fn add(&mut self, allowance: i32, max: i32) -> QuotaId {
        let slot = self.free.pop().unwrap_or_else(|| {
            for array in self.arrays() {
                array.push(0);
            }
            QuotaId::from_number(self.points.len() as u32 - 1)
        });
        let index = slot.index();
        self.allowance[index] = OFFLINE.allowance;
        self.max[index] = OFFLINE.max;
        self.set_params(slot, allowance, max);
        self.reset(index);
        slot
    }

    /// Remove a user; return false if the slot is free.
    pub fn remove(&mut self, slot: QuotaId) -> bool {
        if !self.contains(slot) {
            return false;
        }
        for array in self.arrays() {
            array[slot.index()] = 0;
        }
        self.free.push(slot);
        true
    }

    /// Change a user's class; return whether anything changed. A parameter below 1 retains the old
    /// value.
    ///
    /// The points stay, cut to the new maximum, and rise by ticks only. Otherwise changing rooms would
    /// refill them.
    pub fn set_params(&mut self, slot: QuotaId, allowance: i32, max: i32) -> bool {
        if !self.contains(slot) {
            return false;
        }
        let index = slot.index();
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

    /// Pay for `k` notes; return false and take nothing if the user lacks points or the slot is free.
    ///
    /// A user without points at all remembered ticks pays `allowance` times as much, until they pause.
    pub fn spend(&mut self, slot: QuotaId, k: u32) -> bool {
        if !self.contains(slot) {
            return false;
        }
        let index = slot.index();
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

    /// Spend for notes that another node of a cluster has let pass; return whether they may be played.
    ///
    /// That node has the count of a user who is connected to it alone, and ticks at other times: the
    /// points here follow, and refuse nothing. A user who comes from another node than before may have
    /// all points there. So the count here decides then, until it is full: all counts are equal again.
    pub fn spend_from(&mut self, nid: u16, slot: QuotaId, k: u32) -> bool {
        self.note_node(nid, slot);
        if self.spend(slot, k) {
            return true;
        }
        let index = slot.index();
        let may_play = self.node.get(index).is_some_and(|&node| node > 0);
        if may_play {
            self.points[index] = self.points[index].min(0);
        }
        may_play
    }

    /// Note from which node of a cluster a user plays; 0 is none.
    pub fn note_node(&mut self, nid: u16, slot: QuotaId) {
        if !self.contains(slot) {
            return;
        }
        let node = &mut self.node[slot.index()];
        let nid = i32::from(nid);
        if node.abs() != nid {
            *node = if *node == 0 { nid } else { -nid };
        } else if self.points[slot.index()] == self.max[slot.index()] {
            *node = nid;
        }
    }

    /// Spend all points and borrow the missing ones from later ticks; return false if that is too much.
    fn lend(&mut self, index: usize, missing: i64) -> bool {
        let most = i64::from(self.lendable(self.allowance[index], self.max[index]));
        let was_full = self.history[0][index] == self.max[index];
        if was_full || i64::from(self.lent[index]) + missing > most {
            return false;
        }
        self.lent[index] += missing as i32;
        self.points[index] = 0;
        true
    }

    /// Return the most that a user of this class may borrow; [`refill`] adds it to the maximum.
    fn lendable(&self, allowance: i32, max: i32) -> i32 {
        allowance.saturating_mul(self.forgiven).min(i32::MAX - max)
    }

    /// Store the points of all users in the history, and return each allowance, up to each maximum.
    pub fn tick(&mut self) {
        // The oldest array takes the new points and the old points become the newest history: nothing
        // is copied.
        let Some(mut next) = self.history.pop_back() else {
            return;
        };
        refill(&mut next, &self.points, &self.allowance, &self.max, &mut self.lent);
        let points = std::mem::replace(&mut self.points, next);
        self.history.push_front(points);
    }

    /// Return the points that the user can spend; 0 if the slot is free.
    #[must_use]
    pub fn points(&self, slot: QuotaId) -> i32 {
        self.points.get(slot.index()).copied().unwrap_or(0)
    }

    /// Return whether the slot belongs to a user.
    #[must_use]
    pub fn contains(&self, slot: QuotaId) -> bool {
        self.allowance.get(slot.index()).is_some_and(|&allowance| allowance > 0)
    }

    /// Return the complete quota of a user.
    #[must_use]
    pub fn account(&self, slot: QuotaId) -> Option<Account> {
        let index = slot.index();
        self.contains(slot).then(|| Account {
            points: self.points[index],
            allowance: self.allowance[index],
            max: self.max[index],
            lent: self.lent[index],
            history: self.history.iter().map(|tick| tick[index]).collect(),
        })
    }

    /// Restore a user's quota from another process; ignore one that no user can have.
    pub fn restore(&mut self, slot: QuotaId, account: &Account) {
        if !self.contains(slot) || account.allowance < 1 || account.max < 1 {
            return;
        }
        let index = slot.index();
        self.allowance[index] = account.allowance;
        self.max[index] = account.max;
        let lendable = self.lendable(account.allowance, account.max);
        let lent = account.lent.clamp(0, lendable);
        // A user who has borrowed has no points until the next tick, and may then have less than none.
        self.points[index] = if lent > 0 { 0 } else { account.points.clamp(-lendable, account.max) };
        self.lent[index] = lent;
        for (tick, points) in self.history.iter_mut().zip(account.history.iter().chain(repeat(&0))) {
            tick[index] = *points;
        }
    }

    /// Return the number of users.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len() - self.free.len()
    }

    /// Return whether there are no users.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn reset(&mut self, index: usize) {
        let max = self.max[index];
        self.points[index] = max;
        self.lent[index] = 0;
        self.node[index] = 0;
        for tick in &mut self.history {
            tick[index] = max;
        }
    }

    fn arrays(&mut self) -> impl Iterator<Item = &mut Vec<i32>> {
        [&mut self.points, &mut self.allowance, &mut self.max, &mut self.lent, &mut self.node]
            .into_iter()
            .chain(&mut self.history)
    }
}

/// Write the points after a tick, and forget what was lent.
///
/// A function of its own, so that the compiler knows that the slices do not overlap: inlined into
/// `tick`, the loop took half as long again.
#[inline(never)]
fn refill(next: &mut [i32], points: &[i32], allowance: &[i32], max: &[i32], lent: &mut [i32]) {
    let classes = allowance.iter().zip(max).zip(lent);
    for ((next, points), ((allowance, max), lent)) in next.iter_mut().zip(points).zip(classes) {
        // Points are never over max, so the sum is not either. They go below 0 only after borrowing
        // from more than one tick.
        *next = points + (*allowance - *lent).min(max - points);
        *lent = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{QuotaId, Quotas};
    use crate::slots::SlotId;

    fn one(allowance: i32, max: i32) -> (Quotas, QuotaId) {
        let mut quotas = Quotas::new(3);
        let slot = quotas.add(allowance, max);
        (quotas, slot)
    }

    #[test]
    fn new_settings_leave_the_points_unchanged() {
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
    fn a_tick_is_lent_to_users_below_their_maximum() {
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
    fn no_more_than_the_points_is_spent() {
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
        // A pause of one tick, seen by the next, ends the raised price.
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
    fn invalid_parameters_stand_for_the_offline_class() {
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
            // The last rounds pay the raised price.
            assert!(!quotas.spend(slot, u32::MAX));
            assert!(quotas.spend(slot, i32::MAX as u32) || quotas.spend(slot, 1));
            quotas.tick();
            assert_eq!(quotas.points(slot), i32::MAX);
        }
    }

    #[test]
    fn the_count_of_a_users_only_node_decides() {
        let (mut quotas, slot) = one(400, 1200);
        assert!(quotas.spend_from(1, slot, 1000));
        assert!(quotas.spend_from(1, slot, 400), "its tick came earlier");
        assert_eq!(quotas.points(slot), 0);
    }

    #[test]
    fn nodes_together_play_one_quota() {
        let (mut quotas, slot) = one(400, 1200);
        assert!(quotas.spend_from(1, slot, 1100));
        assert!(!quotas.spend_from(2, slot, 101));
        assert!(quotas.spend_from(2, slot, 50));
        assert!(!quotas.spend_from(1, slot, 51));
        quotas.note_node(3, slot);
        assert!(quotas.spend(slot, 50), "a connection here has the same count");
        assert!(!quotas.spend_from(1, slot, 1));
        for _ in 0..3 {
            assert!(!quotas.spend_from(1, slot, 1201));
            quotas.tick();
        }
        assert!(quotas.spend_from(1, slot, 1200));
        assert!(quotas.spend_from(1, slot, 400), "all counts were full");
        assert!(!quotas.spend_from(2, slot, 1));
    }

    #[test]
    fn nobody_plays_for_a_free_slot() {
        let (mut quotas, slot) = one(400, 1200);
        quotas.remove(slot);
        assert!(!quotas.spend_from(1, slot, 1));
    }

    #[test]
    fn slots_are_used_again_and_begin_full() {
        let mut quotas = Quotas::new(3);
        let slots: Vec<QuotaId> = (0..3).map(|_| quotas.add(400, 1200)).collect();
        assert!(quotas.spend(slots[1], 1200));
        assert!(quotas.remove(slots[1]));
        assert!(!quotas.remove(slots[1]));
        assert!(!quotas.spend(slots[1], 0));
        assert!(!quotas.set_params(slots[1], 1, 1));
        quotas.tick();
        assert_eq!((quotas.points(slots[1]), quotas.len()), (0, 2));
        assert_eq!(quotas.add(200, 600), slots[1]);
        assert_eq!((quotas.points(slots[1]), quotas.len()), (600, 3));
        let unknown = QuotaId::from_number(99);
        assert!(!quotas.contains(unknown));
        assert_eq!(quotas.points(unknown), 0);
    }
}

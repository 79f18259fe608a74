//! Who is banned from where, and until when: the look-up of every join.

use std::collections::HashMap;

/// The expiry of a ban that never ends.
pub const PERMANENT: u64 = u64::MAX;

/// Bans by scope (a room's name, say) and user.
///
/// Names of rooms are chosen by anybody, so the maps hash with the randomly keyed `SipHash` of the
/// standard library: nobody can make up names that collide.
#[derive(Default)]
pub struct Bans {
    scopes: HashMap<Box<str>, HashMap<Box<str>, u64>>,
    count: usize,
}

impl Bans {
    /// Makes an empty set of bans.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bans `user` in `scope` until `until`, milliseconds on the clock the caller uses, or
    /// [`PERMANENT`]; replaces an earlier ban.
    pub fn add(&mut self, scope: &str, user: &str, until: u64) {
        if !self.scopes.contains_key(scope) {
            self.scopes.insert(scope.into(), HashMap::new());
        }
        if let Some(users) = self.scopes.get_mut(scope) {
            self.count += usize::from(users.insert(user.into(), until).is_none());
        }
    }

    /// Lifts a ban; false if there was none.
    pub fn remove(&mut self, scope: &str, user: &str) -> bool {
        let Some(users) = self.scopes.get_mut(scope) else {
            return false;
        };
        let removed = users.remove(user).is_some();
        if users.is_empty() {
            self.scopes.remove(scope);
        }
        self.count -= usize::from(removed);
        removed
    }

    /// When the ban of `user` in `scope` ends; `None` if he is not banned there at the time `now`.
    #[must_use]
    pub fn until(&self, scope: &str, user: &str, now: u64) -> Option<u64> {
        let until = *self.scopes.get(scope)?.get(user)?;
        holds(until, now).then_some(until)
    }

    /// Forgets the bans that have ended at the time `now` and gives their number.
    pub fn prune(&mut self, now: u64) -> usize {
        let before = self.count;
        self.count = 0;
        self.scopes.retain(|_, users| {
            users.retain(|_, until| holds(*until, now));
            self.count += users.len();
            !users.is_empty()
        });
        before - self.count
    }

    /// The bans of one scope in no particular order, ended ones included until they are pruned.
    pub fn of(&self, scope: &str) -> impl Iterator<Item = (&str, u64)> {
        let users = self.scopes.get(scope).into_iter().flatten();
        users.map(|(user, until)| (&**user, *until))
    }

    /// Number of bans, ended ones included until they are pruned.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no bans.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Whether a ban until `until` is in force: its last millisecond is the one before.
fn holds(until: u64, now: u64) -> bool {
    until == PERMANENT || now < until
}

#[cfg(test)]
mod tests {
    use super::{Bans, PERMANENT};

    #[test]
    fn a_ban_is_of_one_user_in_one_scope() {
        let mut bans = Bans::new();
        bans.add("room", "ann", 100);
        assert_eq!(bans.until("room", "ann", 99), Some(100));
        assert_eq!(bans.until("room", "ann", 100), None);
        assert_eq!(bans.until("room", "bea", 0), None);
        assert_eq!(bans.until("other", "ann", 0), None);
        // The border between scope and user counts.
        bans.add("ab", "c", 9);
        assert_eq!(bans.until("a", "bc", 0), None);
    }

    #[test]
    fn a_later_ban_replaces_even_by_a_shorter_one() {
        let mut bans = Bans::new();
        bans.add("room", "ann", PERMANENT);
        bans.add("room", "ann", 50);
        assert_eq!((bans.until("room", "ann", 0), bans.len()), (Some(50), 1));
    }

    #[test]
    fn pruning_keeps_what_holds() {
        let mut bans = Bans::new();
        bans.add("room", "ann", 10);
        bans.add("room", "bea", 11);
        bans.add("other", "ann", 5);
        bans.add("other", "cid", PERMANENT);
        assert_eq!(bans.prune(10), 2);
        assert_eq!(bans.prune(u64::MAX), 1);
        assert_eq!(bans.len(), 1);
        assert_eq!(bans.until("other", "cid", u64::MAX), Some(PERMANENT));
        assert_eq!(bans.of("room").count(), 0);
    }

    #[test]
    fn removing_says_whether_there_was_one() {
        let mut bans = Bans::new();
        bans.add("room", "ann", 10);
        assert!(!bans.remove("room", "bea"));
        assert!(!bans.remove("other", "ann"));
        assert!(bans.remove("room", "ann"));
        assert!(!bans.remove("room", "ann"));
        assert!(bans.is_empty());
    }

    #[test]
    fn a_scope_lists_its_own() {
        let mut bans = Bans::new();
        bans.add("room", "ann", 10);
        bans.add("room", "bea", 11);
        bans.add("other", "cid", 12);
        let mut listed: Vec<_> = bans.of("room").collect();
        listed.sort_unstable();
        assert_eq!(listed, [("ann", 10), ("bea", 11)]);
    }
}

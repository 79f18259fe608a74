//! How often users and addresses ask for the time: a bucket for each (docs/protocol.md, "Rates").

use std::collections::HashMap;

use crate::limits::throttle::Rate;
use crate::net::address::Subscriber;

/// How much more often than one user an address may ask: a class behind one address is not starved.
const PEOPLE_OF_A_PLACE: u32 = 30;
/// Addresses that are always remembered before any are forgotten.
const FEW: usize = 1024;

/// The buckets of all users and addresses, each as the time at which it is full again, µs.
#[derive(Debug, Default)]
pub(crate) struct Askers {
    /// By the number of the user's quota.
    users: Vec<u64>,
    places: HashMap<Subscriber, u64>,
    /// How many places there must be before the rested ones are forgotten.
    crowd: usize,
}

impl Askers {
    /// Gives a new user a full bucket.
    pub fn welcome(&mut self, user: u32) {
        if let Some(full) = self.users.get_mut(user as usize) {
            *full = 0;
        }
    }

    /// When a user's bucket is full again.
    pub fn full_at(&self, user: u32) -> u64 {
        self.users.get(user as usize).copied().unwrap_or(0)
    }

    /// Lets a user's bucket be full at a time, or later.
    pub fn wait(&mut self, user: u32, until: u64) {
        if until > 0 {
            let index = user as usize;
            if self.users.len() <= index {
                self.users.resize(index + 1, 0);
            }
            self.users[index] = self.users[index].max(until);
        }
    }

    /// Whether a connection may ask at a time; `full` is the bucket of who it belongs to.
    pub fn may_ask(&mut self, full: &mut u64, place: Option<Subscriber>, rate: Rate, now: u64) -> bool {
        let wide = Rate {
            burst: rate.burst.saturating_mul(PEOPLE_OF_A_PLACE),
            interval: (rate.interval / u64::from(PEOPLE_OF_A_PLACE)).max(1),
        };
        if place.is_some() {
            self.forget_rested(now);
        }
        let shared = place.map(|place| self.places.entry(place).or_default());
        if !rate.may(*full, now) || shared.as_ref().is_some_and(|full| !wide.may(**full, now)) {
            return false;
        }
        rate.take(full, now);
        if let Some(shared) = shared {
            wide.take(shared, now);
        }
        true
    }

    fn forget_rested(&mut self, now: u64) {
        if self.places.len() >= self.crowd.max(FEW) {
            self.places.retain(|_, full| *full > now);
            self.crowd = 2 * self.places.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, interval: 100_000 };

    fn place(number: u32) -> Subscriber {
        Subscriber::of(std::net::Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn an_address_asks_thirty_times_as_often_as_a_user() {
        let mut askers = Askers::default();
        let mut asked = 0;
        for _ in 0..40 {
            let mut full = 0;
            while askers.may_ask(&mut full, Some(place(1)), RATE, 0) {
                asked += 1;
            }
        }
        assert_eq!(asked, 90);
        assert!(askers.may_ask(&mut 0, Some(place(2)), RATE, 0), "another address has its own");
        assert!(askers.may_ask(&mut 0, None, RATE, 0), "and where none is counted there is no such limit");
        assert!(!askers.may_ask(&mut 0, Some(place(1)), RATE, 0));
        assert!(askers.may_ask(&mut 0, Some(place(1)), RATE, RATE.interval));
    }

    #[test]
    fn what_is_refused_costs_nothing() {
        let mut askers = Askers::default();
        let mut full = 0;
        for _ in 0..3 {
            assert!(askers.may_ask(&mut full, Some(place(1)), RATE, 0));
        }
        let before = (full, askers.places.clone());
        assert!(!askers.may_ask(&mut full, Some(place(1)), RATE, 0));
        assert_eq!((full, askers.places), before);
    }

    #[test]
    fn rested_addresses_are_forgotten() {
        let mut askers = Askers::default();
        for number in 0..100_000 {
            let now = u64::from(number) * RATE.interval;
            assert!(askers.may_ask(&mut 0, Some(place(number)), RATE, now));
            assert!(askers.places.len() <= FEW);
        }
    }

    #[test]
    fn a_user_who_is_new_has_all() {
        let mut askers = Askers::default();
        askers.welcome(7);
        askers.wait(7, 5);
        askers.wait(7, 3);
        assert_eq!((askers.full_at(7), askers.full_at(8)), (5, 0));
        askers.welcome(7);
        assert_eq!(askers.full_at(7), 0);
    }
}

//! Networks in order, in pages: what a table of them is made of.

use crate::net::network::{Network, MAPPED};
use ahash::AHashMap;

/// Entries of a page, at most: a page is moved as a whole where one comes in between.
const PAGE: usize = 64;

/// The bits of an address that tell the networks of a table apart.
pub(crate) trait Key: Copy + Ord + 'static {
    fn of(bits: u128) -> Self;
    fn bits(self) -> u128;
}

impl Key for u32 {
    #[allow(clippy::cast_possible_truncation)] // all addresses of IPv4 begin alike
    fn of(bits: u128) -> Self {
        bits as Self
    }

    fn bits(self) -> u128 {
        MAPPED << Self::BITS | u128::from(self)
    }
}

impl Key for u64 {
    #[allow(clippy::cast_possible_truncation)] // it is the upper half of them
    fn of(bits: u128) -> Self {
        (bits >> Self::BITS) as Self
    }

    fn bits(self) -> u128 {
        u128::from(self) << Self::BITS
    }
}

impl Key for u128 {
    fn of(bits: u128) -> Self {
        bits
    }

    fn bits(self) -> u128 {
        self
    }
}

/// What is kept of a network, but where it begins.
#[derive(Clone, Copy, Debug)]
struct Entry {
    value: u64,
    length: u8,
    /// The lengths of the networks around it, a bit for each; nothing is within one of 128.
    enclosing: u128,
}

impl Entry {
    /// The lengths of those of its networks, itself included, that a number of first bits may tell
    /// to be around something else.
    fn up_to(self, common: u32) -> u128 {
        let all = self.enclosing | bit(self.length);
        all & !u128::MAX.checked_shl(common + 1).unwrap_or(0)
    }
}

fn bit(length: u8) -> u128 {
    1_u128.checked_shl(u32::from(length)).unwrap_or(0)
}

/// The longest of some lengths.
fn longest(lengths: u128) -> Option<u8> {
    u8::try_from(lengths.checked_ilog2()?).ok()
}

/// Entries in order: by where they begin, and of those that begin together the widest first.
#[derive(Clone, Debug)]
struct Page<K> {
    starts: Vec<K>,
    entries: Vec<Entry>,
}

impl<K: Key> Page<K> {
    fn get(&self, at: usize) -> (Network, Entry) {
        (Network::of_bits(self.starts[at].bits(), self.entries[at].length), self.entries[at])
    }
}

/// How many of the sorted keys are at most `key`.
///
/// A binary search waits for each of its looks before the next; here seven go on at a time.
fn up_to<K: Key>(keys: &[K], key: K) -> usize {
    let (mut found, mut left) = (0, keys);
    while left.len() >= 8 {
        let step = left.len() / 8;
        let is_before = |way: usize| usize::from(left[way * step - 1] <= key);
        let (low, high) = ((is_before(1) + is_before(2)) + is_before(3), is_before(5) + is_before(6));
        let skipped = ((low + is_before(4)) + (high + is_before(7))) * step;
        found += skipped;
        // As many are left wherever it is, so that nothing waits for how many.
        left = &left[skipped..][..left.len() - 7 * step];
    }
    found + left.iter().map(|start| usize::from(*start <= key)).sum::<usize>()
}

/// The networks that are told apart by one kind of key, in pages none of which is empty.
#[derive(Clone, Debug)]
pub(crate) struct NetworkPages<K> {
    /// Where the first of each page begins.
    firsts: Vec<K>,
    pages: Vec<Page<K>>,
    pub(crate) count: usize,
}

/// Where an entry stands: its page, and its place there.
type At = (usize, usize);

impl<K> Default for NetworkPages<K> {
    fn default() -> Self {
        Self { firsts: Vec::new(), pages: Vec::new(), count: 0 }
    }
}

impl<K: Key> NetworkPages<K> {
    /// Bytes of memory that are in use, as near as can be told.
    pub(crate) fn size(&self) -> usize {
        let entry = size_of::<K>() + size_of::<Entry>();
        let pages = self.pages.iter().map(|page| page.starts.capacity() * entry);
        pages.sum::<usize>() + self.pages.len() * (size_of::<Page<K>>() + size_of::<K>())
    }

    /// The last entry that begins at or before `bits`.
    fn before(&self, bits: u128) -> Option<At> {
        let key = K::of(bits);
        let page = up_to(&self.firsts, key).checked_sub(1)?;
        Some((page, up_to(&self.pages[page].starts, key).checked_sub(1)?))
    }

    /// The last entry that comes before a network, or is that network itself.
    fn up_to(&self, network: Network) -> Option<At> {
        let mut at = self.before(network.bits())?;
        loop {
            let (found, _) = self.get(at);
            if found.bits() != network.bits() || found.length() <= network.length() {
                return Some(at);
            }
            at = self.previous(at)?;
        }
    }

    fn get(&self, (page, place): At) -> (Network, Entry) {
        self.pages[page].get(place)
    }

    fn previous(&self, (page, place): At) -> Option<At> {
        match place.checked_sub(1) {
            Some(place) => Some((page, place)),
            None => page.checked_sub(1).map(|page| (page, self.pages[page].starts.len() - 1)),
        }
    }

    fn next(&self, (page, place): At) -> Option<At> {
        let next = if place + 1 < self.pages[page].starts.len() { (page, place + 1) } else { (page + 1, 0) };
        (next.0 < self.pages.len()).then_some(next)
    }

    fn find(&self, network: Network) -> Option<At> {
        self.up_to(network).filter(|&at| self.get(at).0 == network)
    }

    /// Goes through the networks around an address of these bits, as [`super::nettable`] does, which
    /// has the value of each at hand.
    pub(crate) fn around<T>(
        &self,
        bits: u128,
        values: &AHashMap<Network, u64>,
        look: &mut impl FnMut(Network, u64) -> Option<T>,
    ) -> Option<T> {
        let (network, entry) = self.get(self.before(bits)?);
        let mut enclosing = entry.enclosing;
        if network.has(bits) {
            let found = look(network, entry.value);
            if found.is_some() {
                return found;
            }
        } else {
            enclosing = entry.up_to((network.bits() ^ bits).leading_zeros());
        }
        while let Some(length) = longest(enclosing) {
            enclosing &= !bit(length);
            let network = Network::of_bits(bits, length);
            let found = look(network, *values.get(&network)?);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Whether there is a network within another one, or that one itself.
    pub(crate) fn is_any_within(&self, network: Network) -> bool {
        let last = network.bits() | !Network::of_bits(u128::MAX, network.length()).bits();
        self.before(last).is_some_and(|at| {
            let found = self.get(at).0;
            found.length() >= network.length() && network.has(found.bits())
        })
    }

    /// All networks with their values.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Network, u64)> + '_ {
        let rows = self.pages.iter().flat_map(|page| (0..page.starts.len()).map(|at| page.get(at)));
        rows.map(|(network, entry)| (network, entry.value))
    }

    /// The lengths of the networks around one, which need not be here; `at` is the last entry
    /// before it.
    fn enclosing_of(&self, network: Network, at: Option<At>) -> u128 {
        at.map_or(0, |at| {
            let (found, entry) = self.get(at);
            entry.up_to((found.bits() ^ network.bits()).leading_zeros())
                & (bit(network.length()).wrapping_sub(1))
        })
    }

    /// Adds one that comes after all that are here; to its bits come those of what is around it.
    pub(crate) fn push(&mut self, network: Network, bits: u64) {
        let last = self.pages.len().checked_sub(1).map(|page| (page, self.pages[page].starts.len() - 1));
        let enclosing = self.enclosing_of(network, last);
        let outer = longest(enclosing).and_then(|length| self.find(Network::of_bits(network.bits(), length)));
        let value = bits | outer.map_or(0, |at| self.get(at).1.value);
        if self.pages.last().is_none_or(|page| page.starts.len() >= PAGE) {
            self.firsts.push(K::of(network.bits()));
            self.pages.push(Page { starts: Vec::new(), entries: Vec::new() });
        }
        if let Some(page) = self.pages.last_mut() {
            page.starts.push(K::of(network.bits()));
            page.entries.push(Entry { value, length: network.length(), enclosing });
            self.count += 1;
        }
    }

    /// Adds to the bits of each network those that the function gives for where it begins.
    pub(crate) fn add_bits(&mut self, more: impl Fn(u128) -> u64) {
        for page in &mut self.pages {
            for (start, entry) in page.starts.iter().zip(&mut page.entries) {
                entry.value |= more(start.bits());
            }
        }
    }

    /// Puts a network in, or gives it another value; whether it is new.
    pub(crate) fn insert(&mut self, network: Network, value: u64) -> bool {
        let before = self.up_to(network);
        if let Some((page, place)) = before.filter(|&at| self.get(at).0 == network) {
            self.pages[page].entries[place].value = value;
            return false;
        }
        let enclosing = self.enclosing_of(network, before);
        let at = match before {
            Some((page, place)) => (page, place + 1),
            None if self.pages.is_empty() => {
                self.push(network, value); // around which there is nothing
                return true;
            }
            None => (0, 0),
        };
        self.put(at, network, Entry { value, length: network.length(), enclosing });
        self.update_within(network, |enclosing| enclosing | bit(network.length()));
        true
    }

    fn put(&mut self, (page, place): At, network: Network, entry: Entry) {
        let full = &mut self.pages[page];
        full.starts.insert(place, K::of(network.bits()));
        full.entries.insert(place, entry);
        self.count += 1;
        self.firsts[page] = full.starts[0];
        if full.starts.len() > PAGE {
            let half = PAGE / 2;
            let more = Page { starts: full.starts.split_off(half), entries: full.entries.split_off(half) };
            self.firsts.insert(page + 1, more.starts[0]);
            self.pages.insert(page + 1, more);
        }
    }

    /// Takes a network out; false if it was not there.
    pub(crate) fn remove(&mut self, network: Network) -> bool {
        let Some((page, place)) = self.find(network) else { return false };
        self.update_within(network, |enclosing| enclosing & !bit(network.length()));
        let left = &mut self.pages[page];
        left.starts.remove(place);
        left.entries.remove(place);
        self.count -= 1;
        if let Some(&first) = left.starts.first() {
            self.firsts[page] = first;
        } else {
            self.pages.remove(page);
            self.firsts.remove(page);
        }
        true
    }

    /// Gives those within a network other lengths of what is around them.
    fn update_within(&mut self, network: Network, change: impl Fn(u128) -> u128) {
        let mut next = self.find(network).and_then(|at| self.next(at));
        while let Some((page, place)) = next {
            if !network.has(self.pages[page].starts[place].bits()) {
                return;
            }
            let entry = &mut self.pages[page].entries[place];
            entry.enclosing = change(entry.enclosing);
            next = self.next((page, place));
        }
    }
}

//! Sorted networks in pages: the parts of a [`NetworkTable`](super::network_table::NetworkTable).

use crate::net::network::{Network, MAPPED};
use ahash::AHashMap;

/// The largest number of entries of a page: an insertion moves the rest of its page.
const PAGE: usize = 64;

/// The bits of an address that distinguish the networks of a table.
pub(crate) trait Key: Copy + Ord + 'static {
    fn of(bits: u128) -> Self;
    fn bits(self) -> u128;
}

impl Key for u32 {
    #[allow(clippy::cast_possible_truncation)] // all mapped addresses begin with the same bits
    fn of(bits: u128) -> Self {
        bits as Self
    }

    fn bits(self) -> u128 {
        MAPPED << Self::BITS | u128::from(self)
    }
}

impl Key for u64 {
    #[allow(clippy::cast_possible_truncation)] // the shift leaves the upper half
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

/// The data of a network, without its start.
#[derive(Clone, Copy, Debug)]
struct Entry {
    value: u64,
    length: u8,
    /// The prefix lengths of the networks around this one, one bit each; no network lies within a /128.
    enclosing: u128,
}

impl Entry {
    /// Return the prefix lengths of the entry and of the networks around it that also contain another
    /// address.
    ///
    /// The other address shares the first `common` bits with the entry.
    fn up_to(self, common: u32) -> u128 {
        let all = self.enclosing | bit(self.length);
        all & !u128::MAX.checked_shl(common + 1).unwrap_or(0)
    }
}

fn bit(length: u8) -> u128 {
    1_u128.checked_shl(u32::from(length)).unwrap_or(0)
}

/// Return the longest of a set of prefix lengths.
fn longest(lengths: u128) -> Option<u8> {
    u8::try_from(lengths.checked_ilog2()?).ok()
}

/// Sorted entries: by start, and with the same start the widest first.
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

/// Return how many of the sorted keys are at most `key`.
///
/// A binary search waits for each comparison before the next; here seven proceed at a time.
fn up_to<K: Key>(keys: &[K], key: K) -> usize {
    let (mut found, mut left) = (0, keys);
    while left.len() >= 8 {
        let step = left.len() / 8;
        let is_before = |way: usize| usize::from(left[way * step - 1] <= key);
        let (low, high) = ((is_before(1) + is_before(2)) + is_before(3), is_before(5) + is_before(6));
        let skipped = ((low + is_before(4)) + (high + is_before(7))) * step;
        found += skipped;
        // The remaining number is the same in each case, so that no instruction waits for it.
        left = &left[skipped..][..left.len() - 7 * step];
    }
    found + left.iter().map(|start| usize::from(*start <= key)).sum::<usize>()
}

/// The networks distinguished by one kind of key, in non-empty pages.
#[derive(Clone, Debug)]
pub(crate) struct NetworkPages<K> {
    /// The first start of each page.
    firsts: Vec<K>,
    pages: Vec<Page<K>>,
    pub(crate) count: usize,
}

/// The place of an entry: its page, and its index in the page.
type At = (usize, usize);

impl<K> Default for NetworkPages<K> {
    fn default() -> Self {
        Self { firsts: Vec::new(), pages: Vec::new(), count: 0 }
    }
}

impl<K: Key> NetworkPages<K> {
    /// Return the used memory in bytes, approximately.
    pub(crate) fn size(&self) -> usize {
        let entry = size_of::<K>() + size_of::<Entry>();
        let pages = self.pages.iter().map(|page| page.starts.capacity() * entry);
        pages.sum::<usize>() + self.pages.len() * (size_of::<Page<K>>() + size_of::<K>())
    }

    /// Return the last entry that starts at or before `bits`.
    fn before(&self, bits: u128) -> Option<At> {
        let key = K::of(bits);
        let page = up_to(&self.firsts, key).checked_sub(1)?;
        Some((page, up_to(&self.pages[page].starts, key).checked_sub(1)?))
    }

    /// Return the last entry that comes before a network, or is that network itself.
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

    fn get(&self, (page, index): At) -> (Network, Entry) {
        self.pages[page].get(index)
    }

    fn previous(&self, (page, index): At) -> Option<At> {
        match index.checked_sub(1) {
            Some(index) => Some((page, index)),
            None => page.checked_sub(1).map(|page| (page, self.pages[page].starts.len() - 1)),
        }
    }

    fn next(&self, (page, index): At) -> Option<At> {
        let next = if index + 1 < self.pages[page].starts.len() { (page, index + 1) } else { (page + 1, 0) };
        (next.0 < self.pages.len()).then_some(next)
    }

    fn find(&self, network: Network) -> Option<At> {
        self.up_to(network).filter(|&at| self.get(at).0 == network)
    }

    /// Visit the networks around an address with these bits, the smallest first, until `look` returns a
    /// value.
    ///
    /// The values of the networks come from the table's map.
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

    /// Return whether the pages contain a network within `network`, or that network itself.
    pub(crate) fn is_any_within(&self, network: Network) -> bool {
        let last = network.bits() | !Network::of_bits(u128::MAX, network.length()).bits();
        self.before(last).is_some_and(|at| {
            let found = self.get(at).0;
            found.length() >= network.length() && network.has(found.bits())
        })
    }

    /// Return all networks with their values.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Network, u64)> + '_ {
        let rows = self.pages.iter().flat_map(|page| (0..page.starts.len()).map(|at| page.get(at)));
        rows.map(|(network, entry)| (network, entry.value))
    }

    /// Return the prefix lengths of the networks around `network`, which need not be stored here.
    ///
    /// `at` is the last entry before that network.
    fn enclosing_of(&self, network: Network, at: Option<At>) -> u128 {
        at.map_or(0, |at| {
            let (found, entry) = self.get(at);
            entry.up_to((found.bits() ^ network.bits()).leading_zeros())
                & (bit(network.length()).wrapping_sub(1))
        })
    }

    /// Append a network that comes after all others; the bits of the networks around it are added to
    /// its own.
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

    /// Add to the bits of each network those that `more` returns for its start.
    pub(crate) fn add_bits(&mut self, more: impl Fn(u128) -> u64) {
        for page in &mut self.pages {
            for (start, entry) in page.starts.iter().zip(&mut page.entries) {
                entry.value |= more(start.bits());
            }
        }
    }

    /// Insert a network, or change its value; return whether the network is new.
    pub(crate) fn insert(&mut self, network: Network, value: u64) -> bool {
        let before = self.up_to(network);
        if let Some((page, index)) = before.filter(|&at| self.get(at).0 == network) {
            self.pages[page].entries[index].value = value;
            return false;
        }
        let enclosing = self.enclosing_of(network, before);
        let at = match before {
            Some((page, index)) => (page, index + 1),
            None if self.pages.is_empty() => {
                self.push(network, value); // the first entry: nothing lies around it
                return true;
            }
            None => (0, 0),
        };
        self.put(at, network, Entry { value, length: network.length(), enclosing });
        self.update_within(network, |enclosing| enclosing | bit(network.length()));
        true
    }

    fn put(&mut self, (page, index): At, network: Network, entry: Entry) {
        let full = &mut self.pages[page];
        full.starts.insert(index, K::of(network.bits()));
        full.entries.insert(index, entry);
        self.count += 1;
        self.firsts[page] = full.starts[0];
        if full.starts.len() > PAGE {
            let half = PAGE / 2;
            let more = Page { starts: full.starts.split_off(half), entries: full.entries.split_off(half) };
            self.firsts.insert(page + 1, more.starts[0]);
            self.pages.insert(page + 1, more);
        }
    }

    /// Remove a network; return false if it is not stored.
    pub(crate) fn remove(&mut self, network: Network) -> bool {
        let Some((page, index)) = self.find(network) else { return false };
        self.update_within(network, |enclosing| enclosing & !bit(network.length()));
        let left = &mut self.pages[page];
        left.starts.remove(index);
        left.entries.remove(index);
        self.count -= 1;
        if let Some(&first) = left.starts.first() {
            self.firsts[page] = first;
        } else {
            self.pages.remove(page);
            self.firsts.remove(page);
        }
        true
    }

    /// Change the prefix lengths that the networks within `network` store of those around them.
    fn update_within(&mut self, network: Network, change: impl Fn(u128) -> u128) {
        let mut next = self.find(network).and_then(|at| self.next(at));
        while let Some((page, index)) = next {
            if !network.has(self.pages[page].starts[index].bits()) {
                return;
            }
            let entry = &mut self.pages[page].entries[index];
            entry.enclosing = change(entry.enclosing);
            next = self.next((page, index));
        }
    }
}

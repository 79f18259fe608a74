//! Numbered slots, in which the number of one kind of thing is never taken for that of another.

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

use slab::Slab;

/// The number of a slot, as a type of its own for each kind of thing.
pub trait SlotId: Copy {
    /// Return the id of the slot with this number.
    fn from_number(number: u32) -> Self;

    /// Return the number of the slot.
    fn number(self) -> u32;

    /// Return the number as an index.
    #[inline]
    fn index(self) -> usize {
        self.number() as usize
    }
}

/// Define a type that is the number of a slot.
///
/// An `Option` of the type has the size of the number: the complement of the number is stored, and the
/// complement of [`u32::MAX`] stands for `None`. No slot ever has that number. Where an id is made of
/// it, the id is that of another slot that never exists.
macro_rules! slot_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(std::num::NonZeroU32);

        impl $crate::slots::SlotId for $name {
            #[inline]
            fn from_number(number: u32) -> Self {
                Self(std::num::NonZeroU32::new(!number).unwrap_or(std::num::NonZeroU32::MIN))
            }

            #[inline]
            fn number(self) -> u32 {
                !self.0.get()
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&$crate::slots::SlotId::number(*self)).finish()
            }
        }
    };
}

pub(crate) use slot_id;

/// Values in numbered slots; the number of a removed value is used again.
#[derive(Debug)]
pub(crate) struct Slots<I, T> {
    slab: Slab<T>,
    id: PhantomData<fn(I) -> I>,
}

impl<I, T> Default for Slots<I, T> {
    fn default() -> Self {
        Self { slab: Slab::new(), id: PhantomData }
    }
}

impl<I: SlotId, T> Slots<I, T> {
    /// Put a value into a free slot.
    #[inline]
    pub fn insert(&mut self, value: T) -> I {
        I::from_number(self.slab.insert(value) as u32)
    }

    /// Take a value out, if the slot has one.
    #[inline]
    pub fn remove(&mut self, id: I) -> Option<T> {
        self.slab.try_remove(id.index())
    }

    /// Return the value of a slot, if there is an id and the slot has a value.
    #[inline]
    #[must_use]
    pub fn get(&self, id: impl Into<Option<I>>) -> Option<&T> {
        self.slab.get(id.into()?.index())
    }

    /// Return the value of a slot for a change, if there is an id and the slot has a value.
    #[inline]
    pub fn get_mut(&mut self, id: impl Into<Option<I>>) -> Option<&mut T> {
        self.slab.get_mut(id.into()?.index())
    }

    /// Return the number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Return all values with their ids, by ascending number.
    pub fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.slab.iter().map(|(index, value)| (I::from_number(index as u32), value))
    }

    /// Return all values with their ids, by ascending number, for changes.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (I, &mut T)> {
        self.slab.iter_mut().map(|(index, value)| (I::from_number(index as u32), value))
    }
}

/// Slots with these numbers; all others are free.
impl<I: SlotId, T> FromIterator<(u32, T)> for Slots<I, T> {
    fn from_iter<V: IntoIterator<Item = (u32, T)>>(values: V) -> Self {
        let slab = values.into_iter().map(|(number, value)| (number as usize, value)).collect();
        Self { slab, id: PhantomData }
    }
}

/// Panics for a slot without a value.
impl<I: SlotId, T> Index<I> for Slots<I, T> {
    type Output = T;

    #[inline]
    fn index(&self, id: I) -> &T {
        &self.slab[id.index()]
    }
}

impl<I: SlotId, T> IndexMut<I> for Slots<I, T> {
    #[inline]
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.slab[id.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    slot_id!(
        /// The number of a text in these tests.
        TextId
    );

    #[test]
    fn values_are_found_until_they_are_removed() {
        let mut slots = Slots::<TextId, &str>::default();
        let (a, b) = (slots.insert("a"), slots.insert("b"));
        slots[b] = "c";
        assert_eq!((slots[a], slots.get(b), slots.len()), ("a", Some(&"c"), 2));
        assert_eq!((slots.remove(a), slots.remove(a), slots.get(a)), (Some("a"), None, None));
        assert_eq!(slots.iter().collect::<Vec<_>>(), [(b, &"c")]);
        assert_eq!(slots.insert("d"), a, "numbers are used again");
    }

    #[test]
    fn numbers_may_be_kept_free() {
        let mut slots: Slots<TextId, &str> = [(4, "e"), (1, "b")].into_iter().collect();
        assert_eq!(slots.get(TextId::from_number(4)), Some(&"e"));
        let mut others: Vec<u32> = (0..4).map(|_| slots.insert("x").number()).collect();
        others.sort_unstable();
        assert_eq!(others, [0, 2, 3, 5]);
    }

    #[test]
    fn no_id_is_as_large_as_an_id() {
        assert_eq!((size_of::<TextId>(), size_of::<Option<TextId>>()), (4, 4));
        for number in [0, 1, 77, u32::MAX - 1] {
            assert_eq!(TextId::from_number(number).number(), number);
        }
        assert_eq!(format!("{:?}", TextId::from_number(7)), "TextId(7)");
    }

    #[test]
    fn the_number_that_no_slot_has_stays_unknown() {
        let mut slots = Slots::<TextId, &str>::default();
        slots.insert("a");
        assert_eq!(slots.get(TextId::from_number(u32::MAX)), None);
    }
}

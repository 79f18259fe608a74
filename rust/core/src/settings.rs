//! Settings by name: each is declared once in Rust, under the operator's name and in the operator's unit.
//!
//! The type of a setting is its unit. Each unit has one function that converts to the clock's
//! microseconds. No setting has a default: the operator's settings have them all.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use crate::limits::token_bucket::Rate;
use crate::net::network::Network;

const SECOND: f64 = 1_000_000.0;
const MILLISECOND: f64 = 1_000.0;

/// A time in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seconds(pub f64);

impl Seconds {
    /// Return the time in microseconds.
    #[inline]
    #[must_use]
    pub fn us(self) -> u64 {
        (self.0 * SECOND) as u64
    }
}

/// A time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Milliseconds(pub f64);

impl Milliseconds {
    /// Return the time in microseconds.
    #[inline]
    #[must_use]
    pub fn us(self) -> u64 {
        (self.0 * MILLISECOND) as u64
    }
}

/// The time between two repetitions, in milliseconds; at least a microsecond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Period(pub Milliseconds);

impl Period {
    /// Return the time in microseconds.
    #[inline]
    #[must_use]
    pub fn us(self) -> u64 {
        self.0.us()
    }
}

/// A frequency per second; positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerSecond(pub f64);

impl PerSecond {
    /// Return the time for one, in microseconds; at least 1.
    #[inline]
    #[must_use]
    pub fn interval(self) -> u64 {
        (SECOND / self.0).max(1.0) as u64
    }
}

/// A frequency per minute; positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerMinute(pub f64);

impl PerMinute {
    /// Return the time for one, in microseconds; at least 1.
    #[inline]
    #[must_use]
    pub fn interval(self) -> u64 {
        (60.0 * SECOND / self.0).max(1.0) as u64
    }
}

/// A share of a whole; more than 0, and at most 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(pub f64);

/// The value of a setting, as the operator gave it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Whole(u64),
    /// Any other number.
    Number(f64),
    /// A list of texts.
    Texts(Vec<String>),
    /// A number of actions at once, and one of further actions per second.
    Rate(u32, f64),
}

impl Value {
    fn number(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn positive(&self) -> Option<f64> {
        self.number().filter(|number| number.is_finite() && *number > 0.0)
    }
}

/// A type of settings.
pub trait Setting: Sized {
    /// Convert a value.
    ///
    /// # Errors
    /// If the value does not fit; the text continues the name of the setting.
    fn of(value: &Value) -> Result<Self, String>;
}

macro_rules! whole_settings {
    ($($kind:ty),*) => {$(
        impl Setting for $kind {
            fn of(value: &Value) -> Result<Self, String> {
                let Value::Whole(number) = value else { return Err("must be a whole number, 0 or more".into()) };
                Self::try_from(*number).map_err(|_| format!("must be at most {}", Self::MAX))
            }
        }
    )*};
}

whole_settings!(u32, u64, usize);

impl Setting for NonZeroU32 {
    fn of(value: &Value) -> Result<Self, String> {
        Self::new(u32::of(value)?).ok_or_else(|| "must be at least 1".into())
    }
}

impl Setting for bool {
    fn of(value: &Value) -> Result<Self, String> {
        let Value::Flag(flag) = value else { return Err("must be true or false".into()) };
        Ok(*flag)
    }
}

/// Return a time; the unit does not matter.
fn time(value: &Value) -> Result<f64, String> {
    let time = value.number().filter(|time| time.is_finite() && *time >= 0.0);
    time.ok_or_else(|| "must be a time, 0 or longer".into())
}

impl Setting for Seconds {
    fn of(value: &Value) -> Result<Self, String> {
        time(value).map(Self)
    }
}

impl Setting for Milliseconds {
    fn of(value: &Value) -> Result<Self, String> {
        time(value).map(Self)
    }
}

impl Setting for Period {
    fn of(value: &Value) -> Result<Self, String> {
        let period = Self(Milliseconds::of(value)?);
        if period.us() > 0 {
            Ok(period)
        } else {
            Err("must be positive".into())
        }
    }
}

impl Setting for PerSecond {
    fn of(value: &Value) -> Result<Self, String> {
        value.positive().map(Self).ok_or_else(|| "must be a rate above 0".into())
    }
}

impl Setting for PerMinute {
    fn of(value: &Value) -> Result<Self, String> {
        value.positive().map(Self).ok_or_else(|| "must be a rate above 0".into())
    }
}

impl Setting for Share {
    fn of(value: &Value) -> Result<Self, String> {
        let share = value.positive().filter(|share| *share <= 1.0);
        share.map(Self).ok_or_else(|| "must be in (0, 1]".into())
    }
}

impl Setting for Rate {
    fn of(value: &Value) -> Result<Self, String> {
        let Value::Rate(burst, per_second) = value else { return Err("must be a burst and a rate".into()) };
        if *burst == 0 {
            return Err("must have a burst of at least 1".into());
        }
        let per_second = PerSecond::of(&Value::Number(*per_second))?;
        Ok(Self { burst: *burst, interval: per_second.interval() })
    }
}

impl Setting for Vec<Network> {
    fn of(value: &Value) -> Result<Self, String> {
        let Value::Texts(texts) = value else { return Err("must be a list of networks".into()) };
        let network = |text: &String| {
            let wrong = || format!("has {text:?}, which is neither an address nor a network");
            Network::parse(text).ok_or_else(wrong)
        };
        texts.iter().map(network).collect()
    }
}

/// Settings by name, from which a part of the server takes its own.
#[derive(Debug, Default)]
pub struct Values(BTreeMap<String, Value>);

impl FromIterator<(String, Value)> for Values {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl Values {
    /// Take one setting.
    ///
    /// # Errors
    /// If the setting is missing, or if its value does not fit.
    pub fn take<T: Setting>(&mut self, name: &str) -> Result<T, String> {
        let value = self.0.remove(name).ok_or_else(|| format!("{name} is missing"))?;
        T::of(&value).map_err(|problem| format!("{name} {problem}"))
    }

    /// Check that all settings were taken.
    ///
    /// # Errors
    /// If one is left: nothing reads a setting of this name.
    pub fn finish(self) -> Result<(), String> {
        self.0.first_key_value().map_or(Ok(()), |(name, _)| Err(format!("{name} is unknown")))
    }
}

/// Declare a struct of settings, and how it is read by the names of its fields.
macro_rules! declare_settings {
    ($(#[$about:meta])* pub struct $part:ident { $($(#[$doc:meta])* pub $name:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug)]
        pub struct $part { $($(#[$doc])* pub $name: $kind,)* }

        impl $part {
            /// Read all settings by name.
            ///
            /// # Errors
            /// If a setting is missing, unknown, or has a value that does not fit.
            pub fn read(mut values: $crate::settings::Values) -> Result<Self, String> {
                let settings = Self { $($name: values.take(stringify!($name))?,)* };
                values.finish().map(|()| settings)
            }
        }
    };
}
pub(crate) use declare_settings;

#[cfg(test)]
mod tests {
    use super::*;

    declare_settings! {
        /// Two settings.
        pub struct Pair {
            /// A size.
            pub most_bytes: u32,
            /// A time.
            pub rest_ms: Milliseconds,
        }
    }

    fn pair(values: &[(&str, Value)]) -> Result<Pair, String> {
        Pair::read(values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    #[test]
    fn settings_are_read_by_the_names_of_their_fields() {
        let read = pair(&[("rest_ms", Value::Number(0.5)), ("most_bytes", Value::Whole(7))]).unwrap();
        assert_eq!((read.most_bytes, read.rest_ms.us()), (7, 500));
    }

    #[test]
    fn a_missing_and_an_unknown_setting_are_named() {
        let (most, rest) = (("most_bytes", Value::Whole(7)), ("rest_ms", Value::Whole(1)));
        assert_eq!(pair(std::slice::from_ref(&most)).unwrap_err(), "rest_ms is missing");
        let other = ("rest_seconds", Value::Whole(1));
        assert_eq!(pair(&[most, rest, other]).unwrap_err(), "rest_seconds is unknown");
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused_by_name() {
        let rest = ("rest_ms", Value::Whole(1));
        for (value, problem) in [
            (Value::Flag(true), "most_bytes must be a whole number, 0 or more"),
            (Value::Number(1.5), "most_bytes must be a whole number, 0 or more"),
            (Value::Whole(1 << 32), "most_bytes must be at most 4294967295"),
        ] {
            assert_eq!(pair(&[("most_bytes", value), rest.clone()]).unwrap_err(), problem);
        }
    }

    #[test]
    fn each_unit_has_its_bounds() {
        for wrong in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(Seconds::of(&Value::Number(wrong)).is_err());
            assert!(Milliseconds::of(&Value::Number(wrong)).is_err());
        }
        for wrong in [0.0, -1.0, f64::NAN] {
            let wrong = Value::Number(wrong);
            assert!(Period::of(&wrong).is_err() && Share::of(&wrong).is_err());
            assert!(PerSecond::of(&wrong).is_err() && PerMinute::of(&wrong).is_err());
        }
        assert!(Share::of(&Value::Number(1.1)).is_err() && Share::of(&Value::Whole(1)).is_ok());
        assert!(NonZeroU32::of(&Value::Whole(0)).is_err() && bool::of(&Value::Whole(1)).is_err());
        assert!(Rate::of(&Value::Rate(0, 1.0)).is_err() && Rate::of(&Value::Rate(1, 0.0)).is_err());
        assert!(Vec::<Network>::of(&Value::Texts(vec!["::/129".into()])).is_err());
    }

    #[test]
    fn each_unit_converts_to_microseconds() {
        assert_eq!(Seconds(2.5).us(), 2_500_000);
        assert_eq!(Milliseconds(2.5).us(), 2_500);
        assert_eq!(PerSecond(5.0).interval(), 200_000);
        assert_eq!(PerMinute(6.0).interval(), 10_000_000);
        assert_eq!(PerSecond(1e9).interval(), 1);
        assert_eq!(Rate::of(&Value::Rate(3, 4.0)).unwrap().interval, 250_000);
    }
}

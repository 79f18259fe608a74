//! No order of operations overflows a quota, loses a user or grants more points than the class allows.

#![no_main]

use fortepiano_core::limits::quota::Quotas;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Operation {
    Add { allowance: i32, max: i32 },
    Remove { slot: u8 },
    SetParams { slot: u8, allowance: i32, max: i32 },
    Spend { slot: u8, k: u32 },
    Tick,
}

fuzz_target!(|operations: Vec<Operation>| {
    let mut quotas = Quotas::new(3);
    let mut users = 0;
    for operation in operations {
        match operation {
            Operation::Add { allowance, max } => {
                let slot = quotas.add(allowance, max);
                users += 1;
                assert_eq!(quotas.points(slot), if max > 0 { max } else { 24000 });
            }
            Operation::Remove { slot } => users -= usize::from(quotas.remove(slot.into())),
            Operation::SetParams { slot, allowance, max } => {
                let before = quotas.points(slot.into());
                let changed = quotas.set_params(slot.into(), allowance, max);
                let expected = if changed && max > 0 { before.min(max) } else { before };
                assert_eq!(quotas.points(slot.into()), expected);
            }
            Operation::Spend { slot, k } => {
                let before = quotas.points(slot.into());
                let paid = quotas.spend(slot.into(), k);
                let price = i64::from(before) - i64::from(quotas.points(slot.into()));
                assert!(if paid { price >= i64::from(k) } else { price == 0 });
            }
            Operation::Tick => quotas.tick(),
        }
        assert_eq!(quotas.len(), users);
        assert!((0..=u32::from(u8::MAX)).all(|slot| quotas.points(slot) >= 0));
    }
});

//! No order of operations overflows a quota, loses a user or grants more points than the class allows.

#![no_main]

use fortepiano_core::limits::quota::{Account, QuotaId, Quotas};
use fortepiano_core::slots::SlotId;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Operation {
    Add { allowance: i32, max: i32 },
    Remove { slot: u8 },
    SetParams { slot: u8, allowance: i32, max: i32 },
    Spend { slot: u8, k: u32 },
    Restore { slot: u8, account: (i32, i32, i32, i32), history: Vec<i32> },
    Tick,
}

fn of(slot: u8) -> QuotaId {
    QuotaId::from_number(slot.into())
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
            Operation::Remove { slot } => users -= usize::from(quotas.remove(of(slot))),
            Operation::SetParams { slot, allowance, max } => {
                let before = quotas.points(of(slot));
                let changed = quotas.set_params(of(slot), allowance, max);
                let expected = if changed && max > 0 { before.min(max) } else { before };
                assert_eq!(quotas.points(of(slot)), expected);
            }
            Operation::Spend { slot, k } => {
                let before = quotas.points(of(slot));
                let paid = quotas.spend(of(slot), k);
                let price = i64::from(before) - i64::from(quotas.points(of(slot)));
                assert!(if paid { price >= i64::from(k) } else { price == 0 });
            }
            Operation::Restore { slot, account: (points, allowance, max, lent), history } => {
                quotas.restore(of(slot), &Account { points, allowance, max, lent, history });
            }
            Operation::Tick => quotas.tick(),
        }
        assert_eq!(quotas.len(), users);
        assert!((0..=u8::MAX).all(|slot| quotas.points(of(slot)) >= 0));
    }
});

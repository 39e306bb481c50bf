//! Time by judgement. Whole milliseconds, so that the parts are always exactly the whole.

use super::fault::{Fault, Judgement, Loss};
use crate::engine::event::Cause;

/// How long each judgement held, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Going live for the first time.
    pub starting: u64,
    /// As it should be.
    pub perfect: u64,
    /// Stopping.
    pub ending: u64,
    /// By fault, each once, in the order they were first met: a few dozen at most, as there are that many.
    faults: Vec<(Fault, u64)>,
}

impl Account {
    /// Adds `millis` of `judgement`.
    pub fn add(&mut self, judgement: Judgement, millis: u64) {
        match judgement {
            Judgement::Starting => self.starting += millis,
            Judgement::Perfect => self.perfect += millis,
            Judgement::Ending => self.ending += millis,
            Judgement::Fault(fault) => {
                match self.faults.iter_mut().find(|(known, _)| *known == fault) {
                    Some((_, sum)) => *sum += millis,
                    None => self.faults.push((fault, millis)),
                }
            }
        }
    }

    /// Puts `millis` of `judgement` down to `fault` instead.
    pub fn rejudge(&mut self, judgement: Judgement, fault: Fault, millis: u64) {
        match judgement {
            Judgement::Starting => self.starting -= millis,
            Judgement::Perfect => self.perfect -= millis,
            Judgement::Ending => self.ending -= millis,
            Judgement::Fault(before) => {
                let mut known = self.faults.iter_mut();
                if let Some((_, sum)) = known.find(|(known, _)| *known == before) {
                    *sum -= millis;
                }
            }
        }
        self.add(Judgement::Fault(fault), millis);
    }

    /// All of the time.
    #[must_use]
    pub fn whole(&self) -> u64 {
        self.starting + self.ending + self.wanted()
    }

    /// The time in which somebody could watch: without going live and stopping.
    #[must_use]
    pub fn wanted(&self) -> u64 {
        self.perfect + self.lost(|_| true)
    }

    /// How long one of the faults that `counts` lets through held.
    #[must_use]
    pub fn lost(&self, counts: impl Fn(Fault) -> bool) -> u64 {
        let counted = self.faults.iter().filter(|(fault, _)| counts(*fault));
        counted.map(|(_, millis)| millis).sum()
    }

    /// How long `loss` was put down to `cause`.
    #[must_use]
    pub fn of(&self, loss: Loss, cause: Cause) -> u64 {
        self.lost(|fault| fault == Fault { loss, cause })
    }

    /// Every fault that was met, the worst loss first, within it the longest.
    #[must_use]
    pub fn faults(&self) -> Vec<(Fault, u64)> {
        let mut faults = self.faults.clone();
        faults.retain(|(_, millis)| *millis > 0);
        faults.sort_by_key(|(fault, millis)| (fault.loss, u64::MAX - millis));
        faults
    }

    /// Which share of the wanted time was as it should be, in tenths of a percent, rounded down: all is only
    /// what is all.
    #[must_use]
    pub fn perfect_permille(&self) -> u64 {
        (self.perfect * 1000)
            .checked_div(self.wanted())
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;
    use crate::report::words::CAUSES;

    fn judgement() -> impl Strategy<Value = Judgement> {
        let losses = [Loss::Dark, Loss::Source, Loss::Frames, Loss::Detail];
        prop_oneof![
            Just(Judgement::Starting),
            Just(Judgement::Perfect),
            Just(Judgement::Ending),
            (select(losses.to_vec()), select(CAUSES.to_vec()))
                .prop_map(|(loss, cause)| Judgement::Fault(Fault { loss, cause })),
        ]
    }

    proptest! {
        #[test]
        fn the_parts_are_the_whole(
            moments in prop::collection::vec((judgement(), 0u64..100_000), 0..200)
        ) {
            let mut account = Account::default();
            for (judgement, millis) in &moments {
                account.add(*judgement, *millis);
            }
            prop_assert_eq!(account.whole(), moments.iter().map(|(_, millis)| millis).sum::<u64>());
            let by_fault: u64 = account.faults().iter().map(|(_, millis)| millis).sum();
            let parts = account.starting + account.perfect + account.ending + by_fault;
            prop_assert_eq!(account.whole(), parts);
        }
    }

    #[test]
    fn nearly_all_is_not_all() {
        let mut account = Account::default();
        account.add(Judgement::Perfect, 99_999);
        assert_eq!(account.perfect_permille(), 1000);
        let fault = Fault {
            loss: Loss::Dark,
            cause: Cause::Server,
        };
        account.add(Judgement::Fault(fault), 1);
        assert_eq!(account.perfect_permille(), 999);
    }
}

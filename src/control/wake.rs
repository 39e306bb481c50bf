//! Whether the computer slept: one clock stands still meanwhile, and another does not.

use std::time::Duration;

/// What the clocks show at one moment; only differences count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// A monotonic clock that stands still during sleep, or may not, depending on the system.
    pub awake: Duration,
    /// A clock that goes on during sleep.
    pub total: Duration,
    /// Whether people and programs may set the clock that goes on: then a difference proves little.
    pub can_be_set: bool,
}

/// A sleep that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slept {
    /// For how long.
    pub lasted: Duration,
    /// Whether it is sure. If not, the clock may have been set instead: a connection that still carries
    /// data was not asleep.
    pub is_sure: bool,
}

/// Compares the clocks, about once a second.
#[derive(Clone, Copy, Debug)]
pub struct SleepWatch {
    last: Clocks,
}

impl SleepWatch {
    /// Watches from now on.
    #[must_use]
    pub const fn new(now: Clocks) -> Self {
        Self { last: now }
    }

    /// Takes note of what the clocks show; says if the computer slept since the last time.
    pub fn observe(&mut self, now: Clocks) -> Option<Slept> {
        let awake = now.awake.saturating_sub(self.last.awake);
        let total = now.total.saturating_sub(self.last.total);
        self.last = now;
        let asleep = total.saturating_sub(awake);
        if asleep > SHORTEST_SLEEP {
            return Some(Slept {
                lasted: asleep,
                is_sure: !now.can_be_set,
            });
        }
        // Where the system has no clock for it, its monotonic clock may have gone on, too.
        (now.can_be_set && awake > LONGEST_LOOK).then_some(Slept {
            lasted: awake,
            is_sure: false,
        })
    }
}

impl Slept {
    /// Whether a server has forgotten connections meanwhile, most likely.
    #[must_use]
    pub fn was_long(&self) -> bool {
        self.lasted >= FORGOTTEN_AFTER
    }
}

/// What the clocks must be apart by: reading one after the other, and their steering, takes far less.
const SHORTEST_SLEEP: Duration = Duration::from_secs(2);
/// What lies between two looks that are to be a second apart, at most, while the computer is awake.
const LONGEST_LOOK: Duration = Duration::from_secs(10);
/// Servers give up publishers that send nothing after a few seconds at the earliest, and TCP needs about as long
/// to notice that a way which was asleep carries again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const SECOND: Duration = Duration::from_secs(1);

    /// Both clocks, from a start at which the one that can be set shows a date.
    struct Computer(Clocks);

    impl Computer {
        fn new(can_be_set: bool) -> Self {
            Self(Clocks {
                awake: Duration::from_secs(500),
                total: Duration::from_secs(1_800_000_000),
                can_be_set,
            })
        }

        fn pass(&mut self, awake: Duration, asleep: Duration) -> Clocks {
            self.0.awake += awake;
            self.0.total += awake + asleep;
            self.0
        }
    }

    #[test]
    fn a_night_is_told_once_and_with_its_length() {
        let mut computer = Computer::new(false);
        let mut watch = SleepWatch::new(computer.0);
        for _ in 0..100 {
            assert_eq!(watch.observe(computer.pass(SECOND, Duration::ZERO)), None);
        }
        let slept = watch.observe(computer.pass(SECOND, 8 * HOUR)).unwrap();
        assert_eq!((slept.lasted, slept.is_sure), (8 * HOUR, true));
        assert!(slept.was_long());
        assert_eq!(watch.observe(computer.pass(SECOND, Duration::ZERO)), None);
    }

    #[test]
    fn a_nap_is_told_but_leaves_connections_alive() {
        let mut computer = Computer::new(false);
        let mut watch = SleepWatch::new(computer.0);
        let slept = watch.observe(computer.pass(SECOND, 3 * SECOND)).unwrap();
        assert!(!slept.was_long());
        assert_eq!(watch.observe(computer.pass(SECOND, SECOND)), None);
    }

    #[test]
    fn a_program_that_was_held_up_for_long_did_not_sleep() {
        let mut computer = Computer::new(false);
        let mut watch = SleepWatch::new(computer.0);
        assert_eq!(watch.observe(computer.pass(HOUR, Duration::ZERO)), None);
    }

    #[test]
    fn a_clock_that_can_be_set_is_not_believed_for_sure() {
        let mut computer = Computer::new(true);
        let mut watch = SleepWatch::new(computer.0);
        // Whether it was set or went on during sleep, nobody can tell.
        let slept = watch.observe(computer.pass(SECOND, HOUR)).unwrap();
        assert_eq!((slept.lasted, slept.is_sure), (HOUR, false));
        // Set back, it did not sleep.
        computer.0.total -= HOUR;
        assert_eq!(watch.observe(computer.0), None);
        assert_eq!(watch.observe(computer.pass(SECOND, Duration::ZERO)), None);
    }

    #[test]
    fn where_both_clocks_go_on_during_sleep_a_look_that_took_too_long_shows_it() {
        let mut computer = Computer::new(true);
        let mut watch = SleepWatch::new(computer.0);
        assert_eq!(
            watch.observe(computer.pass(5 * SECOND, Duration::ZERO)),
            None
        );
        let slept = watch.observe(computer.pass(HOUR, Duration::ZERO)).unwrap();
        assert_eq!((slept.lasted, slept.is_sure), (HOUR, false));
    }
}

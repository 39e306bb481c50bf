//! The clocks by which sleep is noticed.

use crate::control::wake::Clocks;

/// What they show now.
pub(super) fn read() -> Clocks {
    platform::read()
}

#[cfg(target_os = "linux")]
mod platform {
    use std::time::Duration;

    use rustix::time::{ClockId, Timespec, clock_gettime};

    use super::Clocks;

    /// Neither can be set, and one of them stands still during sleep (`clock_gettime(2)`).
    pub(super) fn read() -> Clocks {
        Clocks {
            awake: duration(clock_gettime(ClockId::Monotonic)),
            total: duration(clock_gettime(ClockId::Boottime)),
            can_be_set: false,
        }
    }

    fn duration(time: Timespec) -> Duration {
        Duration::try_from(time).unwrap_or_default()
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::{
        sync::OnceLock,
        time::{Instant, SystemTime, UNIX_EPOCH},
    };

    use super::Clocks;

    /// The date goes on during sleep. The monotonic clock may, too.
    pub(super) fn read() -> Clocks {
        static EPOCH: OnceLock<Instant> = OnceLock::new();
        Clocks {
            awake: EPOCH.get_or_init(Instant::now).elapsed(),
            total: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            can_be_set: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::wake::SleepWatch;

    #[test]
    fn this_computer_does_not_sleep_during_a_test() {
        let mut watch = SleepWatch::new(read());
        assert_eq!(watch.observe(read()), None);
    }
}

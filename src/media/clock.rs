//! The one monotonic clock that stamps pictures, sound and packets.

use std::time::{Duration, Instant};

use crate::units::MediaTime;

/// Media time zero, fixed when the program starts; copies tell the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Instant,
}

impl Clock {
    /// Starts the clock.
    #[must_use]
    pub fn start() -> Self {
        Self {
            epoch: Instant::now(),
        }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> MediaTime {
        MediaTime::ZERO + self.epoch.elapsed()
    }

    /// How long until `time`; zero when it has passed.
    #[must_use]
    pub fn until(&self, time: MediaTime) -> Duration {
        time.since(self.now())
    }
}

//! When within a frame's duration the program looks at the camera: just after its picture arrives.
//!
//! Camera and program run on different clocks. A program that looks at an arbitrary moment shows each
//! picture up to one frame late; one that follows the camera's arrival shows it at once.

use std::time::Duration;

use crate::units::{FrameRate, MediaTime};

/// Moves the program's tick, slowly, to shortly after the camera's pictures arrive.
#[derive(Clone, Copy, Debug)]
pub struct PhaseLock {
    frame: Duration,
    offset: Duration,
}

impl PhaseLock {
    /// A lock that starts at the beginning of the frame.
    #[must_use]
    pub fn new(rate: FrameRate) -> Self {
        Self {
            frame: rate.frame_duration(),
            offset: Duration::ZERO,
        }
    }

    /// How long after a frame's time the program is to look.
    #[must_use]
    pub fn offset(&self) -> Duration {
        self.offset
    }

    /// The latest look that still belongs to the frame.
    fn latest(&self) -> Duration {
        self.frame.saturating_sub(STEP)
    }

    /// The program looked at `now` and found a picture taken at `captured_at`.
    pub fn observe(&mut self, now: MediaTime, captured_at: MediaTime) {
        let age = now.since(captured_at);
        if age > 2 * self.frame {
            return; // A stalled camera says nothing about its phase.
        }
        // Looking earlier lowers the age, until the look comes before the picture and finds the one before.
        if age > MARGIN + STEP {
            // Before the frame's beginning comes the end of the frame before.
            self.offset = self.offset.checked_sub(STEP).unwrap_or(self.latest());
        } else if age < MARGIN {
            self.offset = (self.offset + STEP).min(self.latest());
        }
    }
}

/// How old a picture should be when it is taken: room for the camera's own jitter.
const MARGIN: Duration = Duration::from_millis(3);

/// How far the tick moves per frame: too little to be seen.
const STEP: Duration = Duration::from_micros(500);

#[cfg(test)]
mod tests {
    use super::*;

    /// A camera at 30 fps whose pictures arrive `phase` after the frame's time; the age after a while.
    fn age_after_a_while(phase: Duration) -> Duration {
        let rate = FrameRate::new(30);
        let mut lock = PhaseLock::new(rate);
        let mut age = Duration::ZERO;
        for number in 100..400 {
            let now = rate.time_of(number) + lock.offset();
            let newest = if now >= rate.time_of(number) + phase {
                number
            } else {
                number - 1
            };
            age = now.since(rate.time_of(newest) + phase);
            lock.observe(now, rate.time_of(newest) + phase);
        }
        age
    }

    #[test]
    fn pictures_are_taken_shortly_after_they_arrive_whatever_the_cameras_phase() {
        for millis in [0, 1, 5, 10, 17, 25, 30, 33] {
            let age = age_after_a_while(Duration::from_millis(millis));
            assert!(
                age <= Duration::from_millis(6),
                "phase {millis} ms: {age:?}"
            );
        }
    }
}

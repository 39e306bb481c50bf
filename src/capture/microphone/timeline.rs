//! When each frame in the ring was captured.

use std::time::Duration;

use super::tap::Mark;

/// The time of every frame, from times that jitter by some milliseconds.
#[derive(Debug)]
pub(super) struct CaptureTimeline {
    rate: f64,
    /// When frame 0 would have been captured at the device's present pace, in nanoseconds; smoothed.
    start: f64,
    /// The frame of the latest mark.
    last_frame: u64,
    /// How many marks went into `start`.
    marks: u32,
    /// How many marks in a row said something quite different.
    strays: u32,
}

impl CaptureTimeline {
    pub(super) fn new(rate: u32) -> Self {
        Self {
            rate: f64::from(rate),
            start: 0.0,
            last_frame: 0,
            marks: 0,
            strays: 0,
        }
    }

    /// Takes a time into account. `true` when all times are other ones now: the device paused, or sound was
    /// lost.
    pub(super) fn add(&mut self, mark: Mark) -> bool {
        let start = mark.captured_at.as_nanos() as f64 - self.nanos(mark.frame as f64);
        let passed = self.nanos(mark.frame.saturating_sub(self.last_frame) as f64);
        self.last_frame = mark.frame;
        let is_stray = (start - self.start).abs() > STRAY.as_nanos() as f64;
        if self.marks > 0 && is_stray {
            self.strays += 1;
            if self.strays < STRAYS_BELIEVED {
                return false;
            }
            self.start = start;
            self.strays = 0;
            self.marks = self.marks.max(SETTLED_MARKS);
            return true;
        }
        self.strays = 0;
        self.marks = self.marks.saturating_add(1);
        // Of the first times the later ones count for more: a stream that starts is not steady yet.
        let weight = (passed / SMOOTHING.as_nanos() as f64)
            .max(2.0 / (f64::from(self.marks) + 1.0))
            .min(1.0);
        self.start += (start - self.start) * weight;
        false
    }

    /// When a frame was captured, in nanoseconds; `None` before enough times are known.
    pub(super) fn time_of(&self, frame: f64) -> Option<f64> {
        (self.marks >= SETTLED_MARKS).then(|| self.start + self.nanos(frame))
    }

    /// Whether the time of a frame is known not only by counting from those before it.
    pub(super) fn is_sure_of(&self, frame: u64) -> bool {
        self.strays == 0 && self.last_frame >= frame
    }

    fn nanos(&self, frames: f64) -> f64 {
        frames * 1e9 / self.rate
    }
}

/// So many times must be known before one is believed.
const SETTLED_MARKS: u32 = 8;
/// Over this time the jitter of capture times evens out.
const SMOOTHING: Duration = Duration::from_secs(1);
/// A capture time this far from the others is not jitter.
const STRAY: Duration = Duration::from_millis(60);
/// So many of these in a row are the truth.
const STRAYS_BELIEVED: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::MediaTime;

    /// A mark every 10 ms from `first` on, each late by what `late_millis` says of its number.
    fn add(
        timeline: &mut CaptureTimeline,
        first: u64,
        count: u64,
        late_millis: impl Fn(u64) -> u64,
    ) -> u32 {
        (first..first + count)
            .map(|number| {
                let mark = Mark {
                    frame: number * 480,
                    captured_at: MediaTime::from_millis(number * 10 + late_millis(number)),
                };
                u32::from(timeline.add(mark))
            })
            .sum()
    }

    #[test]
    fn the_times_settle_within_half_a_second_though_the_first_are_wrong() {
        let mut timeline = CaptureTimeline::new(48_000);
        assert_eq!(timeline.time_of(0.0), None);
        let steps = add(&mut timeline, 0, 50, |number| {
            if number < 4 { 50 } else { number % 2 * 4 }
        });
        assert_eq!(steps, 0);
        let off = timeline.time_of(0.0).expect("settled") / 1e6 - 2.0;
        assert!(off.abs() < 2.0, "{off} ms");
    }

    #[test]
    fn a_single_wrong_time_changes_nothing_and_several_change_all() {
        let mut timeline = CaptureTimeline::new(48_000);
        assert_eq!(add(&mut timeline, 0, 20, |_| 0), 0);
        assert_eq!(
            add(&mut timeline, 20, 10, |n| u64::from(n % 3 == 0) * 100),
            0
        );
        assert!(timeline.time_of(0.0).expect("settled").abs() < 1.0);
        assert!(!timeline.is_sure_of(29 * 480 + 1));
        assert_eq!(add(&mut timeline, 31, 10, |_| 100), 1);
        let start = timeline.time_of(0.0).expect("settled");
        assert!((start - 100e6).abs() < 1.0, "{start}");
    }
}

//! How fast to resample so that captured sound keeps its time.
//!
//! A sound card counts seconds with its own crystal, which is off by up to some hundred millionths. Sound that
//! is only counted would part from the picture by a second in a few hours; so it is played very slightly faster
//! or slower, by no more than anybody hears.

use std::time::Duration;

/// Turns how late the sound is into how fast to play it.
#[derive(Clone, Debug, Default)]
pub struct DriftControl {
    /// The lateness smoothed, in seconds; `None` before the first.
    smoothed: Option<f64>,
}

/// What to do about the sound's lateness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DriftCorrection {
    /// Take this many captured seconds for each second played: 1.0 plus or minus at most
    /// [`MAX_CORRECTION`].
    Speed(f64),
    /// Too far off to be caught up with unheard: start anew at the right place, and say so.
    ReAnchor,
}

impl DriftControl {
    /// A control that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides after `elapsed` since the last decision. `late_nanos` says by how much the sound about to be
    /// played was captured before it should have been (it plays late, must speed up); negative after.
    pub fn update(&mut self, late_nanos: i64, elapsed: Duration) -> DriftCorrection {
        let late = late_nanos as f64 / 1e9;
        if late.abs() > RE_ANCHOR.as_secs_f64() {
            self.smoothed = None;
            return DriftCorrection::ReAnchor;
        }
        let before = self.smoothed.unwrap_or(late);
        let weight = (elapsed.as_secs_f64() / SMOOTHING.as_secs_f64()).clamp(0.0, 1.0);
        let smoothed = before + (late - before) * weight;
        self.smoothed = Some(smoothed);
        let correction = smoothed / CATCH_UP.as_secs_f64();
        DriftCorrection::Speed(1.0 + correction.clamp(-MAX_CORRECTION, MAX_CORRECTION))
    }
}

/// The largest change of speed: 0.1 %, under two hundredths of a semitone.
pub const MAX_CORRECTION: f64 = 0.001;

/// Beyond this lateness the sound jumps.
pub const RE_ANCHOR: Duration = Duration::from_millis(200);
/// Capture times jitter by some milliseconds; over this time that evens out.
const SMOOTHING: Duration = Duration::from_secs(2);
/// A lateness is worked off at the speed that would take this long. A card that is off by 100 millionths then
/// stays 1 ms late.
const CATCH_UP: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Duration = Duration::from_millis(20);

    /// Plays for `seconds` from a card that is fast by `card` (1e-4 is 100 millionths), each capture time
    /// jittering by up to `jitter` seconds; returns the true lateness at the end.
    fn lateness_after(seconds: u32, mut late: f64, card: f64, jitter: f64) -> f64 {
        let mut control = DriftControl::new();
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..seconds * 50 {
            let seen = late + (random.f64() * 2.0 - 1.0) * jitter;
            #[expect(clippy::cast_possible_truncation, reason = "well below 200 ms")]
            let correction = control.update((seen * 1e9) as i64, BLOCK);
            let DriftCorrection::Speed(speed) = correction else {
                panic!("jumped at {late} s");
            };
            assert!((speed - 1.0).abs() <= MAX_CORRECTION + 1e-12);
            late += (1.0 + card - speed) * BLOCK.as_secs_f64();
        }
        late
    }

    #[test]
    fn a_card_off_by_300_millionths_stays_within_5_ms_for_hours() {
        for card in [3e-4, -3e-4] {
            let late = lateness_after(3 * 3600, 0.0, card, 0.005);
            assert!(late.abs() < 0.005, "{late}");
        }
    }

    #[test]
    fn a_lateness_of_150_ms_is_worked_off_without_a_jump() {
        let late = lateness_after(300, 0.150, 0.0, 0.002);
        assert!(late.abs() < 0.002, "{late}");
    }

    #[test]
    fn late_sound_is_sped_up_and_early_sound_slowed_down() {
        let speed = |late_nanos| DriftControl::new().update(late_nanos, BLOCK);
        assert_eq!(speed(0), DriftCorrection::Speed(1.0));
        assert_eq!(speed(100_000_000), DriftCorrection::Speed(1.001));
        assert_eq!(speed(-100_000_000), DriftCorrection::Speed(0.999));
    }

    #[test]
    fn beyond_200_ms_it_starts_anew() {
        let mut control = DriftControl::new();
        for late in [200_000_001, -200_000_001, i64::MAX, i64::MIN] {
            assert_eq!(control.update(late, BLOCK), DriftCorrection::ReAnchor);
        }
        assert_eq!(control.update(0, BLOCK), DriftCorrection::Speed(1.0));
    }
}

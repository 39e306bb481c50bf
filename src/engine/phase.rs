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
        // Looking earlier lowers the age, until the look comes before the picture and finds the one before. Before
        // the frame's beginning comes the end of the frame before, and behind its end the next one's beginning:
        // one picture is left out there, or shown twice.
        if age > MARGIN + STEP {
            match self.offset.checked_sub(STEP) {
                Some(earlier) => self.offset = earlier,
                None if age > MARGIN + STEP + HOLD => self.offset = self.latest(),
                None => {}
            }
        } else if age < MARGIN {
            let later = self.offset + STEP;
            self.offset = if later <= self.latest() {
                later
            } else {
                Duration::ZERO
            };
        }
    }
}

/// How old a picture should be when it is taken: room for the camera's own jitter.
const MARGIN: Duration = Duration::from_millis(3);

/// How much older a picture may be before the look leaves the frame's beginning, so that jitter does not make it go
/// to and fro.
const HOLD: Duration = Duration::from_millis(4);

/// How far the tick moves per frame: too little to be seen.
const STEP: Duration = Duration::from_micros(500);

#[cfg(test)]
mod tests {
    use super::*;

    /// A camera whose pictures arrive on a clock of its own.
    struct Camera {
        /// Its frames per second, by the program's clock.
        fps: f64,
        /// When its first picture arrives.
        phase: Duration,
        /// By how much later than they should its pictures arrive at most.
        jitter: Duration,
    }

    impl Camera {
        /// When picture `number` arrives.
        fn arrival(&self, number: u64) -> MediaTime {
            let late = self.jitter.mul_f64(fastrand::Rng::with_seed(number).f64());
            MediaTime::ZERO + self.phase + Duration::from_secs_f64(number as f64 / self.fps) + late
        }

        /// The newest picture there is at `now`.
        fn newest(&self, now: MediaTime) -> u64 {
            let elapsed = now.since(MediaTime::ZERO + self.phase).as_secs_f64();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "positive and small"
            )]
            let number = (elapsed * self.fps) as u64;
            // The last one may be late.
            if self.arrival(number) <= now {
                number
            } else {
                number - 1
            }
        }
    }

    /// What a program at 30 fps found in `seconds`, each frame: which picture, and how old it was.
    fn looks(camera: &Camera, seconds: u64) -> Vec<(u64, Duration)> {
        let rate = FrameRate::new(30);
        let mut lock = PhaseLock::new(rate);
        let frames = 100..100 + seconds * 30;
        let look = frames.map(|frame| {
            let now = rate.time_of(frame) + lock.offset();
            let number = camera.newest(now);
            let arrival = camera.arrival(number);
            lock.observe(now, arrival);
            (number, now.since(arrival))
        });
        look.collect()
    }

    fn milliseconds(values: impl IntoIterator<Item = u64>) -> impl Iterator<Item = Duration> {
        values.into_iter().map(Duration::from_millis)
    }

    #[test]
    fn pictures_are_taken_shortly_after_they_arrive_whatever_the_cameras_phase() {
        for phase in milliseconds([0, 1, 5, 10, 17, 25, 30, 33]) {
            let camera = Camera {
                fps: 30.0,
                phase,
                jitter: Duration::ZERO,
            };
            for (number, age) in &looks(&camera, 60)[150..] {
                assert!(
                    *age <= Duration::from_millis(8),
                    "{phase:?}: picture {number} {age:?} old"
                );
            }
        }
    }

    #[test]
    fn a_jitter_of_milliseconds_costs_no_picture_and_hardly_a_delay() {
        for phase in milliseconds([0, 10, 20, 30]) {
            let camera = Camera {
                fps: 30.0,
                phase,
                jitter: Duration::from_millis(4),
            };
            let looks = looks(&camera, 300);
            let settled = &looks[300..];
            let sum: f64 = settled.iter().map(|(_, age)| age.as_secs_f64()).sum();
            let mean = Duration::from_secs_f64(sum / settled.len() as f64);
            assert!(mean <= Duration::from_millis(6), "{phase:?}: {mean:?} old");
            let unsteady = settled.windows(2).filter(|it| it[1].0 != it[0].0 + 1);
            let unsteady = unsteady.count();
            assert!(
                unsteady <= settled.len() / 50,
                "{phase:?}: {unsteady} of {} shown twice or left out",
                settled.len()
            );
        }
    }

    #[test]
    fn a_camera_at_29_97_is_followed_and_slips_one_picture_each_33_seconds() {
        for fps in [30_000.0 / 1001.0, 30.0 * 30_030.0 / 30_000.0] {
            let camera = Camera {
                fps,
                phase: Duration::from_millis(7),
                jitter: Duration::from_millis(2),
            };
            let looks = looks(&camera, 300);
            let settled = &looks[150..];
            let mut ages: Vec<Duration> = settled.iter().map(|(_, age)| *age).collect();
            ages.sort_unstable();
            let (median, p95) = (ages[ages.len() / 2], ages[ages.len() * 95 / 100]);
            assert!(median <= Duration::from_millis(6), "{fps}: {median:?}");
            assert!(p95 <= Duration::from_millis(10), "{fps}: {p95:?}");
            let slips = settled.windows(2).filter(|it| it[1].0 != it[0].0 + 1);
            let slips = slips.count();
            assert!((8..=12).contains(&slips), "{fps}: {slips} slips");
        }
    }

    #[test]
    fn a_stalled_camera_moves_nothing() {
        let rate = FrameRate::new(30);
        let mut lock = PhaseLock::new(rate);
        lock.observe(MediaTime::from_millis(1_010), MediaTime::from_millis(1_000));
        let offset = lock.offset();
        for millis in 1_100..2_000 {
            lock.observe(
                MediaTime::from_millis(millis),
                MediaTime::from_millis(1_000),
            );
        }
        assert_eq!(lock.offset(), offset);
    }
}

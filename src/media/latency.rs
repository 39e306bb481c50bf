//! How long pictures take from the camera to the wire, in figures of fixed size.

use std::{array, time::Duration};

use crate::units::MediaTime;

/// How long some pictures took. Quantiles are at most 1/16 too high, never too low; the maximum is exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Half of the pictures took no longer.
    pub p50: Duration,
    /// 95 of 100 took no longer.
    pub p95: Duration,
    /// None took longer.
    pub max: Duration,
}

/// Durations by size, each class a sixteenth wider than where it begins: from a microsecond to a minute, and
/// what is longer counts as a minute. Never allocates.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: [u32; CLASSES],
    max: Duration,
}

/// Measures a stream: all of it, and its last seconds.
#[derive(Clone, Debug)]
pub struct LatencyMeter {
    whole: Histogram,
    recent: [Second; SECONDS],
}

/// One second of the stream.
#[derive(Clone, Debug)]
struct Second {
    /// Which one since the clock's start.
    number: u64,
    histogram: Histogram,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: [0; CLASSES],
            max: Duration::ZERO,
        }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let count = &mut self.counts[class_of(duration)];
        *count = count.saturating_add(1);
        self.max = self.max.max(duration);
    }

    /// Counts all that `other` counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, others) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*others);
        }
        self.max = self.max.max(other.max);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().copied().map(u64::from).sum()
    }

    /// How long they took; `None` when there are none.
    #[must_use]
    pub fn latency(&self) -> Option<Latency> {
        let count = self.count();
        (count > 0).then(|| Latency {
            p50: self.quantile(count.div_ceil(2)),
            p95: self.quantile((count * 95).div_ceil(100)),
            max: self.max,
        })
    }

    /// What the shortest `rank` of them did not exceed.
    fn quantile(&self, rank: u64) -> Duration {
        let mut below = 0;
        for (class, count) in self.counts.iter().enumerate() {
            below += u64::from(*count);
            if below >= rank {
                return longest_of(class).min(self.max);
            }
        }
        self.max
    }
}

impl Default for LatencyMeter {
    fn default() -> Self {
        Self {
            whole: Histogram::default(),
            recent: array::from_fn(|_| Second {
                number: 0,
                histogram: Histogram::default(),
            }),
        }
    }
}

impl LatencyMeter {
    /// Counts a picture that took `duration`, at `now`.
    pub fn record(&mut self, now: MediaTime, duration: Duration) {
        self.whole.record(duration);
        let number = second_of(now);
        let place = usize::try_from(number).unwrap_or(usize::MAX) % SECONDS;
        let second = &mut self.recent[place];
        if second.number != number {
            *second = Second {
                number,
                histogram: Histogram::default(),
            };
        }
        second.histogram.record(duration);
    }

    /// How long the pictures of the last five seconds took, the current one among them.
    #[must_use]
    pub fn recent(&self, now: MediaTime) -> Option<Latency> {
        let now = second_of(now);
        let mut together = Histogram::default();
        for second in &self.recent {
            if second.number + SECONDS as u64 > now {
                together.merge(&second.histogram);
            }
        }
        together.latency()
    }

    /// How many pictures were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.whole.count()
    }

    /// How long the pictures of the whole stream took.
    #[must_use]
    pub fn whole(&self) -> Option<Latency> {
        self.whole.latency()
    }
}

fn second_of(time: MediaTime) -> u64 {
    time.as_millis() / 1000
}

/// Durations up to [`PARTS`] microseconds have a class each, and so have each octave's [`PARTS`] parts beyond.
fn class_of(duration: Duration) -> usize {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let octave = micros
        .checked_ilog2()
        .unwrap_or(0)
        .saturating_sub(PART_BITS);
    let part = micros >> octave;
    let class = u64::from(octave) * PARTS + part;
    usize::try_from(class).map_or(CLASSES - 1, |class| class.min(CLASSES - 1))
}

/// The longest duration of a class.
fn longest_of(class: usize) -> Duration {
    let class = class as u64;
    let octave = (class / PARTS).saturating_sub(1);
    let part = class - octave * PARTS;
    Duration::from_nanos(((part + 1) << octave) * 1000 - 1)
}

/// How many seconds are recent.
const SECONDS: usize = 5;

/// How finely an octave is divided: by how much a quantile may be too high.
const PART_BITS: u32 = 4;
const PARTS: u64 = 1 << PART_BITS;
/// Up to 2²⁶ µs, a little more than a minute.
const CLASSES: usize = ((26 - PART_BITS + 1) as usize) << PART_BITS;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn quantiles_are_those_of_the_pictures_counted() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.latency(), None);
        for number in 1..=100 {
            histogram.record(millis(number));
        }
        let Latency { p50, p95, max } = histogram.latency().unwrap();
        assert!((millis(50)..millis(54)).contains(&p50), "{p50:?}");
        assert!((millis(95)..=millis(100)).contains(&p95), "{p95:?}");
        assert_eq!(max, millis(100));
    }

    #[test]
    fn one_picture_is_all_of_them() {
        let mut histogram = Histogram::default();
        histogram.record(millis(19));
        let all = millis(19);
        let expected = Latency {
            p50: all,
            p95: all,
            max: all,
        };
        assert_eq!(histogram.latency(), Some(expected));
    }

    #[test]
    fn what_is_longer_than_a_minute_keeps_its_maximum() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::from_hours(2));
        histogram.record(Duration::MAX);
        assert_eq!(histogram.latency().unwrap().max, Duration::MAX);
        assert_eq!(longest_of(CLASSES - 1).as_secs(), 67);
    }

    #[test]
    fn the_last_seconds_forget_what_the_whole_keeps() {
        let mut meter = LatencyMeter::default();
        meter.record(MediaTime::from_millis(1_500), millis(900));
        for second in 2..8 {
            meter.record(MediaTime::from_millis(second * 1_000), millis(20));
        }
        let at = |second: u64| meter.recent(MediaTime::from_millis(second * 1_000 + 999));
        assert_eq!(at(7).unwrap().max, millis(20));
        assert_eq!(at(11).unwrap().max, millis(20));
        assert_eq!(at(12), None);
        assert_eq!(meter.whole().unwrap().max, millis(900));
    }

    proptest! {
        #[test]
        fn a_class_is_a_sixteenth_wide_at_most(micros in 0u64..60_000_000) {
            let duration = Duration::from_micros(micros);
            let longest = longest_of(class_of(duration));
            prop_assert!(longest >= duration);
            let most = duration + duration / 16 + Duration::from_micros(1);
            prop_assert!(longest < most, "{longest:?} for {duration:?}");
        }

        #[test]
        fn parts_together_are_the_whole(micros in prop::collection::vec(0u64..10_000_000, 1..200)) {
            let durations = micros.into_iter().map(Duration::from_micros);
            let (mut whole, mut even, mut odd) =
                (Histogram::default(), Histogram::default(), Histogram::default());
            for (number, duration) in durations.enumerate() {
                whole.record(duration);
                if number % 2 == 0 { &mut even } else { &mut odd }.record(duration);
            }
            even.merge(&odd);
            prop_assert_eq!(even.latency(), whole.latency());
        }
    }
}

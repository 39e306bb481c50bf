//! How fast a count grows, over the last second.

use std::{collections::VecDeque, time::Duration};

use crate::units::{Bitrate, MediaTime};

/// Measures the rate of a growing count of bytes.
#[derive(Clone, Debug, Default)]
pub struct RateMeter {
    samples: VecDeque<(MediaTime, u64)>,
}

impl RateMeter {
    /// Takes note that `total` bytes were counted up to `now`; returns the rate over the last second.
    pub fn observe(&mut self, now: MediaTime, total: u64) -> Bitrate {
        // The newest sample that is at least a window old stays, to measure from.
        while self
            .samples
            .get(1)
            .is_some_and(|(time, _)| now.since(*time) >= WINDOW)
        {
            self.samples.pop_front();
        }
        if self.samples.len() >= MOST_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((now, total));
        let (first_time, first_total) = self.samples[0];
        let elapsed = now.since(first_time);
        if elapsed < SHORTEST {
            return Bitrate::ZERO;
        }
        Bitrate::from_bytes(total.saturating_sub(first_total), elapsed)
    }
}

/// Over how long the rate is measured.
const WINDOW: Duration = Duration::from_secs(1);
/// Over less no rate is told: one packet would look like a flood.
const SHORTEST: Duration = Duration::from_millis(200);
/// Ten times as many as the observer's ten per second.
const MOST_SAMPLES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_second() {
        let mut meter = RateMeter::default();
        let mut rate = Bitrate::ZERO;
        let mut total = 0;
        for tick in 0..50 {
            let now = MediaTime::from_millis(tick * 100);
            rate = meter.observe(now, total);
            total += 12_500; // 1 Mb/s
        }
        assert_eq!(rate, Bitrate::from_kbps(1000));
        for tick in 50..61 {
            rate = meter.observe(MediaTime::from_millis(tick * 100), total);
        }
        assert_eq!(rate, Bitrate::ZERO);
    }

    #[test]
    fn no_rate_is_told_at_once_and_few_samples_are_kept() {
        let mut meter = RateMeter::default();
        for millis in 0..150 {
            let rate = meter.observe(MediaTime::from_millis(millis), millis * 1_000_000);
            assert_eq!(rate, Bitrate::ZERO);
        }
        assert!(meter.samples.len() <= MOST_SAMPLES);
    }
}

//! Figures second by second; when they become too many, two and two are put together.

use std::time::Duration;

use super::fault::{Fault, Judgement};
use crate::engine::event::Stats;

/// What is kept of one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// Sums of rates in kb/s, to be divided by `samples`.
    sent: u64,
    delivered: u64,
    target: u64,
    ceiling: u64,
    samples: u32,
    /// The most media that waited to be sent, in milliseconds.
    pub queue: u64,
    /// Frames left out on the way.
    pub dropped: u64,
    /// Frames not encoded, on purpose or not.
    pub skipped: u64,
    /// For how many milliseconds it was as it should be.
    pub perfect: u64,
    /// For how many milliseconds something was missed.
    pub lost: u64,
    /// The worst of it.
    pub worst: Option<Fault>,
}

impl Slice {
    /// Bitrate that went out, in kb/s.
    #[must_use]
    pub fn sent_kbps(&self) -> u64 {
        self.average(self.sent)
    }

    /// Bitrate that arrived, in kb/s.
    #[must_use]
    pub fn delivered_kbps(&self) -> u64 {
        self.average(self.delivered)
    }

    /// Bitrate that the encoders were told, in kb/s.
    #[must_use]
    pub fn target_kbps(&self) -> u64 {
        self.average(self.target)
    }

    /// Bitrate that they would have been told on a perfect way, in kb/s.
    #[must_use]
    pub fn ceiling_kbps(&self) -> u64 {
        self.average(self.ceiling)
    }

    /// Whether there are figures at all.
    #[must_use]
    pub fn has_figures(&self) -> bool {
        self.samples > 0
    }

    fn average(&self, sum: u64) -> u64 {
        sum.checked_div(u64::from(self.samples)).unwrap_or(0)
    }

    fn merged(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            delivered: self.delivered + other.delivered,
            target: self.target + other.target,
            ceiling: self.ceiling + other.ceiling,
            samples: self.samples + other.samples,
            queue: self.queue.max(other.queue),
            dropped: self.dropped + other.dropped,
            skipped: self.skipped + other.skipped,
            perfect: self.perfect + other.perfect,
            lost: self.lost + other.lost,
            worst: worse(self.worst, other.worst),
        }
    }
}

/// Slices of equal length from the beginning of the stream on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// How long each slice is, in milliseconds.
    step: u64,
    slices: Vec<Slice>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            step: FINEST,
            slices: Vec::new(),
        }
    }
}

impl Timeline {
    /// How long each slice is, in milliseconds.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.step
    }

    /// What is kept, the first slice first.
    #[must_use]
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// At most `most` slices, for a drawing, and how long each is.
    #[must_use]
    pub fn coarse(&self, most: usize) -> (u64, Vec<Slice>) {
        let together = self.slices.len().div_ceil(most.max(1)).max(1);
        let coarse = self.slices.chunks(together).map(|chunk| {
            let merged = chunk.iter().copied().reduce(Slice::merged);
            merged.unwrap_or_default()
        });
        (self.step * together as u64, coarse.collect())
    }

    /// `judgement` held from `begin` to `end`.
    pub fn judge(&mut self, begin: u64, end: u64, judgement: Judgement) {
        let mut at = begin;
        while at < end {
            let (step, slice) = self.slice_at(at);
            let length = end.min((at / step + 1) * step) - at;
            match judgement {
                Judgement::Perfect => slice.perfect += length,
                Judgement::Fault(fault) => {
                    slice.lost += length;
                    slice.worst = worse(slice.worst, Some(fault));
                }
                Judgement::Starting | Judgement::Ending => {}
            }
            at += length;
        }
    }

    /// What was judged as `judgement` from `begin` to `end` was `fault`.
    pub fn rejudge(&mut self, begin: u64, end: u64, judgement: Judgement, fault: Fault) {
        let mut at = begin;
        while at < end {
            let (step, slice) = self.slice_at(at);
            let length = end.min((at / step + 1) * step) - at;
            match judgement {
                Judgement::Perfect => slice.perfect = slice.perfect.saturating_sub(length),
                Judgement::Fault(_) => slice.lost = slice.lost.saturating_sub(length),
                Judgement::Starting | Judgement::Ending => {}
            }
            at += length;
        }
        self.judge(begin, end, Judgement::Fault(fault));
    }

    /// Figures taken at `at`; `dropped` and `skipped` are frames since the last.
    pub fn sample(&mut self, at: u64, stats: &Stats, dropped: u64, skipped: u64) {
        let (_, slice) = self.slice_at(at.saturating_sub(1));
        slice.sent += u64::from(stats.sent.kbps());
        slice.delivered += u64::from(stats.delivered.kbps());
        slice.target += u64::from(stats.target.kbps());
        slice.ceiling += u64::from(stats.ceiling.kbps());
        slice.samples += 1;
        slice.queue = slice.queue.max(millis(stats.queue));
        slice.dropped += dropped;
        slice.skipped += skipped;
    }

    /// The slice of this moment and how long slices are, made coarser until it exists within bounds.
    fn slice_at(&mut self, at: u64) -> (u64, &mut Slice) {
        while at / self.step >= MOST as u64 {
            self.slices = self.coarse(self.slices.len().div_ceil(2)).1;
            self.step *= 2;
        }
        let index = usize::try_from(at / self.step).unwrap_or(MOST);
        if index >= self.slices.len() {
            self.slices.resize(index + 1, Slice::default());
        }
        (self.step, &mut self.slices[index])
    }
}

/// Whole milliseconds.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn worse(one: Option<Fault>, two: Option<Fault>) -> Option<Fault> {
    match (one, two) {
        (Some(one), Some(two)) => Some(if two.loss < one.loss { two } else { one }),
        (one, two) => one.or(two),
    }
}

/// The first hour is kept second by second.
const FINEST: u64 = 1_000;

/// At most so many slices: an hour of seconds, two days of minutes.
pub const MOST: usize = 3_600;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::event::Cause, report::fault::Loss, units::Bitrate};

    const DARK: Fault = Fault {
        loss: Loss::Dark,
        cause: Cause::Uplink,
    };

    #[test]
    fn a_moment_is_spread_over_the_seconds_it_touches() {
        let mut timeline = Timeline::default();
        timeline.judge(0, 1_500, Judgement::Perfect);
        timeline.judge(1_500, 3_250, Judgement::Fault(DARK));
        let [first, second, third, fourth] = timeline.slices() else {
            panic!("{timeline:?}");
        };
        assert_eq!((first.perfect, first.lost), (1_000, 0));
        assert_eq!((second.perfect, second.lost), (500, 500));
        assert_eq!((third.lost, fourth.lost), (1_000, 250));
        assert_eq!(second.worst, Some(DARK));
    }

    #[test]
    fn two_days_stay_within_bounds_and_lose_no_millisecond() {
        let mut timeline = Timeline::default();
        let stats = Stats {
            sent: Bitrate::from_kbps(2_000),
            ..Stats::default()
        };
        let (step, hours) = (250, 48);
        for tick in 0..hours * 3_600 * 1_000 / step {
            let judgement = if tick % 100 == 0 {
                Judgement::Fault(DARK)
            } else {
                Judgement::Perfect
            };
            timeline.judge(tick * step, (tick + 1) * step, judgement);
            timeline.sample((tick + 1) * step, &stats, 1, 0);
        }
        assert!(timeline.slices().len() <= MOST);
        assert_eq!(timeline.step(), 64_000);
        let sum = |part: fn(&Slice) -> u64| timeline.slices().iter().map(part).sum::<u64>();
        assert_eq!(sum(|slice| slice.perfect + slice.lost), hours * 3_600_000);
        assert_eq!(sum(|slice| slice.lost), hours * 36_000);
        assert_eq!(sum(|slice| slice.dropped), hours * 3_600 * 4);
        assert!(timeline.slices().iter().all(|it| it.sent_kbps() == 2_000));
        let (step, coarse) = timeline.coarse(800);
        assert!(coarse.len() <= 800);
        assert_eq!(step, 64_000 * 4);
    }
}

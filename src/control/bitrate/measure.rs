//! What the samples of one connection mean: how fast it delivers, and how long media takes to get through.
//!
//! | figure | how |
//! |---|---|
//! | delivered | bytes that arrived over the last second; only a lower bound of what the way carries |
//! | capacity | the same, but only from when something waited on: then the way itself sets the pace |
//! | own delay | how long what waits with us and in the kernel will take at that rate: old media may be larger than new |
//! | network delay | the round trip beyond the shortest of late |
//! | standing delay | the least delay of late: a key frame makes a short one, congestion one that stays |

use std::{collections::VecDeque, time::Duration};

use super::LinkSample;
use crate::units::MediaTime;

/// What one connection shows, understood. Rates in bits per second, times in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Link {
    pub(super) now: MediaTime,
    /// Arrived over the last second.
    pub(super) delivered: f64,
    /// Produced over the last two seconds.
    pub(super) produced: f64,
    /// Delivered while something waited: what the way carries. `None` if that was too short to tell.
    pub(super) capacity: Option<f64>,
    /// Arrived over the last two samples, and over the last round trip if that is longer.
    pub(super) delivered_now: f64,
    pub(super) delivered_lately: f64,
    /// What media waits for with us and in the kernel.
    pub(super) own_delay: f64,
    /// What it waits for in the network.
    pub(super) network_delay: f64,
    /// The least delay over the last 2 s.
    pub(super) standing: f64,
    /// The least delay over the last 0.6 s.
    pub(super) settled: f64,
    /// The delay that key frames alone explain.
    pub(super) burst: f64,
    /// More is delivered than is produced.
    pub(super) draining: bool,
    /// The delay is shrinking by itself.
    pub(super) falling: bool,
    /// What is delivered grows: the way has not shown yet what it carries.
    pub(super) rising: bool,
    /// Something waits, and nothing arrived for so long.
    pub(super) paused: f64,
    /// The shortest round trip of late.
    pub(super) base_round_trip: f64,
    pub(super) round_trip: Option<f64>,
}

impl Link {
    /// What media waits for altogether.
    pub(super) fn delay(&self) -> f64 {
        self.own_delay + self.network_delay
    }
}

/// Takes in samples. Holds a few seconds of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Measure {
    history: VecDeque<Seen>,
    round_trips: LeastOfLate,
    /// Since when something waits without a pause in between.
    busy_since: Option<MediaTime>,
    /// When acknowledgements last came, or nothing waited for one.
    moved_at: MediaTime,
    /// When acknowledgements last came, and the last two times between them.
    told_at: MediaTime,
    gaps: [Duration; 2],
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    now: MediaTime,
    arrived: u64,
    produced: u64,
    delay: f64,
}

impl Measure {
    /// Takes in a sample while `ordered` bits per second are asked for.
    pub(super) fn take(&mut self, sample: &LinkSample, ordered: f64) -> Link {
        let now = sample.now;
        let round_trip = sample.round_trip.map(|time| time.as_secs_f64());
        let base = self.round_trips.observe(now, round_trip);
        let network_delay = round_trip
            .map_or(0.0, |time| time - base - UNREST.max(base * UNREST_PART))
            .max(0.0);
        let waits = sample.unsent > 0 || !sample.queue.is_zero() || network_delay > 0.0;
        let paused = self.notice_pause(sample, waits);

        self.remember(Seen {
            now,
            arrived: sample.arrived,
            produced: sample.produced,
            delay: 0.0,
        });
        let capacity = self.capacity(base);
        // While the encoder alone sets the pace, what is delivered says little: then what was ordered is
        // taken for what the way carries.
        let leaves_at = capacity.unwrap_or_else(|| self.delivered(FAST).max(ordered));
        let waiting = self
            .produced_over(sample.queue)
            .saturating_add(sample.unsent) as f64
            * 8.0;
        let own_delay = (waiting / leaves_at.max(LEAST_RATE)).min(LONGEST_DELAY);
        let delay = own_delay + network_delay;
        if let Some(newest) = self.history.back_mut() {
            newest.delay = delay;
        }
        // Acknowledgements come in lumps of a round trip.
        let lump = Duration::from_secs_f64(round_trip.unwrap_or(base).min(1.0));
        Link {
            now,
            delivered: self.delivered(SECOND.max(self.usual_gap() * 3)),
            produced: self.rate(STANDING, |seen| seen.produced),
            capacity,
            delivered_now: self.delivered(TWO_SAMPLES),
            delivered_lately: self.delivered(TWO_SAMPLES.max(lump)),
            own_delay,
            network_delay,
            standing: self.least_delay(STANDING),
            settled: self.least_delay(SETTLED),
            burst: self.burst(),
            draining: self.delivered(STANDING)
                > self.rate(STANDING, |seen| seen.produced) * DRAINING,
            falling: delay < self.delay_before(FALLING_OVER) - FALLING_BY,
            rising: self.is_rising(TWO_SAMPLES.max(Duration::from_secs_f64(base.min(1.0)) * 2)),
            paused,
            base_round_trip: base,
            round_trip,
        }
    }

    /// The round trip as it is now is the usual one.
    pub(super) fn accept_round_trip(&mut self) {
        self.round_trips = LeastOfLate::default();
    }

    /// For how long nothing arrived though something waits, in seconds. After a pause the measure of
    /// what the way carries begins anew: lost packets stop everything for a moment, and that is no rate.
    fn notice_pause(&mut self, sample: &LinkSample, waits: bool) -> f64 {
        let now = sample.now;
        let before = self.history.back();
        let moved = before.is_none_or(|before| sample.arrived > before.arrived);
        let pauses = now.since(self.moved_at) >= self.pause_after();
        if !waits {
            self.busy_since = None;
        } else if self.busy_since.is_none() || (moved && pauses) {
            self.busy_since = Some(now);
        }
        if moved {
            self.gaps = [self.gaps[1], now.since(self.told_at)];
            self.told_at = now;
        }
        if moved || !waits {
            self.moved_at = now;
        }
        let paused = now.since(self.moved_at);
        if paused >= self.pause_after() {
            paused.as_secs_f64()
        } else {
            0.0
        }
    }

    /// After so long without any acknowledgement the way pauses: where only the server tells what arrived, it
    /// tells that seldom.
    fn pause_after(&self) -> Duration {
        PAUSE.max(self.usual_gap() * 2)
    }

    fn usual_gap(&self) -> Duration {
        self.gaps[0].min(self.gaps[1]).min(SECOND)
    }

    fn remember(&mut self, seen: Seen) {
        while self.history.len() >= MOST_SAMPLES
            || self
                .history
                .front()
                .is_some_and(|oldest| seen.now.since(oldest.now) > KEPT)
        {
            self.history.pop_front();
        }
        self.history.push_back(seen);
    }

    /// What the way carries, measured for long enough while something waited, and from one acknowledgement to
    /// another.
    fn capacity(&self, base_round_trip: f64) -> Option<f64> {
        let newest = self.history.back()?;
        if newest.now.since(self.moved_at) >= self.pause_after() {
            return None;
        }
        // What is acknowledged now was on its way a round trip ago.
        let round_trip = Duration::from_secs_f64(base_round_trip.min(1.0));
        let window = FAST.max(round_trip * 2).max(self.usual_gap() * 4);
        let begun = (self.busy_since? + round_trip).max(newest.now - window);
        let newer = self.history.iter().skip(1);
        let moves = self.history.iter().zip(newer);
        let mut moves = moves
            .filter(|(before, seen)| seen.arrived > before.arrived)
            .map(|(_, seen)| seen)
            .filter(|seen| seen.now + TICK_TOLERANCE >= begun);
        let (first, last) = (moves.next()?, moves.next_back()?);
        let elapsed = last.now.since(first.now);
        let bytes = last.arrived.saturating_sub(first.arrived);
        (elapsed + TICK_TOLERANCE >= SHORTEST).then(|| bytes as f64 * 8.0 / elapsed.as_secs_f64())
    }

    /// How many bytes the newest `media` have.
    fn produced_over(&self, media: Duration) -> u64 {
        match (self.history.back(), self.before(media)) {
            (Some(newest), Some(from)) if !media.is_zero() => {
                newest.produced.saturating_sub(from.produced)
            }
            _ => 0,
        }
    }

    fn delivered(&self, window: Duration) -> f64 {
        self.rate(window, |seen| seen.arrived)
    }

    /// Whether more was delivered in the last `window` than in the one before.
    fn is_rising(&self, window: Duration) -> bool {
        let (Some(newest), Some(middle), Some(oldest)) = (
            self.history.back(),
            self.before(window),
            self.before(window * 2),
        ) else {
            return true;
        };
        if newest.now.since(oldest.now) + TICK_TOLERANCE < window * 2 {
            return true; // too early to tell
        }
        let lately = newest.arrived.saturating_sub(middle.arrived) as f64;
        let before = middle.arrived.saturating_sub(oldest.arrived) as f64;
        lately >= before * RISING
    }

    /// How fast a count grew over the last `window`.
    fn rate(&self, window: Duration, count: impl Fn(&Seen) -> u64) -> f64 {
        let (Some(newest), Some(from)) = (self.history.back(), self.before(window)) else {
            return 0.0;
        };
        let elapsed = newest.now.since(from.now).as_secs_f64();
        let bytes = count(newest).saturating_sub(count(from));
        if elapsed > 0.0 {
            bytes as f64 * 8.0 / elapsed
        } else {
            0.0
        }
    }

    /// The newest sample that is at least `age` old, else the oldest.
    fn before(&self, age: Duration) -> Option<&Seen> {
        let newest = self.history.back()?;
        let old = |seen: &&Seen| newest.now.since(seen.now) + TICK_TOLERANCE >= age;
        self.history.iter().rfind(old).or(self.history.front())
    }

    fn delay_before(&self, age: Duration) -> f64 {
        self.before(age).map_or(0.0, |seen| seen.delay)
    }

    fn least_delay(&self, window: Duration) -> f64 {
        let Some(newest) = self.history.back() else {
            return 0.0;
        };
        self.history
            .iter()
            .filter(|seen| newest.now.since(seen.now) <= window)
            .map(|seen| seen.delay)
            .fold(f64::INFINITY, f64::min)
    }

    /// The fastest that was produced over two samples.
    fn fastest(&self) -> f64 {
        let newer = self.history.iter().skip(2);
        let rates = self.history.iter().zip(newer).map(|(from, to)| {
            let elapsed = to.now.since(from.now).max(TWO_SAMPLES).as_secs_f64();
            to.produced.saturating_sub(from.produced) as f64 * 8.0 / elapsed
        });
        rates.fold(0.0, f64::max)
    }

    /// How long the largest burst of late takes to get through at the mean rate.
    fn burst(&self) -> f64 {
        let mean = self.rate(KEPT, |seen| seen.produced);
        if mean <= 0.0 {
            return 0.0;
        }
        let excess = self.fastest() / mean - 1.0;
        (excess * TWO_SAMPLES.as_secs_f64()).clamp(0.0, LONGEST_BURST)
    }
}

/// The least of late: over the last few slots of time.
#[derive(Clone, Debug, Default)]
struct LeastOfLate {
    slots: VecDeque<(MediaTime, f64)>,
}

impl LeastOfLate {
    fn observe(&mut self, now: MediaTime, value: Option<f64>) -> f64 {
        if let Some(value) = value {
            match self.slots.back_mut() {
                Some((begun, least)) if now.since(*begun) < SLOT => *least = least.min(value),
                _ => self.slots.push_back((now, value)),
            }
        }
        while self.slots.len() > SLOTS {
            self.slots.pop_front();
        }
        let least = self.slots.iter().map(|(_, least)| *least);
        least.reduce(f64::min).unwrap_or(0.0)
    }
}

/// Over how long what is delivered is told.
const SECOND: Duration = Duration::from_secs(1);
/// Over how long it is measured to decide, once something waits.
const FAST: Duration = Duration::from_millis(500);
/// Over less no capacity is told.
const SHORTEST: Duration = Duration::from_millis(200);
/// The usual key frame interval: over so long a delay that is a key frame's is gone for a moment.
pub(super) const STANDING: Duration = Duration::from_secs(2);
/// So long after the queue was empty, all is well.
const SETTLED: Duration = Duration::from_millis(600);
/// Without any acknowledgement for so long, the way pauses.
const PAUSE: Duration = Duration::from_millis(250);
/// Samples do not come quite on time.
const TICK_TOLERANCE: Duration = Duration::from_millis(30);
/// A delay that shrank by so much over so long is shrinking by itself.
const FALLING_OVER: Duration = Duration::from_millis(300);
const FALLING_BY: f64 = 0.03;
/// What waits shrinks where so many times as much is delivered as is produced.
const DRAINING: f64 = 1.03;
/// So many times as much as before is more.
const RISING: f64 = 1.2;
/// How much a round trip wavers without meaning anything: so many seconds, or such a part of itself.
const UNREST: f64 = 0.03;
const UNREST_PART: f64 = 0.25;
/// The shortest round trip counts for `SLOTS` times `SLOT`: 15 s.
const SLOT: Duration = Duration::from_secs(3);
const SLOTS: usize = 5;
/// How many samples are kept, by their age and, should times stand still, by their count.
const KEPT: Duration = Duration::from_secs(4);
const MOST_SAMPLES: usize = 64;
/// The time two samples span.
const TWO_SAMPLES: Duration = Duration::from_millis(200);
/// No key frame explains a longer delay.
const LONGEST_BURST: f64 = 0.3;
/// What bytes that wait are divided by at least, and for how long they are said to take at most.
const LEAST_RATE: f64 = 8_000.0;
const LONGEST_DELAY: f64 = 10.0;

//! Whether the encoder does what it is told: the other half of bitrate control.
//!
//! A queue that grows may be the link's fault or the encoder's. Here only the encoder is looked at, what was
//! ordered of it and what it made, so that its disobedience is never taken for a link that does not carry.
//!
//! | what it does | verdict |
//! |---|---|
//! | half as much again as ordered or more, over 2 s; a new order is given 0.7 s to be followed | [`Verdict::Exceeds`] |
//! | no picture for 2 s, though it was given some | [`Verdict::Silent`] |
//! | less than was ordered | none: a still picture needs little |

use std::{collections::VecDeque, fmt, time::Duration};

use crate::units::{Bitrate, MediaTime, grouped};

/// Watches one encoder.
#[derive(Clone, Debug, Default)]
pub struct Obedience {
    orders: VecDeque<(MediaTime, Bitrate)>,
    history: VecDeque<Seen>,
    /// Until when it was given nothing that it made no picture of, and how many it was given by then.
    waiting_since: Option<(MediaTime, u64)>,
    trouble: Option<Trouble>,
}

/// What went into an encoder and came out of it so far; to be taken a few times a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncoderSample {
    /// When.
    pub now: MediaTime,
    /// Pictures given to it.
    pub given: u64,
    /// Pictures that it made.
    pub made: u64,
    /// Bytes that these have.
    pub bytes: u64,
}

/// What is now known of an encoder, and was not before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It makes far more than was ordered.
    Exceeds {
        /// The bitrate ordered.
        ordered: Bitrate,
        /// The bitrate made.
        made: Bitrate,
    },
    /// It makes nothing.
    Silent {
        /// For how long.
        silent_for: Duration,
        /// How many pictures it was given in that time.
        given: u64,
    },
    /// After trouble, it does what it is told.
    Obeys {
        /// The bitrate ordered.
        ordered: Bitrate,
        /// The bitrate made.
        made: Bitrate,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Exceeds,
    Silent,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    now: MediaTime,
    bytes: u64,
    made: u64,
    /// Bytes that would have been obedient so far.
    allowed: u64,
}

impl Obedience {
    /// From `now` on `bitrate` is asked for. Repeating an order changes nothing.
    pub fn order(&mut self, now: MediaTime, bitrate: Bitrate) {
        if self.ordered() == Some(bitrate) {
            return;
        }
        if self.orders.len() >= MOST_ORDERS {
            self.orders.pop_front();
        }
        self.orders.push_back((now, bitrate));
    }

    /// Takes in what the encoder did; returns a verdict when it is another one than before.
    pub fn observe(&mut self, sample: &EncoderSample) -> Option<Verdict> {
        self.remember(sample);
        let (silent_for, given) = self.silence(sample);
        let (made, allowed) = self.over_window();
        let ordered = self.ordered().unwrap_or(Bitrate::ZERO);
        let verdict = if silent_for >= SILENT_AFTER && given >= GIVEN_AT_LEAST {
            (Some(Trouble::Silent), Verdict::Silent { silent_for, given })
        } else if self.is_excess(made, allowed) {
            (Some(Trouble::Exceeds), Verdict::Exceeds { ordered, made })
        } else if self.is_over(sample) {
            (None, Verdict::Obeys { ordered, made })
        } else {
            return None;
        };
        let (trouble, verdict) = verdict;
        let before = std::mem::replace(&mut self.trouble, trouble);
        (before != trouble).then_some(verdict)
    }

    fn ordered(&self) -> Option<Bitrate> {
        self.orders.back().map(|(_, bitrate)| *bitrate)
    }

    fn remember(&mut self, sample: &EncoderSample) {
        let now = sample.now;
        let newest = self.history.back().copied();
        // A computer that slept, or a clock that stepped, says nothing of the encoder.
        if newest.is_some_and(|newest| now < newest.now || now.since(newest.now) > LONGEST_GAP) {
            self.history.clear();
            self.waiting_since = None;
        }
        let rate = self.allowed_at(now);
        let allowed = self.history.back().map_or(0, |newest| {
            newest.allowed + rate.bytes_in(now.since(newest.now))
        });
        // The newest sample that is at least a window old stays, to measure from.
        while self.history.len() >= MOST_SAMPLES
            || self
                .history
                .get(1)
                .is_some_and(|second| now.since(second.now) >= WINDOW)
        {
            self.history.pop_front();
        }
        self.history.push_back(Seen {
            now,
            bytes: sample.bytes,
            made: sample.made,
            allowed,
        });
    }

    /// The highest bitrate that was ordered lately: a new order needs a moment to be followed.
    fn allowed_at(&mut self, now: MediaTime) -> Bitrate {
        while self
            .orders
            .get(1)
            .is_some_and(|(next, _)| now.since(*next) > FOLLOWS_WITHIN)
        {
            self.orders.pop_front();
        }
        let lately = self.orders.iter().map(|(_, bitrate)| *bitrate);
        lately.max().unwrap_or(Bitrate::ZERO)
    }

    /// For how long pictures were given and none was made, and how many.
    fn silence(&mut self, sample: &EncoderSample) -> (Duration, u64) {
        let before = self.history.iter().rev().nth(1);
        let makes = before.is_none_or(|before| sample.made > before.made);
        if makes {
            self.waiting_since = None;
        }
        match self.waiting_since {
            Some((since, given)) if sample.given > given => {
                (sample.now.since(since), sample.given - given)
            }
            _ => {
                self.waiting_since = Some((sample.now, sample.given));
                (Duration::ZERO, 0)
            }
        }
    }

    /// What was made over the window, and what would have been obedient.
    fn over_window(&self) -> (Bitrate, Bitrate) {
        let (Some(oldest), Some(newest)) = (self.history.front(), self.history.back()) else {
            return (Bitrate::ZERO, Bitrate::ZERO);
        };
        let elapsed = newest.now.since(oldest.now);
        let rate = |from: u64, to: u64| Bitrate::from_bytes(to.saturating_sub(from), elapsed);
        (
            rate(oldest.bytes, newest.bytes),
            rate(oldest.allowed, newest.allowed),
        )
    }

    fn is_excess(&self, made: Bitrate, allowed: Bitrate) -> bool {
        self.spans_a_window() && !self.orders.is_empty() && exceeds(made, allowed, EXCESS)
    }

    /// Whether what was wrong no longer is.
    fn is_over(&self, sample: &EncoderSample) -> bool {
        match self.trouble {
            None => false,
            Some(Trouble::Silent) => self
                .history
                .front()
                .is_some_and(|oldest| sample.made > oldest.made),
            Some(Trouble::Exceeds) => {
                let (made, allowed) = self.over_window();
                self.spans_a_window() && !exceeds(made, allowed, NO_EXCESS)
            }
        }
    }

    fn spans_a_window(&self) -> bool {
        match (self.history.front(), self.history.back()) {
            (Some(oldest), Some(newest)) => newest.now.since(oldest.now) >= WINDOW,
            _ => false,
        }
    }
}

impl Verdict {
    /// Whether the encoder does not do what it is told.
    #[must_use]
    pub const fn is_trouble(&self) -> bool {
        !matches!(self, Self::Obeys { .. })
    }
}

impl fmt::Display for Verdict {
    /// One plain sentence with numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exceeds { ordered, made } => write!(
                f,
                "The encoder makes {made} though {ordered} were ordered: it does not follow."
            ),
            Self::Silent { silent_for, given } => write!(
                f,
                "The encoder made no picture for {:.1} s, though it was given {}.",
                silent_for.as_secs_f64(),
                grouped(*given)
            ),
            Self::Obeys { ordered, made } => write!(
                f,
                "The encoder follows again: it makes {made} where {ordered} were ordered."
            ),
        }
    }
}

fn exceeds(made: Bitrate, allowed: Bitrate, factor: f64) -> bool {
    f64::from(made.bps()) > f64::from(allowed.bps()) * factor + SLACK
}

/// Over how long bytes are counted: the usual key frame interval, so that a key frame is one of many.
const WINDOW: Duration = Duration::from_secs(2);
/// How long an encoder may take to follow an order.
const FOLLOWS_WITHIN: Duration = Duration::from_millis(700);
/// So many times what was ordered is disobedience, and so many times no longer.
const EXCESS: f64 = 1.5;
const NO_EXCESS: f64 = 1.25;
/// And so many bits per second, which a few key frames in a row make at the lowest bitrates.
const SLACK: f64 = 40_000.0;
/// So long without a picture, and so many given in that time, is silence.
const SILENT_AFTER: Duration = Duration::from_secs(2);
const GIVEN_AT_LEAST: u64 = 2;
/// Samples further apart have no connection.
const LONGEST_GAP: Duration = Duration::from_secs(1);
/// Bounds of what is remembered: ten times what ten samples a second and two orders a second need.
const MOST_SAMPLES: usize = 200;
const MOST_ORDERS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// An encoder at 30 frames a second with a key frame every two, looked at ten times a second.
    struct Encoder {
        obedience: Obedience,
        sample: EncoderSample,
        tick: u64,
        frames_in_gop: u64,
    }

    impl Encoder {
        fn new(kbps: u32) -> Self {
            let mut obedience = Obedience::default();
            obedience.order(MediaTime::ZERO, Bitrate::from_kbps(kbps));
            Self {
                obedience,
                sample: EncoderSample::default(),
                tick: 0,
                frames_in_gop: 60,
            }
        }

        fn order(&mut self, kbps: u32) {
            let now = self.sample.now;
            self.obedience.order(now, Bitrate::from_kbps(kbps));
        }

        /// Runs for so many seconds, making `kbps`; returns verdicts with the seconds since it began.
        fn run(&mut self, seconds: u64, kbps: u64) -> Vec<(f64, Verdict)> {
            let begun = self.sample.now;
            let mut verdicts = Vec::new();
            for _ in 0..seconds * 10 {
                for _ in 0..3 {
                    let mean = kbps * 1000 / 8 / 30;
                    let key = self.sample.given.is_multiple_of(self.frames_in_gop);
                    self.sample.given += 1;
                    if kbps > 0 {
                        self.sample.made += 1;
                        self.sample.bytes += if key { mean * 6 } else { mean };
                    }
                }
                self.tick += 1;
                self.sample.now = MediaTime::from_millis(self.tick * 100);
                if let Some(verdict) = self.obedience.observe(&self.sample) {
                    verdicts.push((self.sample.now.since(begun).as_secs_f64(), verdict));
                }
            }
            verdicts
        }
    }

    #[test]
    fn an_encoder_that_follows_is_not_spoken_of() {
        let mut encoder = Encoder::new(5_500);
        assert_eq!(encoder.run(10, 5_500), []);
        for kbps in [1_700, 900, 300, 2_500, 5_500, 400] {
            encoder.order(kbps);
            // The change takes a moment.
            let before = encoder.sample.bytes;
            assert_eq!(encoder.run(5, u64::from(kbps)), [], "{kbps}");
            assert!(encoder.sample.bytes > before);
        }
    }

    #[test]
    fn following_late_is_following() {
        let mut encoder = Encoder::new(5_500);
        encoder.run(10, 5_500);
        encoder.order(1_000);
        let mut verdicts = Vec::new();
        for _ in 0..6 {
            // Half a second more at the old bitrate.
            encoder.tick += 1;
            encoder.sample.given += 3;
            encoder.sample.made += 3;
            encoder.sample.bytes += 5_500_000 / 8 / 10;
            encoder.sample.now = MediaTime::from_millis(encoder.tick * 100);
            verdicts.extend(encoder.obedience.observe(&encoder.sample));
        }
        assert_eq!(verdicts, []);
        assert_eq!(encoder.run(5, 1_000), []);
    }

    #[test]
    fn a_deaf_encoder_is_named_within_three_seconds() {
        for ordered in [300, 1_700, 3_400] {
            let mut encoder = Encoder::new(5_500);
            encoder.run(10, 5_500);
            encoder.order(ordered);
            let verdicts = encoder.run(10, 5_500);
            assert_eq!(verdicts.len(), 1, "{verdicts:?}");
            let (after, verdict) = verdicts[0];
            assert!(after <= 3.0, "{after} s");
            let Verdict::Exceeds {
                ordered: told,
                made,
            } = verdict
            else {
                panic!("{verdict:?}");
            };
            assert_eq!(told, Bitrate::from_kbps(ordered));
            assert!((5_000..7_000).contains(&made.kbps()), "{made}");
        }
    }

    #[test]
    fn a_deaf_encoder_is_named_though_orders_keep_changing() {
        let mut encoder = Encoder::new(5_500);
        encoder.run(10, 5_500);
        let mut verdicts = Vec::new();
        for kbps in [2_000, 1_800, 1_500, 1_200] {
            encoder.order(kbps);
            verdicts.extend(
                encoder
                    .run(1, 5_500)
                    .into_iter()
                    .map(|(_, verdict)| verdict),
            );
        }
        assert!(
            matches!(verdicts[..], [Verdict::Exceeds { .. }]),
            "{verdicts:?}"
        );
    }

    #[test]
    fn an_encoder_that_comes_to_its_senses_is_cleared() {
        let mut encoder = Encoder::new(5_500);
        encoder.run(5, 5_500);
        encoder.order(1_700);
        assert_eq!(encoder.run(5, 5_500).len(), 1);
        let verdicts = encoder.run(5, 1_700);
        let [(_, verdict @ Verdict::Obeys { .. })] = verdicts[..] else {
            panic!("{verdicts:?}");
        };
        assert!(!verdict.is_trouble());
    }

    #[test]
    fn a_silent_encoder_is_named_within_three_seconds_and_cleared_by_its_next_picture() {
        let mut encoder = Encoder::new(2_500);
        encoder.run(5, 2_500);
        let verdicts = encoder.run(5, 0);
        let [(after, verdict)] = verdicts[..] else {
            panic!("{verdicts:?}");
        };
        assert!(after <= 3.0, "{after} s");
        assert_eq!(
            verdict.to_string(),
            "The encoder made no picture for 2.0 s, though it was given 60."
        );
        let verdicts = encoder.run(1, 2_500);
        assert!(
            matches!(verdicts[..], [(_, Verdict::Obeys { .. })]),
            "{verdicts:?}"
        );
    }

    #[test]
    fn an_encoder_that_is_given_nothing_may_be_silent() {
        let mut encoder = Encoder::new(2_500);
        encoder.run(5, 2_500);
        for _ in 0..100 {
            encoder.tick += 1;
            encoder.sample.now = MediaTime::from_millis(encoder.tick * 100);
            assert_eq!(encoder.obedience.observe(&encoder.sample), None);
        }
        // Nor is a new beginning, though the first pictures take a moment.
        assert_eq!(encoder.run(1, 0), []);
        assert_eq!(encoder.run(5, 2_500), []);
    }

    #[test]
    fn a_still_picture_needs_little() {
        let mut encoder = Encoder::new(5_500);
        assert_eq!(encoder.run(10, 60), []);
        assert_eq!(encoder.run(10, 5_500), []);
    }

    #[test]
    fn key_frames_asked_for_are_no_disobedience() {
        let mut encoder = Encoder::new(500);
        encoder.frames_in_gop = 20;
        assert_eq!(encoder.run(20, 500), []);
    }

    #[test]
    fn sleep_and_a_clock_that_steps_say_nothing_of_the_encoder() {
        let mut encoder = Encoder::new(2_500);
        encoder.run(5, 2_500);
        encoder.tick += 8 * 36_000;
        encoder.sample.given += 100;
        assert_eq!(encoder.run(5, 2_500), []);
        encoder.tick -= 36_000;
        assert_eq!(encoder.run(5, 2_500), []);
    }

    #[test]
    fn words_carry_the_numbers() {
        let verdict = Verdict::Exceeds {
            ordered: Bitrate::from_kbps(1_700),
            made: Bitrate::from_kbps(5_480),
        };
        assert_eq!(
            verdict.to_string(),
            "The encoder makes 5,480 kb/s though 1,700 kb/s were ordered: it does not follow."
        );
        assert!(verdict.is_trouble());
    }
}

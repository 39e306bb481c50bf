//! How thoroughly to encode, by how much of its time encoding takes.
//!
//! | what is seen | what follows |
//! |---|---|
//! | encoding takes more than 90 % of the time, over 2 s | the faster setting |
//! | with that, less than 65 %, over 20 s | the full setting again; after each return that did not last, the wait is twice as long |
//!
//! An encoder for which pictures wait is busy all the time. The faster setting saves about an eighth, so that a
//! return leaves room.

use std::{collections::VecDeque, fmt, time::Duration};

use crate::units::MediaTime;

/// How thoroughly pictures are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// As well as the encoder can.
    #[default]
    Full,
    /// Faster, and not quite as well.
    Fast,
}

/// Decides for one encoder.
#[derive(Clone, Debug)]
pub struct EffortControl {
    effort: Effort,
    /// Since when it is that.
    since: Option<MediaTime>,
    /// Since when encoding takes little enough of its time for more.
    at_ease_since: Option<MediaTime>,
    patience: Duration,
    seen: VecDeque<EffortSample>,
}

/// What an encoder did so far; to be taken a few times a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EffortSample {
    /// When.
    pub now: MediaTime,
    /// How long it was busy, all in all.
    pub busy: Duration,
}

/// Another effort than before, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EffortChange {
    /// What is right from now on.
    pub effort: Effort,
    /// Which part of its time encoding took lately: 1 is all of it.
    pub load: f64,
}

impl Default for EffortControl {
    fn default() -> Self {
        Self {
            effort: Effort::Full,
            since: None,
            at_ease_since: None,
            patience: SHORTEST_PATIENCE,
            seen: VecDeque::new(),
        }
    }
}

impl EffortControl {
    /// What is right at the moment.
    #[must_use]
    pub const fn effort(&self) -> Effort {
        self.effort
    }

    /// Takes in what the encoder did; returns what changes by it.
    pub fn observe(&mut self, sample: EffortSample) -> Option<EffortChange> {
        let now = sample.now;
        let load = self.load(sample)?;
        if load >= AT_EASE {
            self.at_ease_since = None;
        }
        let effort = match self.effort {
            Effort::Full if load > BUSY => {
                let lasted = self.since.map(|since| now.since(since));
                self.patience = if lasted.is_some_and(|lasted| lasted < RETURN_LASTS) {
                    (self.patience * 2).min(LONGEST_PATIENCE)
                } else {
                    SHORTEST_PATIENCE
                };
                Effort::Fast
            }
            Effort::Fast if load < AT_EASE => {
                let since = *self.at_ease_since.get_or_insert(now);
                if now.since(since) < self.patience {
                    return None;
                }
                Effort::Full
            }
            _ => return None,
        };
        self.effort = effort;
        self.since = Some(now);
        self.at_ease_since = None;
        self.seen.clear();
        Some(EffortChange { effort, load })
    }

    /// Which part of its time encoding took over the last [`SPAN`]; `None` before there was so much.
    fn load(&mut self, sample: EffortSample) -> Option<f64> {
        let now = sample.now;
        // After a standstill of the computer, or with another encoder, all begins anew.
        let is_other = |newest: &EffortSample| {
            now.since(newest.now) > LONGEST_GAP || sample.busy < newest.busy
        };
        if self.seen.back().is_some_and(is_other) {
            self.seen.clear();
            self.at_ease_since = None;
        }
        self.seen.push_back(sample);
        while self
            .seen
            .get(1)
            .is_some_and(|next| now.since(next.now) >= SPAN)
        {
            self.seen.pop_front();
        }
        let oldest = self.seen.front()?;
        let elapsed = now.since(oldest.now);
        let busy = sample.busy.saturating_sub(oldest.busy);
        (elapsed >= SPAN).then(|| busy.as_secs_f64() / elapsed.as_secs_f64())
    }
}

impl fmt::Display for EffortChange {
    /// One plain sentence or two, with numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.load * 100.0;
        match self.effort {
            Effort::Fast => write!(
                f,
                "Using the faster setting of the encoder: this computer is busy. Encoding takes {percent:.0} % of \
                 the time there is for it."
            ),
            Effort::Full => write!(
                f,
                "Using the encoder's full setting again: encoding takes {percent:.0} % of the time there is for it."
            ),
        }
    }
}

/// Over how long a time encoding is looked at.
const SPAN: Duration = Duration::from_secs(2);
/// How busy an encoder is that will soon be too slow.
const BUSY: f64 = 0.9;
/// With the full setting that would be three quarters.
const AT_EASE: f64 = 0.65;
/// How long an encoder has to be at ease before more is asked of it.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(20);
const LONGEST_PATIENCE: Duration = Duration::from_mins(5);
/// A return to the full setting was right if it lasted so long.
const RETURN_LASTS: Duration = Duration::from_mins(1);
const LONGEST_GAP: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    /// Four looks a second at an encoder that is busy for `load(second, effort)` of its time; what changes, and
    /// in which second.
    fn run(seconds: u64, load: impl Fn(u64, Effort) -> f64) -> Vec<(u64, Effort)> {
        let mut control = EffortControl::default();
        let mut busy = Duration::ZERO;
        let mut changes = Vec::new();
        for look in 0..seconds * 4 {
            let share = load(look / 4, control.effort());
            busy += Duration::from_millis(250).mul_f64(share.min(1.0));
            let change = control.observe(EffortSample {
                now: MediaTime::from_millis(look * 250),
                busy,
            });
            changes.extend(change.map(|change| (look / 4, change.effort)));
        }
        changes
    }

    /// What a computer that is busy for `load` of its time with the full setting is with the other.
    fn with(load: f64, effort: Effort) -> f64 {
        match effort {
            Effort::Full => load,
            Effort::Fast => load * 0.87,
        }
    }

    #[test]
    fn an_encoder_with_time_to_spare_is_left_alone() {
        assert_eq!(run(600, |_, effort| with(0.85, effort)), []);
    }

    #[test]
    fn a_busy_one_gets_the_faster_setting_within_three_seconds() {
        let changes = run(60, |second, effort| {
            with(if second < 20 { 0.5 } else { 0.97 }, effort)
        });
        assert_eq!(changes, [(21, Effort::Fast)]);
        assert_eq!(run(60, |_, effort| with(1.3, effort)), [(2, Effort::Fast)]);
    }

    #[test]
    fn a_moment_of_work_elsewhere_changes_nothing() {
        let changes = run(120, |second, effort| {
            with(if second % 10 == 5 { 1.5 } else { 0.5 }, effort)
        });
        assert_eq!(changes, []);
    }

    #[test]
    fn the_full_setting_returns_when_there_is_room_for_it_again() {
        let changes = run(60, |second, effort| {
            with(if second < 10 { 1.2 } else { 0.6 }, effort)
        });
        assert_eq!(changes.len(), 2, "{changes:?}");
        assert_eq!(changes[1].1, Effort::Full);
        assert!((29..=35).contains(&changes[1].0), "{changes:?}");
    }

    #[test]
    fn between_the_limits_it_stays_as_it_is() {
        let changes = run(300, |second, effort| {
            with(if second < 10 { 1.2 } else { 0.8 }, effort)
        });
        assert_eq!(changes, [(2, Effort::Fast)]);
    }

    #[test]
    fn a_computer_that_is_busy_again_and_again_is_not_changed_to_and_fro() {
        // Room for 25 s, then none for 15 s.
        let changes = run(3600, |second, effort| {
            with(if second % 40 < 25 { 0.5 } else { 1.1 }, effort)
        });
        assert!(changes.len() <= 6, "{changes:?}");
    }

    #[test]
    fn a_standstill_and_a_fresh_encoder_are_no_reason() {
        let mut control = EffortControl::default();
        let mut look = |millis, busy| {
            control.observe(EffortSample {
                now: MediaTime::from_millis(millis),
                busy: Duration::from_millis(busy),
            })
        };
        for millis in (0..1500).step_by(250) {
            assert_eq!(look(millis, millis), None);
        }
        assert_eq!(look(60_000, 1500), None);
        assert_eq!(look(60_250, 0), None);
    }

    #[test]
    fn a_change_is_told_in_plain_words() {
        let change = EffortChange {
            effort: Effort::Fast,
            load: 0.957,
        };
        assert_eq!(
            change.to_string(),
            "Using the faster setting of the encoder: this computer is busy. Encoding takes 96 % of the time there \
             is for it."
        );
    }
}

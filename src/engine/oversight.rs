//! What follows when the video encoder does not do what it is told: it is started again, as often as that may
//! help.

use std::time::Duration;

use super::counters::Counters;
use crate::{
    control::{
        bitrate::{Advice, Pace},
        obedience::{EncoderSample, Obedience, Verdict},
    },
    units::MediaTime,
};

/// Watches the encoder of one run.
#[derive(Default)]
pub struct Oversight {
    obedience: Obedience,
    /// Pictures that were to be encoded, as counted last.
    asked: u64,
    /// Pictures given to the encoder, in eighths.
    given: u64,
    /// Since when nothing came out, and how many pictures had come by then.
    quiet: Option<(MediaTime, u64)>,
    restarts: u32,
    is_deaf: bool,
}

/// What was found, and what is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// What is wrong, or no longer is.
    pub verdict: Verdict,
    /// Whether the encoder is to be started again.
    pub restart: bool,
}

impl Oversight {
    /// Looks at what the encoder did; to be called at regular intervals. `order` is what it was told.
    pub fn observe(
        &mut self,
        now: MediaTime,
        counters: &Counters,
        order: Advice,
    ) -> Option<Finding> {
        let asked = counters
            .offered
            .get()
            .saturating_sub(counters.thinned.get());
        // Of stills few are asked for, but those between them are until they are left out: so they count less.
        let weight = if order.pace == Pace::Still { 1 } else { WHOLE };
        self.given += asked.saturating_sub(self.asked) * weight;
        self.asked = asked;
        let made = counters.encoded.get();
        if self.quiet.is_none_or(|(_, before)| before != made) {
            self.quiet = Some((now, made));
        }
        self.obedience.order(now, order.video);
        let verdict = self.obedience.observe(&EncoderSample {
            now,
            given: self.given / WHOLE,
            made,
            bytes: counters.encoded_bytes.get(),
        })?;
        let restart = self.may_help(&verdict);
        self.is_deaf = matches!(verdict, Verdict::Exceeds { .. }) && !restart;
        if restart {
            self.restarts += 1;
            self.obedience = Obedience::default();
        }
        Some(Finding { verdict, restart })
    }

    /// Whether to start again may help. One that does not listen when it is fresh never will.
    fn may_help(&self, verdict: &Verdict) -> bool {
        match verdict {
            Verdict::Exceeds { .. } => self.restarts == 0,
            Verdict::Silent { .. } => self.restarts < MOST_RESTARTS,
            Verdict::Obeys { .. } => false,
        }
    }

    /// Whether the encoder makes more than it is told, and nothing helps.
    #[must_use]
    pub fn is_deaf(&self) -> bool {
        self.is_deaf
    }

    /// Whether the encoder has been making nothing for a moment: pictures that are left out now have another
    /// cause than a slow computer.
    #[must_use]
    pub fn is_uneasy(&self, now: MediaTime) -> bool {
        self.quiet
            .is_some_and(|(since, _)| now.since(since) >= UNEASY_AFTER)
    }
}

/// A picture in eighths.
const WHOLE: u64 = 8;
/// See [`Oversight::is_uneasy`].
const UNEASY_AFTER: Duration = Duration::from_millis(500);
/// How often an encoder is started again: each that hangs stays behind, with its memory.
const MOST_RESTARTS: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Bitrate;

    /// A run at 30 pictures a second, looked at four times a second. `makes` says for a picture's number how
    /// many bytes come out, if any; `thins` whether it is left out on purpose.
    fn run(
        millis: u64,
        order: Advice,
        thins: impl Fn(u64) -> bool,
        makes: impl Fn(u64) -> Option<u64>,
    ) -> Vec<(u64, Finding)> {
        let mut oversight = Oversight::default();
        let counters = Counters::default();
        let mut found = Vec::new();
        for now in (0..millis).step_by(250) {
            while counters.offered.get() < now * 30 / 1000 {
                let number = counters.offered.get();
                counters.offered.add(1);
                if thins(number) {
                    counters.thinned.add(1);
                } else if let Some(bytes) = makes(number) {
                    counters.encoded.add(1);
                    counters.encoded_bytes.add(bytes);
                }
            }
            let now_time = MediaTime::from_millis(now);
            let finding = oversight.observe(now_time, &counters, order);
            found.extend(finding.map(|finding| (now, finding)));
        }
        found
    }

    const ORDER: Advice = Advice {
        video: Bitrate::from_kbps(800),
        pace: Pace::Full,
    };

    #[test]
    fn a_deaf_encoder_is_named_within_three_seconds_and_started_again_once() {
        let found = run(20_000, ORDER, |_| false, |_| Some(2_400_000 / 8 / 30));
        let restarts: Vec<_> = found.iter().map(|(_, it)| it.restart).collect();
        assert_eq!(restarts, [true, false]);
        assert!(found[0].0 <= 3000, "{found:?}");
    }

    #[test]
    fn an_encoder_that_makes_nothing_is_named_within_three_seconds_and_not_started_again_for_ever()
    {
        let found = run(
            60_000,
            ORDER,
            |_| false,
            |number| (number < 300).then_some(3000),
        );
        assert!((10_000..=13_000).contains(&found[0].0), "{found:?}");
        let restarts: Vec<_> = found.iter().map(|(_, it)| it.restart).collect();
        assert_eq!(restarts, [true, true, true, false]);
    }

    #[test]
    fn stills_are_not_silence_but_an_encoder_that_hangs_between_them_is() {
        let stills = Advice {
            pace: Pace::Still,
            ..ORDER
        };
        // A key frame every four seconds, at whose time the picture behind it waits already.
        let found = run(
            60_000,
            stills,
            |number| number % 120 > 1,
            |number| (number % 120 == 0).then_some(9000),
        );
        assert_eq!(found, []);
        let found = run(
            20_000,
            stills,
            |number| number < 300 && number % 120 != 0,
            |number| (number < 300).then_some(9000),
        );
        assert!((10_000..=13_000).contains(&found[0].0), "{found:?}");
    }
}

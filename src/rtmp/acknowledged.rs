//! How much the server says it has received: servers count in different ways (RTMP 1.0, 5.4.3).
//!
//! The specification means the bytes received so far, modulo 2^32. Found in the field: totals that wrap at
//! 2^31 (Twitch) or start anew at `0xF000_0000` (nginx, Node Media Server), and increments instead of totals
//! (YouTube). So these figures inform; nothing ever waits for them.

/// Turns the numbers of Acknowledgement messages into a total.
#[derive(Clone, Debug, Default)]
pub struct Acknowledged {
    total: u64,
    last: Option<u32>,
    /// How often the last value came in a row.
    repeats: u32,
    incremental: bool,
}

impl Acknowledged {
    /// Takes note of a message that says `value`, when `sent` bytes went out so far. Returns the total.
    pub fn on_message(&mut self, value: u32, sent: u64) -> u64 {
        let last = self.last.replace(value);
        self.repeats = if last == Some(value) {
            self.repeats + 1
        } else {
            0
        };
        let value = u64::from(value);
        if self.repeats == REPEATS_THAT_MEAN_INCREMENTS && !self.incremental && value > 0 {
            self.incremental = true;
            // The values before this one were increments too.
            self.total = value * u64::from(REPEATS_THAT_MEAN_INCREMENTS);
        }
        let candidate = if self.incremental {
            self.total + value
        } else {
            self.without_wrap(value, sent)
        };
        // Never more than was sent, never less than was acknowledged before.
        self.total = candidate.min(sent).max(self.total);
        self.total
    }

    /// Bytes acknowledged so far.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The total that `value` stands for after wraps: the nearest one that is not more than was sent.
    fn without_wrap(&self, value: u64, sent: u64) -> u64 {
        if value >= self.total {
            return value;
        }
        WRAPS
            .into_iter()
            .map(|wrap| value + (self.total - value).div_ceil(wrap) * wrap)
            .filter(|total| *total <= sent)
            .min()
            .unwrap_or(self.total)
    }
}

/// Where servers let their count begin anew.
const WRAPS: [u64; 3] = [1 << 31, 0xF000_0000, 1 << 32];

/// A total grows; the same value for the third time can only be an increment.
const REPEATS_THAT_MEAN_INCREMENTS: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_taken_as_they_are() {
        let mut acknowledged = Acknowledged::default();
        assert_eq!(acknowledged.on_message(100_000, 150_000), 100_000);
        assert_eq!(acknowledged.on_message(200_000, 250_000), 200_000);
        assert_eq!(acknowledged.total(), 200_000);
    }

    #[test]
    fn a_value_that_repeats_is_an_increment() {
        let mut acknowledged = Acknowledged::default();
        let totals: Vec<_> = (1..=5)
            .map(|n| acknowledged.on_message(131_325, n * 140_000))
            .collect();
        assert_eq!(totals, [131_325, 131_325, 393_975, 525_300, 656_625]);
    }

    #[test]
    fn counts_that_begin_anew_go_on() {
        for wrap in WRAPS {
            let mut acknowledged = Acknowledged::default();
            let before = u32::try_from(wrap - 50_000).unwrap();
            acknowledged.on_message(before, wrap);
            let total = acknowledged.on_message(50_000, wrap + 60_000);
            assert_eq!(total, wrap + 50_000, "{wrap:#x}");
        }
    }

    #[test]
    fn never_more_than_was_sent_nor_less_than_before() {
        let mut acknowledged = Acknowledged::default();
        assert_eq!(acknowledged.on_message(u32::MAX, 1_000), 1_000);
        assert_eq!(acknowledged.on_message(10, 2_000), 1_000);
    }
}

//! How far sound and picture are apart, measured on flashes and the beeps that belong to them.

use serde::Serialize;

/// When the sound of something is heard, after it is seen; negative when it is heard first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Skew {
    /// The least, in milliseconds.
    pub min_ms: f64,
    /// The most, in milliseconds.
    pub max_ms: f64,
    /// On average, in milliseconds.
    pub mean_ms: f64,
    /// How many flashes with their beeps it was measured on.
    pub pairs: usize,
}

impl Skew {
    /// Matches each of `flashes` with the nearest of `beeps` (times in milliseconds, ascending). `None` when
    /// they do not belong together, as with a camera and a microphone in an ordinary room.
    #[must_use]
    pub fn measure(flashes: &[f64], beeps: &[f64]) -> Option<Self> {
        let skews: Vec<f64> = flashes
            .iter()
            .filter_map(|flash| {
                beeps
                    .iter()
                    .map(|beep| beep - flash)
                    .min_by(|a, b| a.abs().total_cmp(&b.abs()))
            })
            .filter(|skew| skew.abs() <= MAX_SKEW_MS)
            .collect();
        let pairs = skews.len();
        // One of each may be cut off at the start or the end.
        if pairs < MIN_PAIRS || pairs + 2 < flashes.len().max(beeps.len()) {
            return None;
        }
        let min_ms = skews.iter().copied().fold(f64::INFINITY, f64::min);
        let max_ms = skews.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (max_ms - min_ms <= MAX_SPREAD_MS).then(|| Self {
            min_ms,
            max_ms,
            mean_ms: skews.iter().sum::<f64>() / pairs as f64,
            pairs,
        })
    }

    /// The larger of both extremes, with its sign.
    #[must_use]
    pub fn worst_ms(&self) -> f64 {
        if self.max_ms.abs() >= self.min_ms.abs() {
            self.max_ms
        } else {
            self.min_ms
        }
    }
}

/// Flashes come each second: beyond half of it, a beep may belong to another.
const MAX_SKEW_MS: f64 = 450.0;
/// What belongs together stays together.
const MAX_SPREAD_MS: f64 = 200.0;
const MIN_PAIRS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flash_is_matched_with_its_beep() {
        let skew = Skew::measure(&[1000.0, 2000.0, 3000.0], &[1010.0, 1990.0, 3030.0]).unwrap();
        assert_eq!((skew.min_ms, skew.max_ms, skew.pairs), (-10.0, 30.0, 3));
        assert!((skew.mean_ms - 10.0).abs() < 1e-9);
        assert!((skew.worst_ms() - 30.0).abs() < 1e-9);
    }

    #[test]
    fn what_does_not_belong_together_is_not_measured() {
        assert_eq!(Skew::measure(&[], &[]), None);
        assert_eq!(Skew::measure(&[1000.0], &[1000.0]), None);
        assert_eq!(Skew::measure(&[1000.0, 2000.0], &[1000.0, 2400.0]), None);
        let chatter: Vec<f64> = (0..40).map(|index| f64::from(index) * 130.0).collect();
        assert_eq!(Skew::measure(&[1000.0, 2000.0, 3000.0], &chatter), None);
    }
}

//! The test sound: a 1 kHz sine at -20 dBFS, as a beep each second or without pauses.

use std::f32::consts::{PI, TAU};

/// When the tone sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToneMode {
    /// During the first tenth of each second, with the test picture's flash.
    Beep,
    /// Always.
    Steady,
}

/// A 1 kHz tone at 48 kHz. What it plays depends on the sample's number alone.
#[derive(Clone, Debug)]
pub struct Tone {
    mode: ToneMode,
    period: [f32; PERIOD],
}

impl Tone {
    /// A tone in this mode.
    #[must_use]
    pub fn new(mode: ToneMode) -> Self {
        let period =
            std::array::from_fn(|index| AMPLITUDE * (TAU * index as f32 / PERIOD as f32).sin());
        Self { mode, period }
    }

    /// Fills `out`, interleaved stereo at 48 kHz, from sample `first_sample` on, counted from the program's
    /// time zero. In [`ToneMode::Beep`] the tone sounds while the sample's number modulo 48,000 is below 4,800,
    /// rising and falling over the first and last 2 ms so that it does not click.
    pub fn fill(&self, first_sample: u64, out: &mut [f32]) {
        for (frame, index) in out.chunks_exact_mut(2).zip(first_sample..) {
            let in_second = usize::try_from(index % SECOND as u64).unwrap_or(0); // below 48,000
            frame.fill(self.period[in_second % PERIOD] * self.envelope(in_second));
        }
    }

    fn envelope(&self, in_second: usize) -> f32 {
        match self.mode {
            ToneMode::Steady => 1.0,
            ToneMode::Beep if in_second >= BEEP => 0.0,
            ToneMode::Beep => {
                let from_edge = in_second.min(BEEP - 1 - in_second);
                if from_edge >= EDGE {
                    1.0
                } else {
                    0.5 - 0.5 * (PI * (from_edge as f32 + 0.5) / EDGE as f32).cos()
                }
            }
        }
    }
}

/// Samples in a second.
const SECOND: usize = 48_000;
/// Samples in one period of 1 kHz.
const PERIOD: usize = 48;
/// Samples that a beep lasts.
const BEEP: usize = 4_800;
/// Samples over which a beep rises and falls: 2 ms.
const EDGE: usize = 96;
/// The sine's peak: -20 dBFS.
const AMPLITUDE: f32 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    fn left(mode: ToneMode, first_sample: u64, frames: usize) -> Vec<f32> {
        let mut out = vec![9.0; 2 * frames];
        Tone::new(mode).fill(first_sample, &mut out);
        assert!(
            out.chunks(2)
                .all(|frame| frame[0].to_bits() == frame[1].to_bits())
        );
        out.into_iter().step_by(2).collect()
    }

    #[test]
    fn the_beep_sounds_exactly_in_the_first_tenth_of_each_second() {
        let second = left(ToneMode::Beep, 48_000 * 3, 48_000);
        assert!(second[4_800..].iter().all(|sample| *sample == 0.0));
        let first = second.iter().position(|sample| sample.abs() > 0.01);
        let last = second.iter().rposition(|sample| sample.abs() > 0.01);
        assert!(first < Some(60), "{first:?}");
        assert!(last > Some(4_740), "{last:?}");
    }

    #[test]
    fn the_beep_starts_and_ends_softly() {
        let beep = left(ToneMode::Beep, 0, 4_801);
        let loudest_step = beep
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).abs())
            .fold(0.0, f32::max);
        let steepest_sine = AMPLITUDE * TAU / PERIOD as f32;
        assert!(loudest_step <= steepest_sine * 1.01, "{loudest_step}");
        assert!(beep[0].abs() < 1e-4);
        assert!(beep[4_799].abs() < 1e-4);
    }

    #[test]
    fn the_tone_is_1_khz_at_minus_20_dbfs() {
        let steady = left(ToneMode::Steady, 12_345, 48_000);
        let peak = steady.iter().copied().fold(0.0, f32::max);
        assert!((peak - 0.1).abs() < 1e-4, "{peak}");
        let rising = steady
            .windows(2)
            .filter(|pair| pair[0] < -1e-4 && pair[1] >= -1e-4)
            .count();
        assert_eq!(rising, 1_000);
    }

    #[test]
    fn blocks_of_any_length_join_without_a_seam() {
        let whole = left(ToneMode::Beep, 100, 700);
        let parts = [
            left(ToneMode::Beep, 100, 333),
            left(ToneMode::Beep, 433, 367),
        ]
        .concat();
        assert_eq!(whole, parts);
    }
}

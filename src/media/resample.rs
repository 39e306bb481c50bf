//! Any sample rate to any other, and the slight changes of speed that take drift out.

use rubato::{
    Adjustable, Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters,
    SincInterpolationType, WindowFunction, audioadapter_buffers::direct::InterleavedSlice,
};
use thiserror::Error;

use crate::media::drift::MAX_CORRECTION;

/// Changes the sample rate of interleaved stereo: flat within 1 dB to 18 kHz between the usual rates.
pub struct Resampler {
    sinc: Async<f32>,
    waiting: Vec<f32>,
    block: Vec<f32>,
}

/// A sample rate that is none.
#[derive(Clone, Debug, Error)]
#[error("cannot resample from {input} Hz to {output} Hz; choose a usual rate such as 48000 Hz")]
pub struct UnsupportedRate {
    /// The rate given.
    pub input: u32,
    /// The rate wanted.
    pub output: u32,
    /// What the resampler said, if it was asked.
    #[source]
    pub source: Option<rubato::ResamplerConstructionError>,
}

impl Resampler {
    /// A resampler from `input_rate` to `output_rate` samples per second.
    ///
    /// # Errors
    /// When a rate is below 4 or above 768 kHz.
    pub fn new(input_rate: u32, output_rate: u32) -> Result<Self, UnsupportedRate> {
        let error = |source| UnsupportedRate {
            input: input_rate,
            output: output_rate,
            source,
        };
        if !RATES.contains(&input_rate) || !RATES.contains(&output_rate) {
            return Err(error(None));
        }
        let parameters = SincInterpolationParameters {
            sinc_len: SINC_LENGTH,
            f_cutoff: None,
            oversampling_factor: OVERSAMPLING,
            interpolation: SincInterpolationType::Linear,
            window: WindowFunction::BlackmanHarris2,
        };
        let sinc = Async::new_sinc(
            f64::from(output_rate) / f64::from(input_rate),
            1.0 + 2.0 * MAX_CORRECTION,
            &parameters,
            BLOCK_FRAMES,
            CHANNELS,
            FixedAsync::Output,
        )
        .map_err(|refusal| error(Some(refusal)))?;
        Ok(Self {
            sinc,
            waiting: Vec::new(),
            block: vec![0.0; BLOCK_FRAMES * CHANNELS],
        })
    }

    /// Takes `speed` input seconds for each output second from now on, within plus or minus
    /// [`MAX_CORRECTION`] of 1.0.
    pub fn set_speed(&mut self, speed: f64) {
        let speed = speed.clamp(1.0 - MAX_CORRECTION, 1.0 + MAX_CORRECTION);
        let set = self.sinc.set_resample_ratio_relative(1.0 / speed, true);
        debug_assert!(set.is_ok(), "within the range the resampler was made for");
    }

    /// Takes `input`, and appends to `output` all that can be told from it by now.
    pub fn process(&mut self, input: &[f32], output: &mut Vec<f32>) {
        self.waiting.extend_from_slice(input);
        let mut taken = 0;
        loop {
            let rest = &self.waiting[taken..];
            let frames = rest.len() / CHANNELS;
            if frames < self.sinc.input_frames_next() {
                break;
            }
            let Ok(source) = InterleavedSlice::new(rest, CHANNELS, frames) else {
                break;
            };
            let Ok(mut target) = InterleavedSlice::new_mut(&mut self.block, CHANNELS, BLOCK_FRAMES)
            else {
                break;
            };
            let processed =
                self.sinc
                    .process_into_buffer(&source, &mut target, Some(&Indexing::new()));
            debug_assert!(processed.is_ok(), "both buffers are large enough");
            let Ok((read, written)) = processed else {
                break;
            };
            taken += read * CHANNELS;
            output.extend_from_slice(&self.block[..written * CHANNELS]);
        }
        self.waiting.drain(..taken);
    }

    /// How many more input frames the next block of output needs.
    #[must_use]
    pub fn wanted_frames(&self) -> usize {
        self.sinc
            .input_frames_next()
            .saturating_sub(self.waiting.len() / CHANNELS)
    }

    /// How many more input frames certainly give `frames` of output.
    #[must_use]
    pub fn frames_for(&self, frames: usize) -> usize {
        let blocks = frames.div_ceil(BLOCK_FRAMES);
        let fastest = self.sinc.resample_ratio() * (1.0 - MAX_CORRECTION);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and bounded by the rates"
        )]
        let block = (BLOCK_FRAMES as f64 / fastest).ceil() as usize + 1;
        match blocks.checked_sub(1) {
            Some(more) => self.wanted_frames() + more * block,
            None => 0,
        }
    }

    /// By how many input frames the next output frame lags behind the end of the input so far.
    #[must_use]
    pub fn lag_frames(&self) -> f64 {
        let filter = self.sinc.output_delay() as f64 / self.sinc.resample_ratio();
        (self.waiting.len() / CHANNELS) as f64 + filter
    }
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler")
            .field("ratio", &self.sinc.resample_ratio())
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

/// Two samples of any number of interleaved channels: one is doubled, of more than two the first two are taken.
#[must_use]
pub fn stereo_of(frame: &[f32]) -> [f32; 2] {
    match *frame {
        [] => [0.0; 2],
        [mono] => [mono; 2],
        [left, right, ..] => [left, right],
    }
}

const CHANNELS: usize = 2;
/// Half of what the engine takes at a time, so that nothing of a block is left over.
const BLOCK_FRAMES: usize = 256;
/// Taps of the filter.
const SINC_LENGTH: usize = 128;
/// Positions between two samples for which the filter is worked out; the rest is interpolated.
const OVERSAMPLING: usize = 256;
/// What devices offer.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=768_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_frames_as_are_asked_for_are_enough_and_hardly_too_many() {
        for (rate, speed) in [
            (48_000, 1.0),
            (44_100, 1.001),
            (8_000, 0.999),
            (192_000, 1.001),
        ] {
            let mut resampler = Resampler::new(rate, 48_000).unwrap();
            resampler.set_speed(speed);
            for wanted in [512, 1, 256, 300, 0, 480].into_iter().cycle().take(200) {
                let mut output = Vec::new();
                let input = resampler.frames_for(wanted);
                resampler.process(&vec![0.0; input * CHANNELS], &mut output);
                let made = output.len() / CHANNELS;
                let whole = wanted.div_ceil(BLOCK_FRAMES) * BLOCK_FRAMES;
                assert_eq!(made, whole, "{wanted} at {rate} Hz, {speed}");
            }
        }
    }

    fn sine(rate: u32, hertz: f64, frames: usize) -> Vec<f32> {
        (0..frames)
            .flat_map(|index| {
                let phase = std::f64::consts::TAU * hertz * index as f64 / f64::from(rate);
                #[expect(clippy::cast_possible_truncation, reason = "a sample")]
                let sample = (0.5 * phase.sin()) as f32;
                [sample, -sample]
            })
            .collect()
    }

    fn resampled(input: u32, output: u32, samples: &[f32]) -> Vec<f32> {
        let mut out = Vec::new();
        let mut resampler = Resampler::new(input, output).expect("usual rates");
        for block in samples.chunks(2 * 441) {
            resampler.process(block, &mut out);
        }
        out
    }

    /// The left channel's RMS in decibels relative to a sine of 0.5, without the first and last quarter.
    fn level(samples: &[f32]) -> f64 {
        let middle = &samples[samples.len() / 8 * 2..samples.len() / 8 * 6];
        let energy: f64 = middle
            .chunks(2)
            .map(|frame| f64::from(frame[0]) * f64::from(frame[0]))
            .sum();
        let rms = (energy / (middle.len() / 2) as f64).sqrt();
        20.0 * (rms / 0.5 * std::f64::consts::SQRT_2).log10()
    }

    #[test]
    fn usual_rates_are_flat_within_1_db_to_18_khz() {
        for (input, output) in [
            (48_000, 48_000),
            (44_100, 48_000),
            (96_000, 48_000),
            (48_000, 44_100),
        ] {
            for hertz in [100.0, 1_000.0, 10_000.0, 18_000.0] {
                let out = resampled(input, output, &sine(input, hertz, 9_600));
                let level = level(&out);
                assert!(
                    level.abs() < 1.0,
                    "{input} to {output}: {hertz} Hz at {level} dB"
                );
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_left_away_and_not_folded_back() {
        let out = resampled(96_000, 48_000, &sine(96_000, 30_000.0, 9_600));
        let level = level(&out);
        assert!(level < -60.0, "{level}");
    }

    #[test]
    fn as_much_comes_out_as_goes_in_but_for_the_lag() {
        let mut resampler = Resampler::new(44_100, 48_000).expect("usual rates");
        let mut out = Vec::new();
        resampler.process(&sine(44_100, 440.0, 44_100), &mut out);
        // `lag_frames` counts from the next output frame, whose own place is half a filter back.
        let produced = (out.len() / 2) as f64 / 48_000.0;
        let waiting = (resampler.waiting.len() / 2) as f64 / 44_100.0;
        assert!((produced + waiting - 1.0).abs() < 1e-3, "{produced}");
    }

    #[test]
    fn the_lag_tells_where_in_the_input_the_output_has_got_to() {
        let mut resampler = Resampler::new(32_000, 48_000).expect("usual rates");
        let mut input = vec![0.0; 2 * 4_000];
        input[2 * 2_000] = 1.0; // a click at input frame 2,000
        let mut out = Vec::new();
        resampler.process(&input, &mut out);
        let click = (0..out.len() / 2)
            .max_by(|a, b| out[2 * a].total_cmp(&out[2 * b]))
            .expect("output");
        let end = out.len() / 2;
        let place = 4_000.0 - resampler.lag_frames() - (end - click) as f64 * 32.0 / 48.0;
        assert!((place - 2_000.0).abs() < 2.0, "{place}");
    }

    #[test]
    fn speed_takes_more_or_less_input() {
        for (speed, expected) in [(1.001, 47_952.0), (0.999, 48_048.0), (2.0, 47_952.0)] {
            let mut resampler = Resampler::new(48_000, 48_000).expect("usual rates");
            resampler.set_speed(speed);
            let mut out = Vec::new();
            resampler.process(&vec![0.0; 2 * 48_000], &mut out);
            let produced = (out.len() / 2) as f64;
            assert!((produced - expected).abs() < 241.0, "{speed}: {produced}");
            assert!((48_000.0 - resampler.waiting.len() as f64 / 2.0) / produced > 0.9985);
        }
    }

    #[test]
    fn rates_that_are_none_are_errors() {
        for (input, output) in [(0, 48_000), (48_000, 0), (u32::MAX, 48_000)] {
            let error = Resampler::new(input, output).expect_err("no such rate");
            assert_eq!((error.input, error.output), (input, output));
        }
    }

    #[test]
    fn any_number_of_channels_becomes_stereo() {
        assert_eq!(stereo_of(&[0.5]).to_vec(), [0.5, 0.5]);
        assert_eq!(stereo_of(&[0.1, 0.2]).to_vec(), [0.1, 0.2]);
        assert_eq!(stereo_of(&[0.1, 0.2, 0.3, 0.4]).to_vec(), [0.1, 0.2]);
        assert_eq!(stereo_of(&[]).to_vec(), [0.0, 0.0]);
    }
}

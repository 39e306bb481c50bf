//! From 48 000 to 44 100 samples per second, by the exact ratio 147 : 160.

use std::f64::consts::PI;

/// A polyphase filter: output sample `m` lies at input position `m · 160 / 147`, which is one of 147
/// distances from an input sample, each with its own row of weights.
///
/// Nothing is shifted: output sample `m` is the sound at time `m / 44 100`, though it can only be told
/// `LOOK_AHEAD` input samples later.
pub(super) struct To44100 {
    weights: Vec<[f32; TAPS]>,
    /// The input samples that are needed yet, `TAPS / 2 - 1` of silence before the first.
    window: Vec<[f32; 2]>,
    /// How far the next output sample is past the middle of the first `TAPS` of them, in 147ths of an input sample.
    ahead: usize,
}

impl To44100 {
    /// Input samples after its place that an output sample depends on.
    #[cfg(test)]
    pub(super) const LOOK_AHEAD: u64 = TAPS as u64 / 2;

    pub(super) fn new() -> Self {
        Self {
            weights: (0..OUTPUT).map(row).collect(),
            window: vec![[0.0; 2]; TAPS / 2 - 1],
            ahead: 0,
        }
    }

    /// Takes the `input` that follows the last and appends all output that it completes.
    pub(super) fn convert(&mut self, input: &[[f32; 2]], output: &mut Vec<[f32; 2]>) {
        self.window.extend_from_slice(input);
        let mut used = 0;
        while let Some(window) = self.window[used..].first_chunk() {
            if self.ahead < OUTPUT {
                output.push(weighted(&self.weights[self.ahead], window));
                self.ahead += INPUT;
            }
            // 160 is more than 147: no input sample completes two output samples.
            self.ahead -= OUTPUT;
            used += 1;
        }
        self.window.drain(..used);
    }
}

fn weighted(weights: &[f32; TAPS], window: &[[f32; 2]; TAPS]) -> [f32; 2] {
    // Sums side by side, for vector instructions: those of one sum after the other would have to wait.
    let mut sums = [[0.0; 2]; LANES];
    let (weights, _) = weights.as_chunks::<LANES>();
    let (window, _) = window.as_chunks::<LANES>();
    for (weights, samples) in weights.iter().zip(window) {
        for ((sum, weight), [left, right]) in sums.iter_mut().zip(weights).zip(samples) {
            sum[0] += weight * left;
            sum[1] += weight * right;
        }
    }
    sums.into_iter().fold([0.0; 2], |[left, right], sum| {
        [left + sum[0], right + sum[1]]
    })
}

/// The weights for an output sample `phase / 147` past the window's middle sample: a sinc cut at
/// [`CUTOFF`], under a Blackman window.
fn row(phase: usize) -> [f32; TAPS] {
    let middle = (TAPS / 2 - 1) as f64 + phase as f64 / OUTPUT as f64;
    let weights: [f64; TAPS] = std::array::from_fn(|tap| {
        let distance = tap as f64 - middle;
        let angle = 2.0 * PI * CUTOFF * distance;
        let sinc = if angle == 0.0 {
            1.0
        } else {
            angle.sin() / angle
        };
        let across = PI * distance / (TAPS / 2) as f64;
        sinc * (0.42 + 0.5 * across.cos() + 0.08 * (2.0 * across).cos())
    });
    let sum: f64 = weights.iter().sum();
    #[expect(clippy::cast_possible_truncation, reason = "samples are f32")]
    weights.map(|weight| (weight / sum) as f32)
}

/// 48 000 / 44 100, reduced.
const INPUT: usize = 160;
const OUTPUT: usize = 147;

/// Weights per output sample.
const TAPS: usize = 64;
/// Weights that are summed up side by side.
const LANES: usize = 8;

/// Half of the sound is left at 21 kHz, as a part of the input rate: nothing that can be heard is lost, and
/// what is folded back lies above 20 kHz.
const CUTOFF: f64 = 21.0 / 48.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// The level in dB of a tone of `frequency` after conversion.
    fn response(frequency: f64) -> f64 {
        let input: Vec<_> = (0..48_000)
            .map(|index| {
                let sample = (2.0 * PI * frequency * f64::from(index) / 48_000.0).sin();
                #[expect(clippy::cast_possible_truncation, reason = "samples are f32")]
                let sample = sample as f32;
                [sample, -sample]
            })
            .collect();
        let mut converter = To44100::new();
        let mut output = Vec::new();
        // In uneven pieces, as they come.
        for piece in input.chunks(479) {
            converter.convert(piece, &mut output);
        }
        assert!((44_100 - output.len()) < TAPS);
        let middle = &output[1000..40_000];
        assert!(middle.iter().all(|[left, right]| left + right == 0.0));
        let power: f64 = middle
            .iter()
            .map(|[left, _]| f64::from(*left).powi(2))
            .sum();
        10.0 * (2.0 * power / middle.len() as f64).log10()
    }

    #[test]
    fn what_can_be_heard_passes_and_what_would_be_folded_into_it_does_not() {
        for frequency in [50.0, 1000.0, 10_000.0, 18_000.0] {
            assert!(response(frequency).abs() < 0.1, "{frequency}");
        }
        assert!(response(23_900.0) < -40.0);
    }
}

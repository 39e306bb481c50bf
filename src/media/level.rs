//! How loud the sound is: peak and RMS for meters.

use crate::units::Decibels;

/// Levels of both channels over one short span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// Highest sample, left and right.
    pub peak: [Decibels; 2],
    /// Root mean square, left and right.
    pub rms: [Decibels; 2],
    /// Whether a sample reached full scale.
    pub clipped: bool,
}

impl Levels {
    /// No sound at all.
    pub const SILENT: Self = Self {
        peak: [Decibels::SILENCE; 2],
        rms: [Decibels::SILENCE; 2],
        clipped: false,
    };
}

/// Multiplies samples.
pub fn amplify(samples: &mut [f32], gain: Decibels) {
    let factor = gain.to_factor();
    for sample in samples {
        *sample *= factor;
    }
}

/// Measures interleaved stereo at 48 kHz, about 20 times a second.
#[derive(Clone, Debug, Default)]
pub struct LevelMeter {
    frames: usize,
    peak: [f32; 2],
    energy: [f64; 2],
}

impl LevelMeter {
    /// A meter that has heard nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes interleaved stereo samples; full scale is 1.0. Tells the levels since they were last told once
    /// these cover 50 ms. Every sample counts exactly once, however the sound is cut into blocks.
    pub fn push(&mut self, samples: &[f32]) -> Option<Levels> {
        for frame in samples.chunks_exact(2) {
            for (channel, sample) in frame.iter().enumerate() {
                self.peak[channel] = self.peak[channel].max(sample.abs());
                self.energy[channel] += f64::from(*sample) * f64::from(*sample);
            }
        }
        self.frames += samples.len() / 2;
        (self.frames >= SPAN_FRAMES).then(|| self.take())
    }

    fn take(&mut self) -> Levels {
        let heard = std::mem::take(self);
        Levels {
            peak: heard.peak.map(Decibels::from_amplitude),
            rms: heard.energy.map(|energy| {
                #[expect(clippy::cast_possible_truncation, reason = "a level needs no 64 bits")]
                let amplitude = (energy / heard.frames as f64).sqrt() as f32;
                Decibels::from_amplitude(amplitude)
            }),
            clipped: heard.peak.iter().any(|peak| *peak >= FULL_SCALE),
        }
    }
}

/// 50 ms at 48 kHz.
const SPAN_FRAMES: usize = 2400;
/// The highest value of a 16-bit sample, which is where most devices clip.
const FULL_SCALE: f32 = 32_767.0 / 32_768.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn stereo(left: impl Fn(usize) -> f32, right: impl Fn(usize) -> f32) -> Vec<f32> {
        (0..SPAN_FRAMES)
            .flat_map(|index| [left(index), right(index)])
            .collect()
    }

    fn assert_close(measured: Decibels, expected: f32) {
        assert!((measured.0 - expected).abs() < 0.05, "{measured}");
    }

    #[test]
    fn a_sine_has_its_rms_three_decibels_below_its_peak() {
        let sine = |index: usize| 0.5 * (index as f32 * std::f32::consts::TAU / 48.0).sin();
        let levels = LevelMeter::new()
            .push(&stereo(sine, |_| 0.1))
            .expect("a full span");
        assert_close(levels.peak[0], -6.02);
        assert_close(levels.rms[0], -9.03);
        assert_close(levels.peak[1], -20.0);
        assert_close(levels.rms[1], -20.0);
        assert!(!levels.clipped);
    }

    #[test]
    fn silence_is_the_meter_s_bottom() {
        let levels = LevelMeter::new().push(&stereo(|_| 0.0, |_| 0.0));
        assert_eq!(levels, Some(Levels::SILENT));
    }

    #[test]
    fn one_sample_at_full_scale_is_told_as_clipping_once() {
        let mut meter = LevelMeter::new();
        let click = stereo(|_| 0.0, |index| if index == 7 { -1.0 } else { 0.0 });
        assert!(meter.push(&click).expect("a full span").clipped);
        assert!(
            !meter
                .push(&stereo(|_| 0.99, |_| 0.99))
                .expect("a full span")
                .clipped
        );
    }

    #[test]
    fn levels_come_every_50_ms_however_the_sound_is_cut() {
        let mut meter = LevelMeter::new();
        let told = (0..1000)
            .filter(|_| meter.push(&[0.25; 2 * 48]).is_some())
            .count();
        assert_eq!(told, 20);
    }
}

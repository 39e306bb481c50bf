//! AAC-LC by Fraunhofer's FDK AAC: raw access units of 1024 samples, without ADTS headers.
//!
//! An AAC decoder gives back the sound later than it went in, by the encoder's priming: the encoder looks
//! ahead, and the first blocks are made of the silence before the first sample. Packets carry the time at
//! which their own sound is to be heard, the priming already subtracted, so the first ones belong before
//! `start`. Those that would begin before the clock's zero do not exist; a decoder that starts at a later
//! packet fades in over one block, as it does wherever it joins a stream.

mod ffi;
mod rate;

use std::{sync::Arc, time::Duration};

use crate::{
    encode::encoder::{AudioEncoder, EncodeError},
    media::{
        packet::{AacConfig, AudioFormat, AudioPacket},
        packet_buffer::PacketBuffer,
    },
    units::MediaTime,
};

use ffi::Codec;
use rate::To44100;

/// An AAC encoder for 48 kHz stereo.
pub struct AacEncoder {
    codec: Codec,
    config: Arc<AacConfig>,
    start: MediaTime,
    /// The encoder's priming in samples of the encoded rate.
    priming: u64,
    to_44100: Option<To44100>,
    /// Stereo samples at the encoded rate, on their way into `block`.
    converted: Vec<[f32; 2]>,
    /// Interleaved samples of the next access unit.
    block: Vec<i16>,
    /// Where the library writes an access unit.
    unit: Vec<u8>,
    packets: PacketBuffer,
    /// Access units so far, the ones before the clock's zero too.
    units: u64,
}

impl AacEncoder {
    /// An encoder for `format`, whose first sample will be heard at `start`.
    ///
    /// # Errors
    /// When the format is outside what [`AudioFormat::check`] allows, or the codec does not take it.
    pub fn new(format: AudioFormat, start: MediaTime) -> Result<Self, EncodeError> {
        format.check().map_err(|error| EncodeError::Unsupported {
            codec: CODEC,
            what: error.to_string(),
        })?;
        let codec = Codec::open(&format)?;
        let told = codec.told()?;
        Ok(Self {
            codec,
            config: Arc::new(AacConfig {
                specific_config: told.specific_config.into(),
                sample_rate: format.sample_rate,
                channels: format.channels,
            }),
            start,
            priming: told.priming.into(),
            to_44100: (format.sample_rate != INPUT_RATE).then(To44100::new),
            converted: Vec::new(),
            block: Vec::with_capacity(BLOCK * usize::from(format.channels)),
            unit: vec![0; told.most_bytes],
            packets: PacketBuffer::default(),
            units: 0,
        })
    }

    /// How its packets are to be decoded.
    pub fn config(&self) -> &Arc<AacConfig> {
        &self.config
    }

    /// Encodes the full `block`; `None` when the packet would begin before the clock's zero.
    fn encode_block(&mut self) -> Result<Option<AudioPacket>, EncodeError> {
        let encoded = self.codec.encode(&self.block, &mut self.unit);
        self.block.clear();
        let length = encoded?;
        if length == 0 {
            return Ok(None);
        }
        let time = self.time_of(self.units);
        self.units += 1;
        self.packets.put(&self.unit[..length]);
        let data = self.packets.take();
        Ok(time.map(|time| AudioPacket {
            data,
            time,
            config: Arc::clone(&self.config),
        }))
    }

    /// When the first sample of access unit `number` is to be heard; `None` before the clock's zero.
    fn time_of(&self, number: u64) -> Option<MediaTime> {
        let rate = self.config.sample_rate;
        let sample = number * BLOCK as u64;
        let nanos = |samples| MediaTime::from_samples(samples, rate).as_nanos();
        let start = self.start.as_nanos();
        match sample.checked_sub(self.priming) {
            Some(after) => start.checked_add(nanos(after)),
            None => start.checked_sub(nanos(self.priming - sample)),
        }
        .map(MediaTime::from_nanos)
    }
}

impl AudioEncoder for AacEncoder {
    fn encode(
        &mut self,
        samples: &[f32],
        sink: &mut dyn FnMut(AudioPacket),
    ) -> Result<(), EncodeError> {
        let (frames, _) = samples.as_chunks::<2>();
        let mut converted = std::mem::take(&mut self.converted);
        converted.clear();
        match &mut self.to_44100 {
            Some(to_44100) => to_44100.convert(frames, &mut converted),
            None => converted.extend_from_slice(frames),
        }

        let full = BLOCK * usize::from(self.config.channels);
        let mut result = Ok(());
        for &[left, right] in &converted {
            if self.config.channels == 1 {
                self.block.push(to_i16(f32::midpoint(left, right)));
            } else {
                self.block.extend([to_i16(left), to_i16(right)]);
            }
            if self.block.len() == full {
                match self.encode_block() {
                    Ok(packet) => packet.into_iter().for_each(&mut *sink),
                    Err(error) => result = Err(error),
                }
            }
        }
        self.converted = converted;
        result
    }

    /// What the codec still holds of the sound before, some hundredths of a second, is heard directly before
    /// the sound behind the gap.
    fn skip(&mut self, gap: Duration) {
        self.start = self.start + gap;
    }
}

/// A sample in 16 bits; what is too loud is clipped, what is no number is silence.
fn to_i16(sample: f32) -> i16 {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
    let quantized = (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16;
    quantized
}

const CODEC: &str = "AAC";

/// Samples per second of the sound that comes in.
const INPUT_RATE: u32 = 48_000;
/// Samples per channel in an access unit.
const BLOCK: usize = AudioPacket::SAMPLES as usize;

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use fdk_aac::dec::{Decoder, Transport};

    use super::*;
    use crate::units::Bitrate;

    const STEREO: AudioFormat = AudioFormat {
        sample_rate: 48_000,
        channels: 2,
        bitrate: Bitrate::from_kbps(128),
    };

    /// Encodes and decodes `sound` (a function of the time in seconds) in pieces of 10 ms for 1 s, from
    /// `start` on. Returns the first packet's time in seconds and the left channel.
    fn round_trip(
        format: AudioFormat,
        start: MediaTime,
        sound: impl Fn(f32) -> [f32; 2],
    ) -> (f64, Vec<f32>) {
        let mut encoder = AacEncoder::new(format, start).unwrap();
        let mut packets = Vec::new();
        let samples: Vec<f32> = (0..INPUT_RATE)
            .flat_map(|index| sound(index as f32 / INPUT_RATE as f32))
            .collect();
        for piece in samples.chunks(960) {
            encoder
                .encode(piece, &mut |packet| packets.push(packet))
                .unwrap();
        }
        let mut player = Decoder::new(Transport::Raw);
        player
            .config_raw(&encoder.config().specific_config)
            .unwrap();
        let channels = usize::from(format.channels);
        let mut decoded = Vec::new();
        let mut block = vec![0; BLOCK * channels];
        for packet in &packets {
            assert_eq!(player.fill(&packet.data).unwrap(), packet.data.len());
            player.decode_frame(&mut block).unwrap();
            decoded.extend(
                block
                    .chunks(channels)
                    .map(|frame| f32::from(frame[0]) / 32_768.0),
            );
        }
        // What this decoder adds of its own (a limiter that looks ahead, and one block for concealing losses).
        let own_delay = player.stream_info().outputDelay as usize;
        decoded.drain(..own_delay);
        (packets[0].time.as_nanos() as f64 / 1e9, decoded)
    }

    fn level(samples: &[f32]) -> f32 {
        let power: f32 = samples.iter().map(|sample| sample * sample).sum();
        10.0 * (2.0 * power / samples.len() as f32).log10()
    }

    fn formats() -> impl Iterator<Item = AudioFormat> {
        [(48_000, 2), (48_000, 1), (44_100, 2), (44_100, 1)]
            .into_iter()
            .map(|(sample_rate, channels)| AudioFormat {
                sample_rate,
                channels,
                ..STEREO
            })
    }

    #[test]
    fn sound_behind_a_gap_keeps_its_time_and_the_gap_costs_nothing() {
        let mut encoder = AacEncoder::new(STEREO, MediaTime::from_millis(1000)).unwrap();
        let mut times = Vec::new();
        let mut hear = |encoder: &mut AacEncoder, blocks: usize| {
            for _ in 0..blocks {
                let sink = &mut |packet: AudioPacket| times.push(packet.time);
                encoder.encode(&[0.0; 960], sink).unwrap();
            }
        };
        hear(&mut encoder, 100);
        encoder.skip(Duration::from_hours(8));
        hear(&mut encoder, 100);
        let steps: Vec<_> = times
            .windows(2)
            .map(|pair| pair[1].since(pair[0]))
            .collect();
        let (gaps, rest): (Vec<Duration>, Vec<Duration>) =
            steps.into_iter().partition(|step| step.as_secs() > 0);
        assert_eq!(gaps.len(), 1);
        assert!(
            (8 * 3600 * 1000..8 * 3600 * 1000 + 22).contains(&gaps[0].as_millis()),
            "{gaps:?}"
        );
        assert!(
            rest.iter()
                .all(|step| (21..=22).contains(&step.as_millis())),
            "{rest:?}"
        );
        let end = times.last().unwrap().since(MediaTime::from_millis(1000));
        assert!(
            end < Duration::from_hours(8) + Duration::from_secs(2),
            "{end:?}"
        );
    }

    #[test]
    fn a_tone_keeps_its_level() {
        for format in formats() {
            let (_, decoded) = round_trip(format, MediaTime::from_millis(1000), |time| {
                [0.5 * (TAU * 1000.0 * time).sin(); 2]
            });
            let middle = level(&decoded[decoded.len() / 4..decoded.len() * 3 / 4]);
            assert!((middle + 6.02).abs() < 0.5, "{format:?}: {middle} dB");
        }
    }

    #[test]
    fn sound_is_heard_at_the_time_it_was_made() {
        for format in formats() {
            for start in [0, 1000] {
                // A beep from 0.4 s to 0.5 s.
                let (first, decoded) = round_trip(format, MediaTime::from_millis(start), |time| {
                    let on = (0.4..0.5).contains(&time);
                    [if on {
                        0.5 * (TAU * 1000.0 * time).sin()
                    } else {
                        0.0
                    }; 2]
                });
                let rate = f64::from(format.sample_rate);
                let onset = decoded
                    .iter()
                    .position(|sample| sample.abs() > 0.1)
                    .unwrap();
                let heard = first + onset as f64 / rate - start as f64 / 1e3;
                assert!((heard - 0.4).abs() < 0.001, "{format:?}: {heard} s");
            }
        }
    }

    #[test]
    fn sound_is_held_back_by_one_block_and_the_look_ahead_and_no_longer() {
        // The codec looks four and a half short blocks ahead, to choose between long and short ones.
        for format in formats() {
            let encoder = AacEncoder::new(format, MediaTime::ZERO).unwrap();
            assert_eq!(encoder.priming, 1024 + 9 * 128 / 2, "{format:?}");
        }
    }

    #[test]
    fn packet_times_follow_the_samples_without_drift_or_gap() {
        let format = AudioFormat {
            sample_rate: 44_100,
            ..STEREO
        };
        let start = MediaTime::from_millis(500);
        let mut encoder = AacEncoder::new(format, start).unwrap();
        let mut times = Vec::new();
        let second = vec![0.0; 96_000];
        for _ in 0..10 {
            encoder
                .encode(&second, &mut |packet| times.push(packet.time))
                .unwrap();
        }
        assert!(times[0] < start);
        for (number, &time) in (0..).zip(&times) {
            let expected = MediaTime::from_samples(number * 1024, 44_100).as_nanos();
            assert!(time.since(times[0]).as_nanos().abs_diff(expected.into()) <= 1);
        }
        assert_eq!(times.len() as u64, (441_000 - To44100::LOOK_AHEAD) / 1024);
    }

    #[test]
    fn mono_is_the_mean_of_both_channels() {
        let format = AudioFormat {
            channels: 1,
            ..STEREO
        };
        let (_, decoded) = round_trip(format, MediaTime::ZERO, |time| {
            [(TAU * 1000.0 * time).sin() * 0.5, 0.0]
        });
        let middle = level(&decoded[12_000..36_000]);
        assert!((middle + 12.04).abs() < 0.5, "{middle} dB");
    }

    #[test]
    fn what_is_too_loud_or_no_number_is_clipped_without_wrapping() {
        assert_eq!(to_i16(2.0), i16::MAX);
        assert_eq!(to_i16(-1e9), -i16::MAX);
        assert_eq!(to_i16(f32::NAN), 0);
    }

    #[test]
    fn the_specific_config_says_aac_lc_rate_and_channels() {
        let configs: Vec<_> = formats()
            .map(|format| {
                let encoder = AacEncoder::new(format, MediaTime::ZERO).unwrap();
                encoder.config().specific_config.to_vec()
            })
            .collect();
        assert_eq!(
            configs,
            [[0x11, 0x90], [0x11, 0x88], [0x12, 0x10], [0x12, 0x08]]
        );
    }

    #[test]
    fn every_bitrate_in_range_is_taken_and_held() {
        for (kbps, channels) in [(32, 1), (32, 2), (160, 1), (320, 2)] {
            let format = AudioFormat {
                bitrate: Bitrate::from_kbps(kbps),
                channels,
                ..STEREO
            };
            let mut encoder = AacEncoder::new(format, MediaTime::ZERO).unwrap();
            let mut noise = fastrand::Rng::with_seed(1);
            let samples: Vec<f32> = (0..96_000 * 2).map(|_| noise.f32() - 0.5).collect();
            let mut bytes = 0;
            encoder
                .encode(&samples, &mut |packet| bytes += packet.data.len())
                .unwrap();
            let held = bytes as f64 * 8.0 / 2.0 / 1000.0;
            let asked = f64::from(kbps);
            assert!(
                (held - asked).abs() < asked * 0.1,
                "{held} kb/s, not {asked}"
            );
        }
    }

    #[test]
    fn formats_out_of_range_are_refused_in_words() {
        let format = AudioFormat {
            sample_rate: 22_050,
            ..STEREO
        };
        assert_eq!(
            AacEncoder::new(format, MediaTime::ZERO)
                .err()
                .unwrap()
                .to_string(),
            "the AAC encoder does not take a sample rate of 22050 Hz: 44100 Hz and 48000 Hz are possible"
        );
    }
}

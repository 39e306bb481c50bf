//! The sound's track: decodes it, and measures loudness and onsets.

use std::time::Duration;

use ebur128::{EbuR128, Mode};
use fdk_aac::dec::{Decoder, Transport};

use crate::units::{Bitrate, Decibels};

/// What is known of the sound's track so far.
#[derive(Default)]
pub struct Sound {
    decoder: Option<Decoder>,
    /// Where the decoder writes.
    block: Vec<i16>,
    meter: Option<EbuR128>,
    sample_rate: u32,
    channels: u32,
    low_complexity: bool,
    packets: usize,
    damaged: usize,
    bytes: usize,
    first_ms: Option<u32>,
    last_ms: u32,
    /// Milliseconds by which packets are later than the samples before them say, at the worst.
    largest_gap_ms: f64,
    peak: f32,
    /// Levels of short windows and when they begin, in milliseconds.
    windows: Vec<(f64, f32)>,
}

impl Sound {
    /// The AudioSpecificConfig that what follows needs.
    pub fn push_config(&mut self, specific_config: &[u8]) {
        let mut decoder = Decoder::new(Transport::Raw);
        self.low_complexity = specific_config
            .first()
            .is_some_and(|byte| byte >> 3 == AAC_LC);
        self.decoder = decoder
            .config_raw(specific_config)
            .is_ok()
            .then_some(decoder);
        self.meter = None;
    }

    /// One raw access unit.
    pub fn push(&mut self, time_ms: u32, data: &[u8]) {
        if self.packets >= MAX_PACKETS {
            return;
        }
        if let Some(previous) = self.first_ms.map(|_| self.last_ms) {
            let step = f64::from(time_ms) - f64::from(previous);
            self.largest_gap_ms = self.largest_gap_ms.max(step - self.packet_ms());
        }
        self.packets += 1;
        self.bytes += data.len();
        self.first_ms.get_or_insert(time_ms);
        self.last_ms = time_ms;
        if self.decode(time_ms, data).is_none() {
            self.damaged += 1;
        }
    }

    fn decode(&mut self, time_ms: u32, data: &[u8]) -> Option<()> {
        let decoder = self.decoder.as_mut()?;
        self.block.resize(MAX_BLOCK, 0);
        if decoder.fill(data).ok()? != data.len() {
            return None;
        }
        decoder.decode_frame(&mut self.block).ok()?;
        let info = decoder.stream_info();
        self.sample_rate = u32::try_from(info.sampleRate)
            .ok()
            .filter(|&rate| rate > 0)?;
        self.channels = u32::try_from(info.numChannels)
            .ok()
            .filter(|&count| count > 0)?;
        let delay = f64::from(info.outputDelay);
        let samples = self.block.get(..decoder.decoded_frame_size())?;

        if self.meter.is_none() {
            self.meter = EbuR128::new(self.channels, self.sample_rate, Mode::I).ok();
        }
        self.meter.as_mut()?.add_frames_i16(samples).ok()?;

        let channels = self.channels as usize;
        let per_ms = f64::from(self.sample_rate) / 1000.0;
        for (index, window) in samples.chunks(WINDOW * channels).enumerate() {
            let scaled = window.iter().map(|&sample| f32::from(sample) / 32_768.0);
            self.peak = scaled
                .clone()
                .fold(self.peak, |peak, sample| peak.max(sample.abs()));
            let power: f32 = scaled.map(|sample| sample * sample).sum();
            let begins = f64::from(time_ms) + ((index * WINDOW) as f64 - delay) / per_ms;
            self.windows
                .push((begins, (power / window.len() as f32).sqrt()));
        }
        Some(())
    }

    /// Access units that arrived.
    pub fn packet_count(&self) -> usize {
        self.packets
    }

    /// Access units that could not be decoded.
    pub fn damaged_count(&self) -> usize {
        self.damaged
    }

    /// Samples per second.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Channels.
    pub fn channels(&self) -> u32 {
        self.channels
    }

    /// Whether it is AAC-LC.
    pub fn is_low_complexity(&self) -> bool {
        self.low_complexity
    }

    /// Milliseconds from the first packet to the last.
    pub fn span_ms(&self) -> u32 {
        self.first_ms
            .map_or(0, |first| self.last_ms.saturating_sub(first))
    }

    /// The longest time without sound between two packets, in milliseconds.
    pub fn largest_gap_ms(&self) -> f64 {
        self.largest_gap_ms
    }

    /// The bitrate, of all packets.
    pub fn bitrate(&self) -> Bitrate {
        let span = f64::from(self.span_ms()) + self.packet_ms();
        if self.packets < 2 || span <= 0.0 {
            return Bitrate::ZERO;
        }
        Bitrate::from_bytes(self.bytes as u64, Duration::from_secs_f64(span / 1000.0))
    }

    /// Integrated loudness in LUFS (EBU R 128); `None` when there is nothing loud enough to measure.
    pub fn loudness(&self) -> Option<f64> {
        let loudness = self.meter.as_ref()?.loudness_global().ok()?;
        loudness.is_finite().then_some(loudness)
    }

    /// The highest sample.
    pub fn peak(&self) -> Decibels {
        Decibels::from_amplitude(self.peak)
    }

    /// Whether there is no sound at all.
    pub fn is_silent(&self) -> bool {
        self.peak() <= Decibels::SILENCE
    }

    /// When sound began after quiet, in milliseconds.
    pub fn beeps(&self) -> Vec<f64> {
        let highest = self
            .windows
            .iter()
            .map(|&(_, level)| level)
            .fold(0.0, f32::max);
        if highest < QUIETEST_BEEP {
            return Vec::new();
        }
        let mut beeps = Vec::new();
        let mut loud_until = f64::NEG_INFINITY;
        // Sound that is there from the start began at a time that is not known.
        let begin = self.windows.first().map_or(0.0, |&(time, _)| time);
        for &(time, _) in self
            .windows
            .iter()
            .filter(|(_, level)| *level > highest * 0.25)
        {
            if time - loud_until.max(begin) > QUIET_BEFORE_BEEP_MS {
                beeps.push(time);
            }
            loud_until = time;
        }
        beeps
    }

    fn packet_ms(&self) -> f64 {
        match self.sample_rate {
            0 => 0.0,
            rate => 1024.0 * 1000.0 / f64::from(rate),
        }
    }
}

/// The audio object type of AAC-LC (ISO 14496-3, table 1.17).
const AAC_LC: u8 = 2;

/// The most samples in a decoded block: eight channels of 2048.
const MAX_BLOCK: usize = 8 * 2048;

/// Ten minutes at 48 kHz; what comes after that is not looked at.
const MAX_PACKETS: usize = 28_125;

/// Samples per window: 1.3 ms at 48 kHz.
const WINDOW: usize = 64;

/// The least level that is taken for a beep.
const QUIETEST_BEEP: f32 = 0.005;

/// What follows earlier belongs to the same beep.
const QUIET_BEFORE_BEEP_MS: f64 = 150.0;

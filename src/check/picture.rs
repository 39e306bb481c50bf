//! The picture's track: decodes it, and keeps frame times and brightness.

use std::time::Duration;

use openh264::{decoder::Decoder, formats::YUVSource};

use crate::{
    media::packet::AvcConfig,
    units::{Bitrate, PixelSize},
};

/// What is known of the picture's track so far.
#[derive(Default)]
pub struct Picture {
    decoder: Option<Decoder>,
    config: Option<AvcConfig>,
    size: Option<PixelSize>,
    frames: Vec<Frame>,
    /// Access units the decoder refused.
    damaged: usize,
    /// An access unit as a byte stream, for the decoder.
    stream: Vec<u8>,
}

/// One access unit.
#[derive(Clone, Copy, Debug)]
struct Frame {
    time_ms: u32,
    is_key: bool,
    bytes: usize,
    /// Brightness from 0.0 (black) to 1.0 (white), and whether it is nothing but black; if it was decoded.
    shown: Option<(f64, bool)>,
}

impl Picture {
    /// The parameter sets that what follows needs.
    pub fn push_config(&mut self, config: AvcConfig) {
        self.config = Some(config);
    }

    /// One access unit, its NAL units behind lengths of four bytes.
    pub fn push(&mut self, time_ms: u32, key_frame: bool, data: &[u8]) {
        if self.frames.len() >= MAX_FRAMES {
            return;
        }
        let shown = self.decode(key_frame, data);
        if shown.is_none() {
            self.damaged += 1;
        }
        self.frames.push(Frame {
            time_ms,
            is_key: key_frame,
            bytes: data.len(),
            shown,
        });
    }

    fn decode(&mut self, key_frame: bool, data: &[u8]) -> Option<(f64, bool)> {
        self.stream.clear();
        if key_frame {
            let config = self.config.as_ref()?;
            for nal in [&config.sps, &config.pps] {
                self.stream.extend(START_CODE);
                self.stream.extend_from_slice(nal);
            }
        }
        append_as_byte_stream(data, &mut self.stream)?;
        if self.decoder.is_none() {
            self.decoder = Some(Decoder::new().ok()?);
        }
        let decoded = self.decoder.as_mut()?.decode(&self.stream).ok()??;
        let (width, height) = decoded.dimensions();
        self.size = Some(PixelSize::new(
            u32::try_from(width).ok()?,
            u32::try_from(height).ok()?,
        ));
        let (mut sum, mut visible) = (0u64, 0usize);
        for row in decoded.y().chunks(decoded.strides().0).take(height) {
            for &sample in row.iter().take(width) {
                sum += u64::from(sample);
                visible += usize::from(sample > DARKEST_VISIBLE);
            }
        }
        let samples = (width * height).max(1);
        let brightness = (sum as f64 / samples as f64 - 16.0) / 219.0;
        Some((brightness.clamp(0.0, 1.0), visible * 100 < samples))
    }

    /// Access units that arrived.
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// Access units that could not be decoded.
    pub fn damaged_count(&self) -> usize {
        self.damaged
    }

    /// Size of the decoded picture.
    pub fn size(&self) -> Option<PixelSize> {
        self.size
    }

    /// The profile that the parameter sets name (H.264, annex A.2).
    pub fn profile(&self) -> Option<&'static str> {
        let profile = *self.config.as_ref()?.sps.get(1)?;
        Some(match profile {
            66 => "Baseline",
            77 => "Main",
            88 => "Extended",
            100 => "High",
            _ => "unknown profile",
        })
    }

    /// Milliseconds from the first frame to the last.
    pub fn span_ms(&self) -> u32 {
        match (self.frames.first(), self.frames.last()) {
            (Some(first), Some(last)) => last.time_ms.saturating_sub(first.time_ms),
            _ => 0,
        }
    }

    /// Frames per second, by their times; 0 for fewer than two frames.
    pub fn frame_rate(&self) -> f64 {
        let steps = self.frames.len().saturating_sub(1) as f64;
        match self.span_ms() {
            0 => 0.0,
            span => steps * 1000.0 / f64::from(span),
        }
    }

    /// How regularly frames follow each other, who should come at `frame_rate`: a gap is more than one and a
    /// half frames long, a repeat less than half a frame.
    pub fn steps(&self, frame_rate: f64) -> Steps {
        let frame_ms = 1000.0 / frame_rate.max(0.001);
        let mut steps = Steps::default();
        for pair in self.frames.windows(2) {
            let step = f64::from(pair[1].time_ms) - f64::from(pair[0].time_ms);
            steps.gaps += usize::from(step > frame_ms * 1.5 + ROUNDING_MS);
            steps.repeats += usize::from(step < frame_ms * 0.5 - ROUNDING_MS);
            steps.longest_ms = steps
                .longest_ms
                .max(pair[1].time_ms.saturating_sub(pair[0].time_ms));
        }
        steps
    }

    /// The bitrate from the second key frame to the last, so of whole groups of pictures; of everything when
    /// there are too few key frames.
    pub fn bitrate(&self) -> Bitrate {
        let mut keys = (0..self.frames.len()).filter(|&index| self.frames[index].is_key);
        let (first, last) = match (keys.nth(1), keys.next_back()) {
            (Some(first), Some(last)) => (first, last),
            _ => (0, self.frames.len().saturating_sub(1)),
        };
        let Some(frames) = self.frames.get(first..last) else {
            return Bitrate::ZERO;
        };
        let bytes: usize = frames.iter().map(|frame| frame.bytes).sum();
        let span = self.frames[last]
            .time_ms
            .saturating_sub(self.frames[first].time_ms);
        if span == 0 {
            return Bitrate::ZERO;
        }
        Bitrate::from_bytes(bytes as u64, Duration::from_millis(span.into()))
    }

    /// The longest time from one key frame to the next, in milliseconds.
    pub fn key_frame_interval_ms(&self) -> Option<u32> {
        let keys: Vec<u32> = self
            .frames
            .iter()
            .filter(|frame| frame.is_key)
            .map(|frame| frame.time_ms)
            .collect();
        keys.windows(2)
            .map(|pair| pair[1].saturating_sub(pair[0]))
            .max()
    }

    /// Mean brightness, from 0.0 (black) to 1.0 (white).
    pub fn brightness(&self) -> f64 {
        let shown: Vec<f64> = self.shown().map(|(_, brightness, _)| brightness).collect();
        shown.iter().sum::<f64>() / shown.len().max(1) as f64
    }

    /// Whether most frames show nothing but black.
    pub fn is_black(&self) -> bool {
        let (black, all) = self.shown().fold((0, 0), |(black, all), (_, _, is_black)| {
            (black + usize::from(is_black), all + 1)
        });
        all > 0 && black * 2 > all
    }

    /// When the picture suddenly became brighter, in milliseconds.
    pub fn flashes(&self) -> Vec<f64> {
        let shown: Vec<_> = self.shown().collect();
        let rise = |pair: &[(u32, f64, bool)]| pair[1].1 - pair[0].1;
        let highest = shown.windows(2).map(rise).fold(0.0, f64::max);
        if highest < SMALLEST_FLASH {
            return Vec::new();
        }
        shown
            .windows(2)
            .filter(|pair| rise(pair) > highest * 0.5)
            .map(|pair| f64::from(pair[1].0))
            .collect()
    }

    fn shown(&self) -> impl Iterator<Item = (u32, f64, bool)> {
        self.frames.iter().filter_map(|frame| {
            let (brightness, black) = frame.shown?;
            Some((frame.time_ms, brightness, black))
        })
    }
}

/// How regularly frames follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// Frames that came late or are missing.
    pub gaps: usize,
    /// Frames at (almost) the time of the one before.
    pub repeats: usize,
    /// The longest time from one frame to the next, in milliseconds.
    pub longest_ms: u32,
}

/// Start codes instead of lengths; `None` when a length points past the end.
fn append_as_byte_stream(data: &[u8], stream: &mut Vec<u8>) -> Option<()> {
    let mut rest = data;
    while !rest.is_empty() {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (nal, tail) = tail.split_at_checked(length)?;
        stream.extend(START_CODE);
        stream.extend_from_slice(nal);
        rest = tail;
    }
    Some(())
}

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Ten minutes at 60 fps; what comes after that is not looked at.
const MAX_FRAMES: usize = 36_000;

/// The darkest luma sample that counts as visible: black is 16.
const DARKEST_VISIBLE: u8 = 32;

/// The least rise of brightness within one frame that is taken for a flash.
const SMALLEST_FLASH: f64 = 0.02;

/// Timestamps are whole milliseconds.
const ROUNDING_MS: f64 = 1.0;

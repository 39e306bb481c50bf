//! What was found, as plain data: shown to people line by line, to programs as JSON.

use std::fmt;

use serde::Serialize;

use super::sync::Skew;
use crate::units::{Bitrate, PixelSize, grouped};

/// What viewers get.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The picture, if any arrived.
    pub video: Option<VideoReport>,
    /// The sound, if any arrived.
    pub audio: Option<AudioReport>,
    /// How far sound and picture are apart; `None` when the sources have no flashes with beeps.
    pub skew: Option<Skew>,
    /// Whether it is as it should be.
    pub verdict: Verdict,
}

/// The picture's track.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VideoReport {
    /// `H.264 High`.
    pub codec: String,
    /// Columns; 0 when nothing could be decoded.
    pub width: u32,
    /// Rows; 0 when nothing could be decoded.
    pub height: u32,
    /// Frames that arrived.
    pub frames: usize,
    /// Frames that could not be decoded.
    pub damaged: usize,
    /// Frames per second.
    pub frame_rate: f64,
    /// Frames that came late or are missing.
    pub gaps: usize,
    /// Frames at (almost) the time of the one before.
    pub repeats: usize,
    /// The longest time from one frame to the next, in milliseconds.
    pub longest_step_ms: u32,
    /// Kilobits per second, from the second key frame on.
    pub kbps: u32,
    /// The longest time from one key frame to the next, in seconds.
    pub key_frame_interval_s: Option<f64>,
    /// Mean brightness in percent of white.
    pub brightness_percent: f64,
    /// Whether most frames show nothing but black.
    pub black: bool,
}

/// The sound's track.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AudioReport {
    /// `AAC-LC`.
    pub codec: String,
    /// Samples per second; 0 when nothing could be decoded.
    pub sample_rate: u32,
    /// 1 for mono, 2 for stereo.
    pub channels: u32,
    /// Packets that could not be decoded.
    pub damaged: usize,
    /// The longest time without sound between two packets, in milliseconds.
    pub largest_gap_ms: f64,
    /// Kilobits per second.
    pub kbps: u32,
    /// Integrated loudness in LUFS (EBU R 128); `None` for silence.
    pub loudness_lufs: Option<f64>,
    /// The highest sample, in dB relative to full scale.
    pub peak_db: f32,
    /// Whether there is no sound at all.
    pub silent: bool,
}

/// Whether viewers get what they should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// They do.
    Good,
    /// They do not; each problem in a sentence, with what to do.
    Problems(Vec<String>),
}

impl Verdict {
    /// Whether viewers get what they should.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Good)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.video {
            Some(video) => write!(f, "{video}")?,
            None => writeln!(f, "Picture   none")?,
        }
        match &self.audio {
            Some(audio) => write!(f, "{audio}")?,
            None => writeln!(f, "Sound     none")?,
        }
        match &self.skew {
            Some(skew) => writeln!(
                f,
                "Sync      sound {} the picture ({:.0} to {:.0} ms, on {} flashes with beeps)",
                later_or_earlier(skew.mean_ms),
                skew.min_ms,
                skew.max_ms,
                skew.pairs
            )?,
            None => writeln!(f, "Sync      not measurable with these sources")?,
        }
        match &self.verdict {
            Verdict::Good => write!(f, "Verdict   good: viewers get what was asked for"),
            Verdict::Problems(problems) => {
                write!(f, "Verdict   not good yet")?;
                problems
                    .iter()
                    .try_for_each(|problem| write!(f, "\n          - {problem}"))
            }
        }
    }
}

impl fmt::Display for VideoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Picture   {}, {}, {:.1} fps, {}",
            self.codec,
            PixelSize::new(self.width, self.height),
            self.frame_rate,
            Bitrate::from_kbps(self.kbps)
        )?;
        if let Some(interval) = self.key_frame_interval_s {
            write!(f, ", a key frame every {interval:.1} s")?;
        }
        let black = if self.black { "black" } else { "not black" };
        write!(
            f,
            "\n          {} frames, {} gaps, {} repeats; {black}, brightness {:.0} %\n",
            grouped(self.frames as u64),
            self.gaps,
            self.repeats,
            self.brightness_percent
        )
    }
}

impl fmt::Display for AudioReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channels = match self.channels {
            1 => "mono".to_owned(),
            2 => "stereo".to_owned(),
            count => format!("{count} channels"),
        };
        write!(
            f,
            "Sound     {}, {:.1} kHz, {channels}, {}",
            self.codec,
            f64::from(self.sample_rate) / 1000.0,
            Bitrate::from_kbps(self.kbps)
        )?;
        if self.silent {
            return writeln!(f, "\n          silent");
        }
        write!(f, "\n          not silent")?;
        if let Some(loudness) = self.loudness_lufs {
            write!(f, ", loudness {loudness:.1} LUFS")?;
        }
        writeln!(f, ", peak {:.1} dB", self.peak_db)
    }
}

/// `12 ms after`, `3 ms before`, `together with`.
pub(super) fn later_or_earlier(skew_ms: f64) -> String {
    match skew_ms.round() {
        late if late > 0.0 => format!("{late:.0} ms after"),
        early if early < 0.0 => format!("{:.0} ms before", -early),
        _ => "together with".to_owned(),
    }
}

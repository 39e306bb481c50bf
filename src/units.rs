//! The quantities every layer speaks of, as types: a bitrate is never mixed up with a size, a time never
//! with a count. Standard library only.

use std::{
    fmt,
    ops::{Add, Sub},
    str::FromStr,
    time::Duration,
};

/// A data rate in bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(u32);

impl Bitrate {
    /// Nothing per second.
    pub const ZERO: Self = Self(0);

    /// A rate of `bps` bits per second.
    #[must_use]
    pub const fn from_bps(bps: u32) -> Self {
        Self(bps)
    }

    /// A rate of `kbps` thousand bits per second, saturating.
    #[must_use]
    pub const fn from_kbps(kbps: u32) -> Self {
        Self(kbps.saturating_mul(1000))
    }

    /// The rate at which `bytes` in `elapsed` flow; zero for no time.
    #[must_use]
    pub fn from_bytes(bytes: u64, elapsed: Duration) -> Self {
        let micros = elapsed.as_micros().max(1);
        let bps = u128::from(bytes) * 8 * 1_000_000 / micros;
        Self(u32::try_from(bps).unwrap_or(u32::MAX))
    }

    /// Bits per second.
    #[must_use]
    pub const fn bps(self) -> u32 {
        self.0
    }

    /// Thousands of bits per second, rounded.
    #[must_use]
    pub const fn kbps(self) -> u32 {
        self.0.saturating_add(500) / 1000
    }

    /// How many bytes this rate carries in `duration`.
    #[must_use]
    pub fn bytes_in(self, duration: Duration) -> u64 {
        let bytes = u128::from(self.0) * duration.as_micros() / 8_000_000;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Bitrate {
    /// `2,500 kb/s`: thousands separated, unit shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kb/s", grouped(u64::from(self.kbps())))
    }
}

impl FromStr for Bitrate {
    type Err = ParseUnitError;

    /// Reads `2500k`, `2.5M` or plain bits per second: `2500000`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseUnitError {
            input: text.to_owned(),
            expected: "a bitrate such as 2500k or 2.5M",
        };
        let trimmed = text.trim();
        let (number, factor) = match trimmed.char_indices().next_back() {
            Some((at, 'k' | 'K')) => (&trimmed[..at], 1e3),
            Some((at, 'm' | 'M')) => (&trimmed[..at], 1e6),
            _ => (trimmed, 1.0),
        };
        let bps = number.parse::<f64>().ok().ok_or_else(error)? * factor;
        if !(0.0..=f64::from(u32::MAX)).contains(&bps) {
            return Err(error());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "range checked above"
        )]
        Ok(Self(bps.round() as u32))
    }
}

/// A point on the one monotonic clock of a running program: nanoseconds since it started.
///
/// It becomes RTMP milliseconds only in [`crate::flv`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaTime(u64);

impl MediaTime {
    /// The clock's start.
    pub const ZERO: Self = Self(0);

    /// `nanos` nanoseconds after the clock's start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// `millis` milliseconds after the clock's start.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// The time of sample `index` at `rate` samples per second, rounded down.
    #[must_use]
    pub fn from_samples(index: u64, rate: u32) -> Self {
        let nanos = u128::from(index) * 1_000_000_000 / u128::from(rate.max(1));
        Self(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many whole samples at `rate` per second have begun by this time.
    #[must_use]
    pub fn samples(self, rate: u32) -> u64 {
        let samples = u128::from(self.0) * u128::from(rate) / 1_000_000_000;
        u64::try_from(samples).unwrap_or(u64::MAX)
    }

    /// Nanoseconds since the clock's start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the clock's start.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The time from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Nanoseconds from `other` to `self`, negative when `other` is later.
    #[must_use]
    pub fn signed_nanos_since(self, other: Self) -> i64 {
        let difference = i128::from(self.0) - i128::from(other.0);
        i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
    }
}

impl Add<Duration> for MediaTime {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Sub<Duration> for MediaTime {
    type Output = Self;

    /// Saturates at the clock's start.
    fn sub(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(nanos))
    }
}

/// A picture's size in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PixelSize {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl PixelSize {
    /// The smallest picture that can be sent.
    pub const MIN: Self = Self::new(160, 90);
    /// The largest picture that can be sent.
    pub const MAX: Self = Self::new(3840, 2160);

    /// `width` by `height` pixels.
    #[must_use]
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Pixels in all.
    #[must_use]
    pub const fn area(self) -> usize {
        self.width as usize * self.height as usize
    }
}

impl fmt::Display for PixelSize {
    /// `1280×720`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}", self.width, self.height)
    }
}

impl FromStr for PixelSize {
    type Err = ParseUnitError;

    /// Reads `1280x720` (also `1280×720`).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseUnitError {
            input: text.to_owned(),
            expected: "a size such as 1280x720",
        };
        let (width, height) = text.trim().split_once(['x', 'X', '×']).ok_or_else(error)?;
        let parse = |number: &str| number.trim().parse::<u32>().ok().ok_or_else(error);
        Ok(Self::new(parse(width)?, parse(height)?))
    }
}

/// Frames per second, whole, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameRate(u32);

impl FrameRate {
    /// `fps` frames per second; 0 counts as 1.
    #[must_use]
    pub const fn new(fps: u32) -> Self {
        Self(if fps == 0 { 1 } else { fps })
    }

    /// Frames per second.
    #[must_use]
    pub const fn fps(self) -> u32 {
        self.0
    }

    /// How long one frame lasts.
    #[must_use]
    pub fn frame_duration(self) -> Duration {
        Duration::from_nanos(1_000_000_000 / u64::from(self.0))
    }

    /// When frame `number` is due, counted from zero without accumulating rounding errors.
    #[must_use]
    pub fn time_of(self, number: u64) -> MediaTime {
        MediaTime::from_samples(number, self.0)
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fps", self.0)
    }
}

/// A level or a gain in decibels; for levels, relative to full scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Decibels(pub f32);

impl Decibels {
    /// Where meters begin and below which a level counts as silence.
    pub const SILENCE: Self = Self(-60.0);

    /// The level of an amplitude, 1.0 being full scale; silence is [`Decibels::SILENCE`] at the lowest.
    #[must_use]
    pub fn from_amplitude(amplitude: f32) -> Self {
        Self((20.0 * amplitude.abs().max(1e-6).log10()).max(Self::SILENCE.0))
    }

    /// The factor by which this gain multiplies samples.
    #[must_use]
    pub fn to_factor(self) -> f32 {
        10f32.powf(self.0 / 20.0)
    }
}

impl fmt::Display for Decibels {
    /// `+3.0 dB`, `−12.5 dB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < -0.05 {
            "−"
        } else if self.0 > 0.05 {
            "+"
        } else {
            ""
        };
        write!(f, "{sign}{:.1} dB", self.0.abs())
    }
}

/// A quantity that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseUnitError {
    /// What was given.
    pub input: String,
    /// What would have been understood.
    pub expected: &'static str,
}

impl fmt::Display for ParseUnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not {}", self.input, self.expected)
    }
}

impl std::error::Error for ParseUnitError {}

/// A whole number with thousands separated by commas: `12,345`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitrates_are_read_in_the_units_people_write() {
        for (text, bps) in [
            ("2500k", 2_500_000),
            ("2.5M", 2_500_000),
            (" 64000 ", 64_000),
            ("0", 0),
        ] {
            assert_eq!(text.parse(), Ok(Bitrate::from_bps(bps)), "{text}");
        }
        for text in ["", "k", "fast", "-1k", "9999999M", "NaN", "1e3é"] {
            assert!(text.parse::<Bitrate>().is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(Bitrate::from_kbps(2_500).to_string(), "2,500 kb/s");
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn frame_times_do_not_accumulate_rounding_errors() {
        let rate = FrameRate::new(30);
        assert_eq!(rate.time_of(3), MediaTime::from_millis(100));
        assert_eq!(rate.time_of(30 * 3600), MediaTime::from_millis(3_600_000));
    }

    #[test]
    fn sizes_are_read_and_shown() {
        assert_eq!("1280x720".parse(), Ok(PixelSize::new(1280, 720)));
        assert_eq!(PixelSize::new(1280, 720).to_string(), "1280×720");
        assert!("1280".parse::<PixelSize>().is_err());
        assert!("-1x5".parse::<PixelSize>().is_err());
    }

    #[test]
    fn decibels_and_amplitudes_are_inverse() {
        assert!((Decibels::from_amplitude(0.5).0 + 6.02).abs() < 0.01);
        assert!((Decibels(6.0206).to_factor() - 2.0).abs() < 0.001);
        assert_eq!(Decibels::from_amplitude(0.0), Decibels::SILENCE);
    }
}

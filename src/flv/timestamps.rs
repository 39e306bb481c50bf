//! Media time to the milliseconds of one stream: a file, or one connection to a server.

use crate::{media::packet::Packet, units::MediaTime};

/// Gives each packet of one stream its milliseconds.
///
/// A stream begins with a key frame at 0 (one without picture with its first sound). Times are rounded from
/// the exact time each, so that rounding never adds up, and never run backwards within a track.
#[derive(Clone, Debug)]
pub struct Timestamps {
    has_video: bool,
    base: Option<MediaTime>,
    last_video: u64,
    last_audio: u64,
}

impl Timestamps {
    /// For a new stream, with or without picture.
    #[must_use]
    pub fn new(has_video: bool) -> Self {
        Self {
            has_video,
            base: None,
            last_video: 0,
            last_audio: 0,
        }
    }

    /// Milliseconds of `packet`, wrapping after 49.7 days; `None` when it lies before the stream's begin and
    /// is to be left out.
    pub fn stamp(&mut self, packet: &Packet) -> Option<u32> {
        if self.base.is_none() && (packet.is_key_frame() || !self.has_video) {
            self.base = Some(packet.time());
        }
        let nanos = packet.time().signed_nanos_since(self.base?);
        let last = match packet {
            Packet::Video(_) => &mut self.last_video,
            Packet::Audio(_) => &mut self.last_audio,
        };
        match u64::try_from(nanos) {
            Ok(nanos) => *last = (*last).max((nanos + NANOS_PER_MILLI / 2) / NANOS_PER_MILLI),
            // Sound that was taken before the picture but came after it.
            Err(_) if !matches!(packet, Packet::Video(_)) => return None,
            // A picture from before the base keeps its place in the order.
            Err(_) => {}
        }
        Some(wrapped(*last))
    }

    /// Milliseconds of the last sound, 0 before the first: where what belongs to the sound to come has its place.
    #[must_use]
    pub fn last_sound(&self) -> u32 {
        wrapped(self.last_audio)
    }

    /// Whether the stream has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.base.is_some()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "RTMP and FLV times wrap at 32 bits"
)]
fn wrapped(millis: u64) -> u32 {
    millis as u32
}

const NANOS_PER_MILLI: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        flv::testing::{audio_at, video_at},
        units::FrameRate,
    };

    fn millis(time: u64) -> MediaTime {
        MediaTime::from_millis(time)
    }

    #[test]
    fn a_stream_begins_at_zero_with_its_first_key_frame() {
        let mut timestamps = Timestamps::new(true);
        assert_eq!(timestamps.stamp(&audio_at(millis(900))), None);
        assert_eq!(timestamps.stamp(&video_at(millis(950), false)), None);
        assert!(!timestamps.has_begun());

        assert_eq!(timestamps.stamp(&video_at(millis(1000), true)), Some(0));
        assert!(timestamps.has_begun());
        assert_eq!(timestamps.stamp(&audio_at(millis(999))), None);
        assert_eq!(timestamps.stamp(&audio_at(millis(1021))), Some(21));
        assert_eq!(timestamps.stamp(&video_at(millis(1033), false)), Some(33));
        assert_eq!(timestamps.stamp(&video_at(millis(3000), true)), Some(2000));
    }

    #[test]
    fn a_stream_of_sound_alone_begins_with_its_first_packet() {
        let mut timestamps = Timestamps::new(false);
        assert_eq!(timestamps.stamp(&audio_at(millis(900))), Some(0));
        assert_eq!(timestamps.stamp(&audio_at(millis(921))), Some(21));
    }

    #[test]
    fn times_never_run_backwards_within_a_track() {
        let mut timestamps = Timestamps::new(true);
        assert_eq!(timestamps.stamp(&video_at(millis(1000), true)), Some(0));
        assert_eq!(timestamps.stamp(&video_at(millis(1100), false)), Some(100));
        assert_eq!(timestamps.stamp(&video_at(millis(1050), false)), Some(100));
        assert_eq!(timestamps.stamp(&video_at(millis(900), false)), Some(100));
        // Each track for itself: sound may lag behind the picture.
        assert_eq!(timestamps.stamp(&audio_at(millis(1020))), Some(20));
    }

    #[test]
    fn rounding_does_not_add_up() {
        let mut timestamps = Timestamps::new(true);
        let rate = FrameRate::new(30);
        // From a frame in mid-stream, whose time is itself rounded to nanoseconds.
        for number in [1, 2, 3, 4, 31, 108_001] {
            let stamp = timestamps.stamp(&video_at(rate.time_of(number), number == 1));
            let exact = (number - 1) as f64 * 1000.0 / 30.0;
            assert_eq!(stamp.map(f64::from), Some(exact.round()), "{number}");
        }
    }

    #[test]
    fn times_wrap_after_seven_weeks() {
        let mut timestamps = Timestamps::new(false);
        timestamps.stamp(&audio_at(MediaTime::ZERO));
        let wrapped = 1_u64 << 32;
        assert_eq!(
            timestamps.stamp(&audio_at(millis(wrapped - 1))),
            Some(u32::MAX)
        );
        assert_eq!(timestamps.stamp(&audio_at(millis(wrapped + 5))), Some(5));
    }
}

//! What one player is sent, and with which times.

use super::meaning::Meaning;
use crate::flv::file::{FlvTag, TagKind};

/// One player's view of a stream.
///
/// Its time starts near 0 with the first picture or sound, and never runs backwards on either.
#[derive(Debug)]
pub struct Playback {
    stream_id: u32,
    paused: bool,
    wants_audio: bool,
    pictures: Pictures,
    /// The publisher's time that is 0 for the player.
    base: Option<u32>,
    /// In milliseconds; does not wrap.
    last_audio: u64,
    last_video: u64,
}

/// Whether pictures are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pictures {
    Sent,
    /// From the next key frame on.
    SentSoon,
    Unwanted,
}

impl Playback {
    /// For a player on this message stream.
    #[must_use]
    pub fn new(stream_id: u32) -> Self {
        Self {
            stream_id,
            paused: false,
            wants_audio: true,
            pictures: Pictures::Sent,
            base: None,
            last_audio: 0,
            last_video: 0,
        }
    }

    /// The player's message stream.
    #[must_use]
    pub fn stream_id(&self) -> u32 {
        self.stream_id
    }

    /// Whether anything was played yet.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.base.is_some()
    }

    /// Whether the player wants nothing for now.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// The player wants nothing, or everything again.
    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// The player wants sound, or none.
    pub fn want_audio(&mut self, wanted: bool) {
        self.wants_audio = wanted;
    }

    /// The player wants pictures, or none.
    pub fn want_video(&mut self, wanted: bool) {
        self.pictures = match (wanted, self.pictures) {
            (false, _) => Pictures::Unwanted,
            (true, Pictures::Unwanted) => Pictures::SentSoon,
            (true, as_it_is) => as_it_is,
        };
    }

    /// The time to send `tag` with, in milliseconds; `None` when it is not to be sent.
    pub fn stamp(&mut self, tag: &FlvTag) -> Option<u32> {
        let meaning = Meaning::of(tag);
        match tag.kind {
            TagKind::Script => return Some(wrapped(self.last_audio.max(self.last_video))),
            TagKind::Audio if !self.wants_audio && meaning == Meaning::Frame => return None,
            TagKind::Audio => {}
            TagKind::Video => match (self.pictures, meaning) {
                (Pictures::SentSoon, Meaning::KeyFrame(_)) => self.pictures = Pictures::Sent,
                (Pictures::Sent, _) | (_, Meaning::Header(_)) => {}
                (Pictures::SentSoon | Pictures::Unwanted, _) => return None,
            },
        }
        let last = self.last_audio.max(self.last_video);
        let header = matches!(meaning, Meaning::Header(_));
        let time = if header {
            0 // with what was sent last
        } else {
            let base = *self.base.get_or_insert(tag.timestamp);
            let time = tag.timestamp.wrapping_sub(base);
            // Either may have wrapped: the shorter way is meant.
            let step = time.wrapping_sub(wrapped(last)).cast_signed();
            if step < -LARGEST_STEP_BACK {
                // The publisher's clock began anew: go on from here.
                self.base = Some(tag.timestamp.wrapping_sub(wrapped(last)));
                last
            } else {
                match last.checked_add_signed(step.into()) {
                    Some(time) => time,
                    // Sound of before the first key frame that came after it.
                    None if tag.kind == TagKind::Audio => return None,
                    None => 0,
                }
            }
        };
        let last = match tag.kind {
            TagKind::Audio => &mut self.last_audio,
            _ => &mut self.last_video,
        };
        *last = time.max(*last);
        Some(wrapped(*last))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "RTMP and FLV times wrap at 32 bits"
)]
fn wrapped(time: u64) -> u32 {
    time as u32
}

/// Sound and pictures are interleaved with less than this between them, in milliseconds.
const LARGEST_STEP_BACK: i32 = 3_000;

#[cfg(test)]
mod tests {
    use super::{super::hub::testing, *};

    fn times(playback: &mut Playback, tags: &[FlvTag]) -> Vec<Option<u32>> {
        tags.iter().map(|tag| playback.stamp(tag)).collect()
    }

    #[test]
    fn times_start_at_zero_and_never_run_backwards() {
        let mut playback = Playback::new(1);
        let tags = [
            testing::metadata(),
            testing::avc_header(70_000),
            testing::key_frame(100_000),
            testing::sound(99_990),
            testing::sound(100_011),
            testing::frame(100_033),
            testing::frame(100_030),
            testing::metadata(),
        ];
        let mut expected = [0, 0, 0, 0, 11, 33, 33, 33].map(Some);
        expected[3] = None; // it was to be heard before the first picture
        assert_eq!(times(&mut playback, &tags), expected);
    }

    #[test]
    fn a_publishers_clock_that_wraps_goes_on() {
        let mut playback = Playback::new(1);
        let tags = [testing::key_frame(u32::MAX - 9), testing::frame(30)];
        assert_eq!(times(&mut playback, &tags), [Some(0), Some(40)]);
    }

    #[test]
    fn a_player_that_stays_for_months_gets_times_that_go_on() {
        let mut playback = Playback::new(1);
        for day in 0..120_u32 {
            let time = day.wrapping_mul(86_400_000);
            assert_eq!(playback.stamp(&testing::key_frame(time)), Some(time));
            assert_eq!(playback.stamp(&testing::avc_header(time)), Some(time));
        }
    }

    #[test]
    fn a_publishers_clock_that_begins_anew_goes_on_from_the_last_time() {
        let mut playback = Playback::new(1);
        let tags = [
            testing::key_frame(50_000),
            testing::frame(60_000),
            testing::key_frame(0),
            testing::sound(5),
            testing::frame(40),
        ];
        let expected = [0, 10_000, 10_000, 10_005, 10_040].map(Some);
        assert_eq!(times(&mut playback, &tags), expected);
    }

    #[test]
    fn a_player_gets_only_what_it_wants_and_pictures_again_from_a_key_frame_on() {
        let mut playback = Playback::new(1);
        playback.want_audio(false);
        assert_eq!(playback.stamp(&testing::key_frame(10)), Some(0));
        assert_eq!(playback.stamp(&testing::sound(20)), None);
        playback.want_video(false);
        playback.want_audio(true);
        assert_eq!(playback.stamp(&testing::frame(30)), None);
        assert_eq!(playback.stamp(&testing::sound(40)), Some(30));
        playback.want_video(true);
        playback.want_video(true);
        assert_eq!(playback.stamp(&testing::frame(50)), None);
        assert_eq!(playback.stamp(&testing::key_frame(60)), Some(50));
        assert_eq!(playback.stamp(&testing::frame(70)), Some(60));
    }
}

//! Puts the packets of both tracks into one order, by time: what every muxer and many servers expect.

use std::{collections::VecDeque, time::Duration};

use crate::{media::packet::Packet, units::MediaTime};

/// Merges two tracks, each in order by itself, into one order by time.
///
/// A packet leaves when nothing earlier can come from the other track any more, or that is [`PATIENCE`] behind: a
/// silent track never holds the other one up for longer. What comes later than that goes back in time.
///
/// Else the order is exact, although pictures wait for their sound, which the encoder's look-ahead makes late: RTMP asks
/// for order within a track only, but Akamai's servers end streams that go back in time between them.
#[derive(Debug, Default)]
pub struct Interleaver {
    video: Track,
    audio: Track,
}

#[derive(Debug, Default)]
struct Track {
    waiting: VecDeque<Packet>,
    /// What comes next lies here or later; `None` before the first packet.
    reached: Option<MediaTime>,
    /// Whether packets are expected at all.
    expected: bool,
}

impl Interleaver {
    /// A merger that expects sound, and pictures if `with_video`.
    #[must_use]
    pub fn new(with_video: bool) -> Self {
        let track = |expected| Track {
            expected,
            ..Track::default()
        };
        Self {
            video: track(with_video),
            audio: track(true),
        }
    }

    /// Takes `packet` and hands on, in order, all that need wait no longer. One that would go back in time is
    /// what an encoder made late that has been replaced: it is left out.
    pub fn push(&mut self, packet: Packet, mut sink: impl FnMut(Packet)) {
        let track = match packet {
            Packet::Video(_) => &mut self.video,
            Packet::Audio(_) => &mut self.audio,
        };
        if track.reached > Some(packet.time()) {
            return;
        }
        track.reached = Some(end_of(&packet));
        track.waiting.push_back(packet);
        while let Some(packet) = self.pop() {
            sink(packet);
        }
    }

    /// Whether a key frame still waits: it will reach every output there is now.
    #[must_use]
    pub fn holds_key_frame(&self) -> bool {
        self.video.waiting.iter().any(Packet::is_key_frame)
    }

    /// Hands on all that still waits, in order: the stream ends here.
    pub fn flush(&mut self, mut sink: impl FnMut(Packet)) {
        while let Some(track) = self.earliest() {
            if let Some(packet) = track.waiting.pop_front() {
                sink(packet);
            }
        }
    }

    fn pop(&mut self) -> Option<Packet> {
        let newest = self.video.reached.max(self.audio.reached)?;
        let (video_free, audio_free) = (
            self.audio.lets_pass(&self.video, newest),
            self.video.lets_pass(&self.audio, newest),
        );
        let is_video = self.video.is_earlier_than(&self.audio);
        let free = if is_video { video_free } else { audio_free };
        let track = if is_video {
            &mut self.video
        } else {
            &mut self.audio
        };
        if free {
            track.waiting.pop_front()
        } else {
            None
        }
    }

    fn earliest(&mut self) -> Option<&mut Track> {
        if self.video.waiting.is_empty() && self.audio.waiting.is_empty() {
            return None;
        }
        Some(if self.video.is_earlier_than(&self.audio) {
            &mut self.video
        } else {
            &mut self.audio
        })
    }
}

impl Track {
    fn head(&self) -> Option<MediaTime> {
        self.waiting.front().map(Packet::time)
    }

    /// Whether this track's head goes first; pictures go before sound of the same time.
    fn is_earlier_than(&self, other: &Self) -> bool {
        match (self.head(), other.head()) {
            (Some(own), Some(others)) => own <= others,
            (own, _) => own.is_some(),
        }
    }

    /// Whether the head of `other` need not wait for this track.
    fn lets_pass(&self, other: &Self, newest: MediaTime) -> bool {
        let Some(head) = other.head() else {
            return false;
        };
        !self.expected || self.reached >= Some(head) || newest.since(head) > PATIENCE
    }
}

/// What the packet behind `packet` lies behind, as early as it may come.
fn end_of(packet: &Packet) -> MediaTime {
    match packet {
        Packet::Video(picture) => picture.time,
        Packet::Audio(sound) => sound.last_sample(),
    }
}

/// How far one track may run ahead before it stops waiting for the other.
/// Pictures may be late by the program's and the encoder's delay, each of half a second at most, and sound may be
/// ahead of the clock by a tenth, if it is silence.
const PATIENCE: Duration = Duration::from_millis(1_100);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::media::packet::{AacConfig, AudioPacket, AvcConfig, VideoPacket};

    fn video(millis: u64) -> Packet {
        Packet::Video(VideoPacket {
            data: Bytes::new(),
            time: MediaTime::from_millis(millis),
            captured_at: MediaTime::from_millis(millis),
            key_frame: false,
            disposable: false,
            config: Arc::new(AvcConfig {
                sps: Bytes::new(),
                pps: Bytes::new(),
            }),
        })
    }

    fn audio(millis: u64) -> Packet {
        Packet::Audio(AudioPacket {
            data: Bytes::new(),
            time: MediaTime::from_millis(millis),
            config: Arc::new(AacConfig {
                specific_config: Bytes::new(),
                sample_rate: 48_000,
                channels: 2,
            }),
        })
    }

    fn order(
        interleaver: &mut Interleaver,
        packets: impl IntoIterator<Item = Packet>,
    ) -> Vec<(char, u64)> {
        let mut out = Vec::new();
        for packet in packets {
            interleaver.push(packet, |packet| out.push(describe(&packet)));
        }
        out
    }

    fn describe(packet: &Packet) -> (char, u64) {
        let track = if matches!(packet, Packet::Video(_)) {
            'v'
        } else {
            'a'
        };
        (track, packet.time().as_millis())
    }

    #[test]
    fn packets_leave_in_order_of_time_whatever_the_order_of_arrival() {
        let mut interleaver = Interleaver::new(true);
        let arrivals = [
            video(0),
            video(66),
            video(133),
            audio(0),
            audio(22),
            audio(44),
            audio(70),
        ];
        let left = order(&mut interleaver, arrivals);
        assert_eq!(
            left,
            [
                ('v', 0),
                ('a', 0),
                ('a', 22),
                ('a', 44),
                ('v', 66),
                ('a', 70)
            ]
        );
        let mut rest = Vec::new();
        interleaver.flush(|packet| rest.push(describe(&packet)));
        assert_eq!(rest, [('v', 133)]);
    }

    #[test]
    fn a_picture_waits_for_the_sound_before_it_and_for_no_more() {
        let mut interleaver = Interleaver::new(true);
        assert_eq!(order(&mut interleaver, [audio(0)]), []);
        // The next sound begins 21.3 ms behind the one that is there.
        let arrivals = [video(0), video(21), video(22)];
        assert_eq!(
            order(&mut interleaver, arrivals),
            [('v', 0), ('a', 0), ('v', 21)]
        );
        assert_eq!(order(&mut interleaver, [audio(22)]), [('v', 22), ('a', 22)]);
    }

    #[test]
    fn what_goes_back_in_time_is_left_out() {
        let mut interleaver = Interleaver::new(true);
        let arrivals = [audio(0), video(21), audio(20), audio(40), video(20)];
        assert_eq!(order(&mut interleaver, arrivals), [('a', 0), ('v', 21)]);
    }

    #[test]
    fn a_track_that_stopped_holds_the_other_up_for_little_over_a_second_at_most() {
        let mut interleaver = Interleaver::new(true);
        assert_eq!(
            order(&mut interleaver, [video(0), video(500), video(1100)]),
            []
        );
        assert_eq!(order(&mut interleaver, [video(1101)]), [('v', 0)]);
    }

    #[test]
    fn sound_alone_waits_for_nothing() {
        let mut interleaver = Interleaver::new(false);
        assert_eq!(
            order(&mut interleaver, [audio(0), audio(22)]),
            [('a', 0), ('a', 22)]
        );
    }
}

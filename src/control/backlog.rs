//! What is dropped when the uplink carries less than is produced.
//!
//! Media waits in a queue that is bounded by its duration, so that a viewer's delay is bounded too. What has
//! to go, goes in the order in which viewers miss it least: first pictures that no other refers to, then all
//! pictures up to the next key frame (those between would show smears), sound last of all.

use std::{collections::VecDeque, time::Duration};

use crate::units::MediaTime;

/// A queue of media, from encoders to one connection.
#[derive(Debug)]
pub struct Backlog<T> {
    limit: Duration,
    entries: VecDeque<Entry<T>>,
    /// Pictures are of no use until a key frame comes.
    awaiting_key_frame: bool,
    /// Frames left out while a key frame is awaited, not told yet.
    skipped: u64,
}

/// What matters about a piece of media here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A picture with which a decoder can start.
    KeyFrame,
    /// A picture that refers to others.
    Frame {
        /// No other refers to it.
        disposable: bool,
    },
    /// Sound.
    Audio,
}

/// What was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Pictures.
    pub frames: u64,
    /// Blocks of sound.
    pub audio_blocks: u64,
    /// Whether pictures cannot go on before a key frame comes.
    pub want_key_frame: bool,
    /// One sentence, without these numbers.
    pub reason: String,
}

#[derive(Debug)]
struct Entry<T> {
    time: MediaTime,
    kind: Kind,
    item: T,
}

impl<T> Backlog<T> {
    /// An empty queue for about `limit` of pictures, and half as much again of sound.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self {
            limit,
            entries: VecDeque::new(),
            awaiting_key_frame: false,
            skipped: 0,
        }
    }

    /// Adds media that is to be played at `time`. Returns what had to go, this one perhaps included.
    pub fn push(&mut self, time: MediaTime, kind: Kind, item: T) -> Option<Dropped> {
        let caught_up = match kind {
            Kind::Frame { .. } if self.awaiting_key_frame => {
                self.skipped += 1;
                return None;
            }
            Kind::KeyFrame => self.end_skipping(),
            Kind::Frame { .. } | Kind::Audio => None,
        };
        self.entries.push_back(Entry { time, kind, item });
        match (self.relieve(time), caught_up) {
            (Some(mut dropped), Some(earlier)) => {
                dropped.frames += earlier.frames;
                Some(dropped)
            }
            (dropped, earlier) => dropped.or(earlier),
        }
    }

    /// Takes out what is to be sent next.
    pub fn pop(&mut self) -> Option<T> {
        self.entries.pop_front().map(|entry| entry.item)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.awaiting_key_frame = false;
        self.skipped = 0;
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How much media waits, from the oldest to the newest.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.span(|_| true)
    }

    /// Frames left out since a key frame is awaited, that no [`Dropped`] has told of yet.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    fn relieve(&mut self, now: MediaTime) -> Option<Dropped> {
        let pictures = self.span(Kind::is_picture);
        if self.entries.len() > MOST_ENTRIES {
            return Some(self.drop_everything());
        }
        if pictures > self.limit {
            return Some(self.drop_to_key_frame(now, pictures));
        }
        if pictures > self.limit.mul_f64(DISPOSABLE_PART) {
            let frames = self.remove(|kind, _| kind == Kind::Frame { disposable: true });
            if frames > 0 {
                return Some(Dropped {
                    frames,
                    audio_blocks: 0,
                    want_key_frame: false,
                    reason: format!(
                        "{} of pictures waited for the uplink; some that no other needs were left out.",
                        seconds(pictures)
                    ),
                });
            }
        }
        let sound = self.span(|kind| kind == Kind::Audio);
        if sound > self.limit.mul_f64(AUDIO_PART) {
            let oldest_kept = now - self.limit;
            let audio_blocks = self.remove(|kind, time| kind == Kind::Audio && time < oldest_kept);
            return Some(Dropped {
                frames: 0,
                audio_blocks,
                want_key_frame: false,
                reason: format!(
                    "{} of sound waited for the uplink; the oldest was left out.",
                    seconds(sound)
                ),
            });
        }
        None
    }

    /// Keeps what begins with the newest key frame, if that alone is short enough, else no picture at all.
    fn drop_to_key_frame(&mut self, now: MediaTime, pictures: Duration) -> Dropped {
        let newest_key_frame = self
            .entries
            .iter()
            .rfind(|entry| entry.kind == Kind::KeyFrame)
            .map(|entry| entry.time)
            .filter(|time| now.since(*time) <= self.limit.mul_f64(KEPT_PART));
        let frames = self.remove(|kind, time| {
            kind.is_picture() && newest_key_frame.is_none_or(|from| time < from)
        });
        self.awaiting_key_frame = newest_key_frame.is_none();
        Dropped {
            frames,
            audio_blocks: 0,
            want_key_frame: self.awaiting_key_frame,
            reason: format!(
                "{} of pictures waited for the uplink; those up to the next key frame were left out.",
                seconds(pictures)
            ),
        }
    }

    /// For times that stand still, which no duration bounds.
    fn drop_everything(&mut self) -> Dropped {
        let sound = self.remove(|kind, _| kind == Kind::Audio);
        let frames = self.remove(|_, _| true);
        self.awaiting_key_frame = true;
        Dropped {
            frames,
            audio_blocks: sound,
            want_key_frame: true,
            reason: "Too much media waited for the uplink; all of it was left out.".to_owned(),
        }
    }

    fn end_skipping(&mut self) -> Option<Dropped> {
        self.awaiting_key_frame = false;
        let frames = std::mem::take(&mut self.skipped);
        (frames > 0).then(|| Dropped {
            frames,
            audio_blocks: 0,
            want_key_frame: false,
            reason: "After the gap, the picture could go on only with a key frame.".to_owned(),
        })
    }

    /// Removes entries and tells how many.
    fn remove(&mut self, unwanted: impl Fn(Kind, MediaTime) -> bool) -> u64 {
        let before = self.entries.len();
        self.entries
            .retain(|entry| !unwanted(entry.kind, entry.time));
        (before - self.entries.len()) as u64
    }

    fn span(&self, counts: impl Fn(Kind) -> bool) -> Duration {
        let mut times = self
            .entries
            .iter()
            .filter(|entry| counts(entry.kind))
            .map(|entry| entry.time);
        match (times.next(), times.next_back()) {
            (Some(oldest), Some(newest)) => newest.since(oldest),
            _ => Duration::ZERO,
        }
    }
}

impl Kind {
    fn is_picture(self) -> bool {
        self != Self::Audio
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// From which part of the limit on disposable pictures go: 0.7 s of 2 s, where a bitrate that follows the uplink
/// seldom gets.
const DISPOSABLE_PART: f64 = 0.35;
/// How much of the limit may remain from a key frame on. More would soon be over the limit again: those pictures
/// have the bitrate that was too much, while a new key frame has the one that follows the uplink.
const KEPT_PART: f64 = 0.4;
/// How much longer than pictures sound may wait.
const AUDIO_PART: f64 = 1.5;
/// Bounds the queue should times ever stand still: 2 s at 60 fps with sound are 220.
const MOST_ENTRIES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Kind = Kind::KeyFrame;
    const FRAME: Kind = Kind::Frame { disposable: false };
    const DISPOSABLE: Kind = Kind::Frame { disposable: true };

    fn queue() -> Backlog<u64> {
        Backlog::new(Duration::from_secs(2))
    }

    /// Pushes 25 frames a second from `from` to `to` milliseconds, a key frame at each whole multiple of
    /// `key_interval`, and an audio block with each frame.
    fn fill(queue: &mut Backlog<u64>, from: u64, to: u64, key_interval: u64) -> Vec<Dropped> {
        let mut dropped = Vec::new();
        for millis in (from..to).step_by(40) {
            let kind = if millis.is_multiple_of(key_interval) {
                KEY
            } else {
                FRAME
            };
            let time = MediaTime::from_millis(millis);
            dropped.extend(queue.push(time, kind, millis));
            dropped.extend(queue.push(time, Kind::Audio, millis));
        }
        dropped
    }

    fn pictures(queue: &Backlog<u64>) -> Vec<u64> {
        let pictures = queue.entries.iter().filter(|e| e.kind.is_picture());
        pictures.map(|entry| entry.item).collect()
    }

    #[test]
    fn what_is_taken_in_time_is_never_dropped_and_keeps_its_order() {
        let mut queue = queue();
        for second in 0..10 {
            let from = second * 1000;
            assert_eq!(fill(&mut queue, from, from + 1000, 2000), []);
            let mut last = 0;
            while let Some(item) = queue.pop() {
                assert!(item >= last);
                last = item;
            }
        }
    }

    #[test]
    fn beyond_the_limit_pictures_go_up_to_the_newest_key_frame_and_sound_stays() {
        let mut queue = queue();
        assert_eq!(fill(&mut queue, 0, 2040, 1000), []);
        let dropped = fill(&mut queue, 2040, 2080, 1000);
        assert_eq!(dropped.len(), 1);
        // 0 to 1960 ms goes; the key frame at 2000 ms and what follows it stay.
        assert_eq!(dropped[0].frames, 50);
        assert!(!dropped[0].want_key_frame);
        assert_eq!(
            dropped[0].reason,
            "2.0 s of pictures waited for the uplink; those up to the next key frame were left out."
        );
        assert_eq!(pictures(&queue), [2000, 2040]);
        let sound = queue.entries.iter().filter(|e| e.kind == Kind::Audio);
        assert_eq!(sound.count(), 52);
    }

    #[test]
    fn without_a_recent_key_frame_pictures_wait_for_the_next_one() {
        let mut queue = queue();
        let dropped = fill(&mut queue, 0, 2080, 10_000);
        assert_eq!(dropped.len(), 1);
        assert!(dropped[0].want_key_frame);
        assert_eq!(pictures(&queue), [] as [u64; 0]);

        assert_eq!(fill(&mut queue, 2080, 2480, 10_000), []);
        assert_eq!(queue.skipped(), 10);
        let told = queue.push(MediaTime::from_millis(2480), KEY, 2480).unwrap();
        assert_eq!((told.frames, told.want_key_frame), (10, false));
        assert_eq!(pictures(&queue), [2480]);
    }

    #[test]
    fn a_key_frame_that_waited_for_long_itself_is_no_beginning() {
        let mut queue = queue();
        // The newest is 840 ms old when the limit is passed: soon all behind it would have to go too.
        let dropped = fill(&mut queue, 0, 2080, 1200);
        assert_eq!(dropped.len(), 1);
        assert!(dropped[0].want_key_frame);
        assert_eq!(pictures(&queue), [] as [u64; 0]);
    }

    #[test]
    fn pictures_that_no_other_needs_go_first() {
        let mut queue = queue();
        let mut dropped = Vec::new();
        for number in 0..20 {
            let kind = match number {
                0 => KEY,
                n if n % 2 == 1 => DISPOSABLE,
                _ => FRAME,
            };
            let time = MediaTime::from_millis(number * 40);
            dropped.extend(queue.push(time, kind, number));
        }
        assert!(!dropped.is_empty());
        assert!(dropped.iter().all(|d| !d.want_key_frame));
        assert_eq!(pictures(&queue), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    }

    #[test]
    fn sound_goes_last_and_the_oldest_first() {
        let mut queue = queue();
        let mut dropped = Vec::new();
        for block in 0..=151 {
            let time = MediaTime::from_millis(block * 20);
            dropped.extend(queue.push(time, Kind::Audio, block));
        }
        assert_eq!(dropped.len(), 1);
        assert_eq!(dropped[0].audio_blocks, 51);
        assert_eq!(queue.pop(), Some(51));
    }

    #[test]
    fn the_queue_is_bounded_even_when_times_stand_still() {
        let mut queue = queue();
        for number in 0..10_000 {
            queue.push(MediaTime::ZERO, FRAME, number);
        }
        assert!(queue.entries.len() <= MOST_ENTRIES);
    }
}

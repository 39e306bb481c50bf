//! The queue between the encoders and one connection.
//!
//! | from | to | holds | when full |
//! |---|---|---|---|
//! | [`Inbox::put`], any thread | [`Inbox::take`], the connection | about 2 s of media | [`Backlog`] decides what goes |

use std::{
    iter,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use crate::{
    control::backlog::{Backlog, Dropped, Kind},
    media::packet::Packet,
};

/// The queue. While no stream is accepted it is closed, and what is put into it is gone: nothing old is ever
/// sent over a new connection.
#[derive(Debug)]
pub(super) struct Inbox {
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Debug)]
struct State {
    backlog: Backlog<Packet>,
    phase: Phase,
    /// Whether viewers miss what is discarded: not before the stream first was live, nor behind its end.
    has_viewers: bool,
    /// Pictures discarded while closed, not told yet.
    missed: u64,
    /// All pictures viewers missed.
    frames_dropped: u64,
    /// Bytes of all that was put in, sent or not.
    produced: u64,
    untold: Option<Dropped>,
    key_frame_wanted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    /// Open, for pictures from the first key frame on.
    Starting,
    Open,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                backlog: Backlog::new(LIMIT),
                phase: Phase::Closed,
                has_viewers: false,
                missed: 0,
                frames_dropped: 0,
                produced: 0,
                untold: None,
                key_frame_wanted: false,
            }),
            filled: Notify::new(),
        }
    }

    /// Adds a packet, or drops it or others. Holds the lock for a moment only.
    pub(super) fn put(&self, packet: Packet) {
        let mut state = self.lock();
        state.produced += bytes(&packet);
        state.put(packet);
        drop(state);
        self.filled.notify_one();
    }

    /// Begins anew with the first key frame that waits or comes.
    pub(super) fn open(&self) {
        let mut state = self.lock();
        let waiting: Vec<Packet> = iter::from_fn(|| state.backlog.pop()).collect();
        state.forget();
        state.phase = Phase::Starting;
        for packet in waiting {
            state.put(packet);
        }
        state.key_frame_wanted = false; // the opener asks for one anyway
    }

    /// The stream ends here: takes in no more, and nobody misses what comes later. What is in it can still be
    /// taken out.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.phase = Phase::Closed;
        state.has_viewers = false;
    }

    /// Forgets what was not sent.
    pub(super) fn discard(&self) {
        let mut state = self.lock();
        state.phase = Phase::Closed;
        state.forget();
    }

    /// From now on what is discarded is missed by somebody.
    pub(super) fn set_has_viewers(&self) {
        self.lock().has_viewers = true;
    }

    pub(super) fn take(&self) -> Option<Packet> {
        self.lock().backlog.pop()
    }

    /// Whether, since the last call, it turned out that pictures cannot go on without a key frame.
    pub(super) fn take_key_frame_wanted(&self) -> bool {
        std::mem::take(&mut self.lock().key_frame_wanted)
    }

    /// What was dropped since the last call, all in one.
    pub(super) fn take_dropped(&self) -> Option<Dropped> {
        self.lock().untold.take()
    }

    /// Waits until something was put in since the last wait.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().backlog.is_empty()
    }

    pub(super) fn duration(&self) -> Duration {
        self.lock().backlog.duration()
    }

    /// Pictures that viewers missed, told or not.
    pub(super) fn frames_dropped(&self) -> u64 {
        let state = self.lock();
        state.frames_dropped + state.backlog.skipped()
    }

    /// Bytes of all media that was put in so far, sent or not.
    pub(super) fn produced(&self) -> u64 {
        self.lock().produced
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, packet: Packet) {
        let kind = kind(&packet);
        match (self.phase, kind) {
            (Phase::Open, _) | (Phase::Starting, Kind::Audio) => {}
            (Phase::Starting, Kind::KeyFrame) => {
                self.phase = Phase::Open;
                self.tell_missed();
            }
            (Phase::Closed, Kind::Audio) => return,
            (Phase::Closed | Phase::Starting, Kind::KeyFrame | Kind::Frame { .. }) => {
                if self.has_viewers {
                    self.missed += 1;
                    self.frames_dropped += 1;
                }
                return;
            }
        }
        if let Some(dropped) = self.backlog.push(packet.time(), kind, packet) {
            self.frames_dropped += dropped.frames;
            self.tell(dropped);
        }
    }

    /// Empties the queue. What counts as dropped already still does.
    fn forget(&mut self) {
        let skipped = self.backlog.skipped();
        let waiting = iter::from_fn(|| self.backlog.pop());
        let pictures = waiting
            .filter(|packet| matches!(packet, Packet::Video(_)))
            .count() as u64;
        self.backlog.clear();
        let missed = skipped + if self.has_viewers { pictures } else { 0 };
        self.missed += missed;
        self.frames_dropped += missed;
    }

    fn tell_missed(&mut self) {
        let frames = std::mem::take(&mut self.missed);
        if frames > 0 {
            self.tell(Dropped {
                frames,
                audio_blocks: 0,
                want_key_frame: false,
                reason: "The connection was down.".to_owned(),
            });
        }
    }

    fn tell(&mut self, dropped: Dropped) {
        self.key_frame_wanted |= dropped.want_key_frame;
        self.untold = Some(match self.untold.take() {
            None => dropped,
            Some(earlier) => Dropped {
                frames: earlier.frames + dropped.frames,
                audio_blocks: earlier.audio_blocks + dropped.audio_blocks,
                want_key_frame: dropped.want_key_frame,
                reason: dropped.reason,
            },
        });
    }
}

fn kind(packet: &Packet) -> Kind {
    match packet {
        Packet::Video(picture) if picture.key_frame => Kind::KeyFrame,
        Packet::Video(picture) => Kind::Frame {
            disposable: picture.disposable,
        },
        Packet::Audio(_) => Kind::Audio,
    }
}

fn bytes(packet: &Packet) -> u64 {
    let data = match packet {
        Packet::Video(picture) => &picture.data,
        Packet::Audio(sound) => &sound.data,
    };
    data.len() as u64
}

/// How much media may wait: more would be a delay that viewers notice.
const LIMIT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        flv::testing::{audio_at, video_at},
        units::MediaTime,
    };

    fn picture(millis: u64, key_frame: bool) -> Packet {
        video_at(MediaTime::from_millis(millis), key_frame)
    }

    #[test]
    fn a_closed_queue_keeps_nothing_and_an_opened_one_begins_with_a_key_frame() {
        let inbox = Inbox::new();
        inbox.put(picture(0, true));
        assert!(inbox.is_empty());

        inbox.open();
        inbox.put(picture(40, false));
        assert!(inbox.is_empty());
        inbox.put(picture(80, true));
        inbox.put(picture(120, false));
        assert_eq!(inbox.take().unwrap().time(), MediaTime::from_millis(80));
        assert_eq!(inbox.take().unwrap().time(), MediaTime::from_millis(120));
        assert_eq!(inbox.frames_dropped(), 0);
        assert_eq!(inbox.take_dropped(), None);
    }

    #[test]
    fn frames_lost_between_two_connections_are_counted_and_told() {
        let inbox = Inbox::new();
        inbox.open();
        inbox.set_has_viewers();
        inbox.put(picture(0, true));
        inbox.discard();
        assert!(inbox.is_empty());
        for number in 1..=10 {
            inbox.put(picture(number * 40, false));
            inbox.put(audio_at(MediaTime::from_millis(number * 40)));
        }
        // With the one that was not sent yet.
        assert_eq!(inbox.frames_dropped(), 11);
        inbox.open();
        inbox.put(picture(500, true));
        let told = inbox.take_dropped().unwrap();
        assert_eq!(told.frames, 11);
        assert_eq!(inbox.frames_dropped(), 11);
    }

    #[test]
    fn nobody_misses_what_comes_behind_the_end_of_the_stream() {
        let inbox = Inbox::new();
        inbox.open();
        inbox.set_has_viewers();
        inbox.put(picture(0, true));
        inbox.end();
        for number in 1..=7 {
            inbox.put(picture(number * 40, number == 3));
        }
        assert_eq!(inbox.frames_dropped(), 0);
        assert_eq!(inbox.take().unwrap().time(), MediaTime::ZERO);
        assert!(inbox.is_empty());
    }

    #[test]
    fn what_waits_while_one_connection_follows_another_goes_on_from_its_first_key_frame() {
        let inbox = Inbox::new();
        inbox.open();
        inbox.set_has_viewers();
        for (millis, key_frame) in [
            (0, true),
            (40, false),
            (80, false),
            (120, true),
            (160, false),
        ] {
            inbox.put(picture(millis, key_frame));
        }
        assert!(inbox.take().unwrap().is_key_frame());
        inbox.open();
        let times = iter::from_fn(|| inbox.take()).map(|packet| packet.time().as_millis());
        assert_eq!(times.collect::<Vec<_>>(), [120, 160]);
        assert_eq!(inbox.frames_dropped(), 2);
        assert_eq!(inbox.take_dropped().unwrap().frames, 2);
    }

    #[test]
    fn after_this_computer_slept_nothing_old_is_sent() {
        let inbox = Inbox::new();
        inbox.open();
        inbox.put(picture(0, true));
        for number in 1..=20 {
            inbox.put(picture(number * 40, false));
            inbox.put(audio_at(MediaTime::from_millis(number * 40)));
        }
        let hours = 3 * 3600 * 1000;
        inbox.put(audio_at(MediaTime::from_millis(hours)));
        inbox.put(picture(hours, false));
        assert!(inbox.take_key_frame_wanted());
        inbox.put(picture(hours + 40, true));
        let oldest = iter::from_fn(|| inbox.take()).map(|packet| packet.time().as_millis());
        assert_eq!(oldest.collect::<Vec<_>>(), [hours, hours + 40]);
    }

    #[test]
    fn what_the_uplink_does_not_carry_is_counted_at_once() {
        let inbox = Inbox::new();
        inbox.open();
        inbox.put(picture(0, true));
        for number in 1..=100 {
            inbox.put(picture(number * 40, false));
        }
        assert_eq!(inbox.frames_dropped(), 101);
        let told = inbox.take_dropped().unwrap();
        assert!(told.want_key_frame);
        assert!(inbox.take_key_frame_wanted());
        assert!(!inbox.take_key_frame_wanted());
        assert!(inbox.duration() <= LIMIT);

        // Nor does the count go back when the connection is given up.
        inbox.discard();
        assert_eq!(inbox.frames_dropped(), 101);
        inbox.open();
        assert_eq!(inbox.frames_dropped(), 101);
    }
}

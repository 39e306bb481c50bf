//! The fan-out: every encoded packet to every output, in order of time; to those that are live, promptly.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::interleave::Interleaver;
use crate::{media::packet::Packet, net::publisher::Publisher, record::Recorder};

/// Where packets go. Taking one never blocks: each output has its own bounded queue and its own troubles.
pub trait Output: Send + Sync {
    /// Takes a packet.
    fn write(&self, packet: Packet);

    /// Whether a picture is wanted as soon as it is encoded, its sound up to [`LIVE_SLACK`] later, rather than both
    /// tracks in exact order.
    fn is_live(&self) -> bool;
}

impl Output for Publisher {
    fn write(&self, packet: Packet) {
        self.send(packet);
    }

    fn is_live(&self) -> bool {
        true
    }
}

impl Output for Recorder {
    fn write(&self, packet: Packet) {
        Recorder::write(self, packet);
    }

    fn is_live(&self) -> bool {
        false
    }
}

/// All outputs of one run of the encoders; shared by the encoder threads, which feed it.
pub struct Outputs {
    inner: Mutex<Inner>,
}

struct Inner {
    live: Lane,
    exact: Lane,
}

/// Outputs that want packets in the same order.
struct Lane {
    interleaver: Interleaver,
    outputs: Vec<Arc<dyn Output>>,
}

impl Outputs {
    /// No outputs yet, for encoders with pictures or without.
    #[must_use]
    pub fn new(with_video: bool) -> Self {
        let lane = |slack| Lane {
            interleaver: Interleaver::new(with_video, slack),
            outputs: Vec::new(),
        };
        Self {
            inner: Mutex::new(Inner {
                live: lane(LIVE_SLACK),
                exact: lane(Duration::ZERO),
            }),
        }
    }

    /// Adds an output; it gets every packet from now on.
    pub fn attach(&self, output: Arc<dyn Output>) {
        let inner = &mut *self.lock();
        inner.lane_of(&output).outputs.push(output);
    }

    /// Removes an output; the last one in its order is handed what still waits for the other track.
    pub fn detach(&self, output: &Arc<dyn Output>) {
        let inner = &mut *self.lock();
        inner.lane_of(output).detach(output);
    }

    /// Hands `packet` to every output, as soon as its turn has come.
    pub fn write(&self, packet: Packet) {
        let inner = &mut *self.lock();
        inner.live.write(packet.clone());
        inner.exact.write(packet);
    }

    /// Whether a key frame that is encoded already will yet reach every output.
    #[must_use]
    pub fn key_frame_is_coming(&self) -> bool {
        let inner = self.lock();
        let lanes = [&inner.live, &inner.exact].into_iter();
        let mut fed = lanes.filter(|lane| !lane.outputs.is_empty()).peekable();
        fed.peek().is_some() && fed.all(|lane| lane.interleaver.holds_key_frame())
    }

    /// Plain data behind the lock stays usable after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn lane_of(&mut self, output: &Arc<dyn Output>) -> &mut Lane {
        if output.is_live() {
            &mut self.live
        } else {
            &mut self.exact
        }
    }
}

impl Lane {
    fn write(&mut self, packet: Packet) {
        let outputs = &self.outputs;
        self.interleaver
            .push(packet, |packet| send(outputs, &packet));
    }

    fn detach(&mut self, output: &Arc<dyn Output>) {
        let outputs = &self.outputs;
        if let [last] = &outputs[..]
            && Arc::ptr_eq(last, output)
        {
            self.interleaver.flush(|packet| send(outputs, &packet));
        }
        self.outputs.retain(|other| !Arc::ptr_eq(other, output));
    }
}

fn send(outputs: &[Arc<dyn Output>], packet: &Packet) {
    for output in outputs {
        output.write(packet.clone());
    }
}

/// How far sound may be behind the pictures of a live stream. Sound is late by the encoder's look-ahead, and a
/// picture that waited for it would gain nothing. Players wait by themselves; but SRS takes steps of more than
/// 250 ms between one message and the next for a broken clock.
const LIVE_SLACK: Duration = Duration::from_millis(200);

/// How long an output may take to end before it is left to itself: to stop takes a second at most.
pub const STOP_LIMIT: Duration = Duration::from_millis(900);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        flv::testing::{audio_at, video_at},
        units::MediaTime,
    };

    /// Writes down what it gets.
    struct Seen {
        live: bool,
        packets: Mutex<Vec<(bool, u64)>>,
    }

    impl Output for Seen {
        fn write(&self, packet: Packet) {
            let is_video = matches!(packet, Packet::Video(_));
            let seen = (is_video, packet.time().as_millis());
            self.packets.lock().unwrap().push(seen);
        }

        fn is_live(&self) -> bool {
            self.live
        }
    }

    fn attached(outputs: &Outputs, live: bool) -> Arc<Seen> {
        let seen = Arc::new(Seen {
            live,
            packets: Mutex::default(),
        });
        outputs.attach(Arc::clone(&seen) as Arc<dyn Output>);
        seen
    }

    #[test]
    fn a_live_stream_gets_pictures_at_once_and_a_file_gets_them_in_order() {
        let millis = MediaTime::from_millis;
        let outputs = Outputs::new(true);
        let (live, file) = (attached(&outputs, true), attached(&outputs, false));
        outputs.write(video_at(millis(0), true));
        outputs.write(audio_at(millis(0)));
        outputs.write(video_at(millis(33), false));
        outputs.write(audio_at(millis(21)));
        outputs.write(audio_at(millis(42)));
        let seen = |output: &Seen| output.packets.lock().unwrap().clone();
        let (video, audio) = (true, false);
        assert_eq!(
            seen(&live),
            [
                (video, 0),
                (audio, 0),
                (video, 33),
                (audio, 21),
                (audio, 42)
            ]
        );
        assert_eq!(seen(&file)[2..], [(audio, 21), (video, 33)]);
        // What still waits belongs to whoever goes last.
        outputs.detach(&(Arc::clone(&file) as Arc<dyn Output>));
        assert_eq!(seen(&file)[4..], [(audio, 42)]);
    }

    #[test]
    fn a_key_frame_is_coming_until_its_sound_has_come() {
        let millis = MediaTime::from_millis;
        let outputs = Outputs::new(true);
        attached(&outputs, false);
        assert!(!outputs.key_frame_is_coming());
        outputs.write(video_at(millis(0), true));
        outputs.write(video_at(millis(66), false));
        assert!(outputs.key_frame_is_coming());
        outputs.write(audio_at(millis(21)));
        assert!(!outputs.key_frame_is_coming());
    }
}

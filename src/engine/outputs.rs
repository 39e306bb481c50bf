//! The fan-out: every encoded packet to every output, in one order.

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
}

impl Output for Publisher {
    fn write(&self, packet: Packet) {
        self.send(packet);
    }
}

impl Output for Recorder {
    fn write(&self, packet: Packet) {
        Recorder::write(self, packet);
    }
}

/// All outputs of one run of the encoders; shared by the encoder threads, which feed it.
pub struct Outputs {
    inner: Mutex<Inner>,
}

struct Inner {
    interleaver: Interleaver,
    outputs: Vec<Arc<dyn Output>>,
}

impl Outputs {
    /// No outputs yet, for encoders with pictures or without.
    #[must_use]
    pub fn new(with_video: bool) -> Self {
        Self {
            inner: Mutex::new(Inner {
                interleaver: Interleaver::new(with_video),
                outputs: Vec::new(),
            }),
        }
    }

    /// Adds an output; it gets every packet from now on.
    pub fn attach(&self, output: Arc<dyn Output>) {
        self.lock().outputs.push(output);
    }

    /// Removes an output; the last one is handed what still waits for the other track.
    pub fn detach(&self, output: &Arc<dyn Output>) {
        let mut inner = self.lock();
        if let [last] = &inner.outputs[..]
            && Arc::ptr_eq(last, output)
        {
            inner.flush();
        }
        inner.outputs.retain(|other| !Arc::ptr_eq(other, output));
    }

    /// Hands `packet` to every output, as soon as its turn has come.
    pub fn write(&self, packet: Packet) {
        let inner = &mut *self.lock();
        let outputs = &inner.outputs;
        inner
            .interleaver
            .push(packet, |packet| send(outputs, &packet));
    }

    /// Whether a key frame that is encoded already will yet reach every output.
    #[must_use]
    pub fn key_frame_is_coming(&self) -> bool {
        self.lock().interleaver.holds_key_frame()
    }

    /// Plain data behind the lock stays usable after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn flush(&mut self) {
        let outputs = &self.outputs;
        self.interleaver.flush(|packet| send(outputs, &packet));
    }
}

fn send(outputs: &[Arc<dyn Output>], packet: &Packet) {
    for output in outputs {
        output.write(packet.clone());
    }
}

/// How long an output may take to end before it is left to itself: to stop takes a second at most.
pub const STOP_LIMIT: Duration = Duration::from_millis(900);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        flv::testing::{audio_at, video_at},
        units::MediaTime,
    };

    #[test]
    fn a_key_frame_is_coming_until_its_sound_has_come() {
        let millis = MediaTime::from_millis;
        let outputs = Outputs::new(true);
        assert!(!outputs.key_frame_is_coming());
        outputs.write(video_at(millis(0), true));
        outputs.write(video_at(millis(66), false));
        assert!(outputs.key_frame_is_coming());
        outputs.write(audio_at(millis(21)));
        assert!(!outputs.key_frame_is_coming());
    }
}

//! The rings an open device fills. No lock, allocation or log line in its callback.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use rtrb::{Consumer, Producer, RingBuffer};

use crate::units::MediaTime;

/// The reading ends of what a device fills.
pub(super) struct Intake {
    /// Stereo frames, in order.
    pub(super) frames: Consumer<[f32; 2]>,
    /// When they were captured.
    pub(super) marks: Consumer<Mark>,
    /// Frames per second.
    pub(super) rate: u32,
}

/// When one frame was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The frame's number in the ring, from 0; it may still be on its way there.
    pub(super) frame: u64,
    pub(super) captured_at: MediaTime,
}

/// The sound's writing end, owned by the callback.
pub(super) struct Tap {
    frames: Producer<[f32; 2]>,
    progress: Arc<Progress>,
}

/// How far a device has got.
#[derive(Debug, Default)]
pub(super) struct Progress {
    blocks: AtomicU64,
    frames: AtomicU64,
}

/// Rings for two seconds of sound at `rate`: the writing ends for sound and for times, and the reading ends.
pub(super) fn rings(rate: u32) -> (Tap, Producer<Mark>, Intake) {
    let (frames_in, frames) = RingBuffer::new(rate as usize * RING_SECONDS);
    let (marks_in, marks) = RingBuffer::new(MARKS);
    let tap = Tap {
        frames: frames_in,
        progress: Arc::default(),
    };
    let intake = Intake {
        frames,
        marks,
        rate,
    };
    (tap, marks_in, intake)
}

impl Tap {
    /// Takes a block. What the ring has no room for is lost; the times around it then tell of the gap.
    pub(super) fn write(&mut self, block: impl ExactSizeIterator<Item = [f32; 2]>) {
        let room = self.frames.slots().min(block.len());
        if let Ok(chunk) = self.frames.write_chunk_uninit(room) {
            let written = chunk.fill_from_iter(block) as u64;
            self.progress.frames.fetch_add(written, Ordering::Relaxed);
        }
        self.progress.blocks.fetch_add(1, Ordering::Relaxed);
    }

    /// Frames put into the ring so far: the number of the next one.
    pub(super) fn written(&self) -> u64 {
        self.progress.frames()
    }

    /// How far this has got, to be looked at from elsewhere.
    pub(super) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }
}

impl Progress {
    /// Blocks delivered so far, also those the ring had no room for: a sign of life.
    pub(super) fn blocks(&self) -> u64 {
        self.blocks.load(Ordering::Relaxed)
    }

    /// Frames put into the ring so far: the number of the next one.
    pub(super) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }
}

/// Sound that is kept for a reader that does not come for a while.
const RING_SECONDS: usize = 2;
/// Times kept for it; a block is hardly ever shorter than 2 ms.
const MARKS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_loses_the_newest_sound_and_nothing_else() {
        let (mut tap, _, mut intake) = rings(100);
        let progress = tap.progress();
        tap.write([[0.5; 2]; 250].into_iter());
        tap.write([[0.6; 2]; 10].into_iter());
        assert_eq!(intake.frames.slots(), 200);
        assert_eq!((progress.frames(), progress.blocks()), (200, 2));
        while intake.frames.pop().is_ok() {}
        tap.write([[0.1; 2]; 10].into_iter());
        assert_eq!(intake.frames.pop(), Ok([0.1; 2]));
        assert_eq!((progress.frames(), progress.blocks()), (210, 3));
    }
}

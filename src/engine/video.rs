//! The video encoder's thread.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use super::{counters::Counters, outputs::Outputs, program::EncodeJob};
use crate::{
    encode::encoder::{EncodeError, VideoEncoder},
    media::packet::Packet,
    units::{Bitrate, FrameRate},
};

/// What may be asked of a running video encoder, from any thread.
#[derive(Debug, Default)]
pub struct VideoControl {
    /// Bits per second.
    bitrate: AtomicU32,
    key_frame: AtomicBool,
}

impl VideoControl {
    /// Control over an encoder that starts at `bitrate`.
    #[must_use]
    pub fn new(bitrate: Bitrate) -> Self {
        Self {
            bitrate: AtomicU32::new(bitrate.bps()),
            key_frame: AtomicBool::new(false),
        }
    }

    /// The bitrate asked for.
    #[must_use]
    pub fn bitrate(&self) -> Bitrate {
        Bitrate::from_bps(self.bitrate.load(Ordering::Relaxed))
    }

    /// Asks for `bitrate` from the next picture on.
    pub fn set_bitrate(&self, bitrate: Bitrate) {
        self.bitrate.store(bitrate.bps(), Ordering::Relaxed);
    }

    /// Asks for the next picture to be a key frame.
    pub fn want_key_frame(&self) {
        self.key_frame.store(true, Ordering::Relaxed);
    }

    fn take_key_frame_wish(&self) -> bool {
        self.key_frame.swap(false, Ordering::Relaxed)
    }
}

/// Starts the encoder's thread; it ends when the returned channel is dropped. The channel holds half a
/// second of pictures: so far may the encoder fall behind before pictures are skipped.
///
/// # Errors
/// When the system has no thread left.
pub fn start(
    encoder: Box<dyn VideoEncoder>,
    rate: FrameRate,
    control: Arc<VideoControl>,
    counters: Arc<Counters>,
    outputs: Arc<Outputs>,
    on_error: impl Fn(EncodeError) + Send + 'static,
) -> io::Result<SyncSender<EncodeJob>> {
    let capacity = (rate.fps() as usize / 2).max(2);
    let (jobs, inbox) = sync_channel(capacity);
    thread::Builder::new()
        .name("video encoder".into())
        .spawn(move || {
            run(encoder, &inbox, &control, &counters, &outputs, &on_error);
        })?;
    Ok(jobs)
}

fn run(
    mut encoder: Box<dyn VideoEncoder>,
    jobs: &Receiver<EncodeJob>,
    control: &VideoControl,
    counters: &Counters,
    outputs: &Outputs,
    on_error: &dyn Fn(EncodeError),
) {
    let mut bitrate = control.bitrate();
    let mut told = None;
    while let Ok(job) = jobs.recv() {
        let wanted = control.bitrate();
        if wanted != bitrate {
            bitrate = wanted;
            if let Err(error) = encoder.set_bitrate(wanted) {
                on_error(error);
            }
        }
        match encoder.encode(&job.picture, job.time, control.take_key_frame_wish()) {
            Ok(Some(packet)) => {
                counters.encoded.add(1);
                outputs.write(Packet::Video(packet));
            }
            Ok(None) => counters.withheld.add(1),
            Err(error) => {
                counters.skipped.add(1);
                // The same trouble with each picture is told once.
                if told.as_ref() != Some(&error) {
                    told = Some(error.clone());
                    on_error(error);
                }
            }
        }
    }
}

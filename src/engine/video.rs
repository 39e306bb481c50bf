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
        self.key_frame.store(true, Ordering::Release);
    }

    fn take_key_frame_wish(&self) -> bool {
        self.key_frame.swap(false, Ordering::Acquire)
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
                if packet.key_frame {
                    // Who asked while it was being encoded gets this one.
                    control.take_key_frame_wish();
                }
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{
        engine::outputs::Output,
        flv::testing::{audio_at, video_at},
        media::{frame::I420, packet::VideoPacket},
        units::{MediaTime, PixelSize},
    };

    /// Encodes key frames first and where they are wanted; while it encodes the first picture, somebody asks
    /// for a key frame.
    struct AskedMeanwhile {
        control: Arc<VideoControl>,
        begun: bool,
    }

    impl VideoEncoder for AskedMeanwhile {
        fn encode(
            &mut self,
            _: &I420,
            time: MediaTime,
            want_key_frame: bool,
        ) -> Result<Option<VideoPacket>, EncodeError> {
            let key_frame = want_key_frame || !self.begun;
            if !self.begun {
                self.begun = true;
                self.control.want_key_frame();
            }
            let Packet::Video(packet) = video_at(time, key_frame) else {
                unreachable!("a picture was asked for");
            };
            Ok(Some(packet))
        }

        fn set_bitrate(&mut self, _: Bitrate) -> Result<(), EncodeError> {
            Ok(())
        }
    }

    #[derive(Default)]
    struct Seen(Mutex<Vec<bool>>);

    impl Output for Seen {
        fn write(&self, packet: Packet) {
            if matches!(packet, Packet::Video(_)) {
                self.0.lock().unwrap().push(packet.is_key_frame());
            }
        }
    }

    #[test]
    fn who_asks_for_a_key_frame_while_one_is_encoded_gets_that_one_and_no_other() {
        let control = Arc::new(VideoControl::new(Bitrate::from_kbps(400)));
        let encoder = AskedMeanwhile {
            control: Arc::clone(&control),
            begun: false,
        };
        let outputs = Outputs::new(true);
        let seen = Arc::new(Seen::default());
        outputs.attach(Arc::clone(&seen) as Arc<dyn Output>);
        outputs.write(audio_at(MediaTime::from_millis(500)));
        let (jobs, inbox) = sync_channel(3);
        for number in 0..3 {
            jobs.send(EncodeJob {
                picture: Arc::new(I420::black(PixelSize::MIN)),
                time: MediaTime::from_millis(number * 66),
            })
            .unwrap();
        }
        drop(jobs);
        let counters = Counters::default();
        run(
            Box::new(encoder),
            &inbox,
            &control,
            &counters,
            &outputs,
            &|error| panic!("{error}"),
        );
        assert_eq!(*seen.0.lock().unwrap(), [true, false, false]);
    }
}

//! The video encoder's thread.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Instant,
};

use super::{counters::Counters, outputs::Outputs, program::EncodeJob};
use crate::{
    control::{
        bitrate::{Advice, Pace},
        effort::Effort,
    },
    encode::encoder::{EncodeError, VideoEncoder},
    media::packet::{Packet, VideoFormat, VideoPacket},
    units::Bitrate,
};

/// What may be asked of a running video encoder, from any thread.
#[derive(Debug)]
pub struct VideoControl {
    /// Bits per second.
    bitrate: AtomicU32,
    pace: AtomicU8,
    key_frame: AtomicBool,
    fast: AtomicBool,
    retired: AtomicBool,
}

impl VideoControl {
    /// Control over an encoder that starts with `order`.
    #[must_use]
    pub fn new(order: Advice) -> Self {
        let control = Self {
            bitrate: AtomicU32::default(),
            pace: AtomicU8::default(),
            key_frame: AtomicBool::new(false),
            fast: AtomicBool::new(false),
            retired: AtomicBool::new(false),
        };
        control.order(order);
        control
    }

    /// Asks for this from the next picture on.
    pub fn order(&self, order: Advice) {
        self.bitrate.store(order.video.bps(), Ordering::Relaxed);
        self.pace.store(order.pace as u8, Ordering::Relaxed);
    }

    /// Asks for this effort from the next key frame on.
    pub fn set_effort(&self, effort: Effort) {
        self.fast.store(effort == Effort::Fast, Ordering::Relaxed);
    }

    /// Asks for the next picture to be a key frame.
    pub fn want_key_frame(&self) {
        self.key_frame.store(true, Ordering::Release);
    }

    /// Another encoder has taken over: what this one still makes is of no use.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    fn bitrate(&self) -> Bitrate {
        Bitrate::from_bps(self.bitrate.load(Ordering::Relaxed))
    }

    fn pace(&self) -> Pace {
        let number = self.pace.load(Ordering::Relaxed);
        let paces = [Pace::Half, Pace::Still];
        let known = paces.into_iter().find(|pace| *pace as u8 == number);
        known.unwrap_or_default()
    }

    fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    fn wants_key_frame(&self) -> bool {
        self.key_frame.load(Ordering::Acquire)
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
    format: &VideoFormat,
    control: Arc<VideoControl>,
    counters: Arc<Counters>,
    outputs: Arc<Outputs>,
    on_error: impl Fn(EncodeError) + Send + 'static,
) -> io::Result<SyncSender<EncodeJob>> {
    let capacity = (format.frame_rate.fps() as usize / 2).max(2);
    let (jobs, inbox) = sync_channel(capacity);
    let worker = Worker {
        encoder,
        bitrate: format.bitrate,
        thinning: Thinning::new(format.key_frame_interval),
        told: None,
        control,
        counters,
        outputs,
        on_error,
    };
    thread::Builder::new()
        .name("video encoder".into())
        .spawn(move || worker.run(&inbox))?;
    Ok(jobs)
}

struct Worker<F> {
    encoder: Box<dyn VideoEncoder>,
    /// What the encoder was told last.
    bitrate: Bitrate,
    thinning: Thinning,
    /// The same trouble with each picture or order is told once.
    told: Option<EncodeError>,
    control: Arc<VideoControl>,
    counters: Arc<Counters>,
    outputs: Arc<Outputs>,
    on_error: F,
}

impl<F: Fn(EncodeError)> Worker<F> {
    fn run(mut self, jobs: &Receiver<EncodeJob>) {
        while let Ok(job) = jobs.recv() {
            if self.control.is_retired() {
                self.counters.skipped.add(1);
                continue;
            }
            self.follow_bitrate();
            let wish = self.control.wants_key_frame();
            match self.thinning.next(self.control.pace(), wish) {
                Turn::LeftOut => self.counters.thinned.add(1),
                Turn::Encoded { as_key_frame } => self.encode(&job, as_key_frame),
            }
        }
    }

    fn follow_bitrate(&mut self) {
        let wanted = self.control.bitrate();
        if wanted == self.bitrate {
            return;
        }
        self.bitrate = wanted;
        if let Err(error) = self.encoder.set_bitrate(wanted) {
            self.complain(error);
        }
    }

    fn complain(&mut self, error: EncodeError) {
        if self.told.as_ref() != Some(&error) {
            self.told = Some(error.clone());
            (self.on_error)(error);
        }
    }

    fn encode(&mut self, job: &EncodeJob, as_key_frame: bool) {
        self.control.take_key_frame_wish();
        let fast = self.control.fast.load(Ordering::Relaxed);
        self.encoder.set_fast(fast);
        let begun = Instant::now();
        let encoded = self.encoder.encode(&job.picture, job.time, as_key_frame);
        let took = begun.elapsed().as_nanos();
        let took = u64::try_from(took).unwrap_or(u64::MAX);
        self.counters.encoding.add(took);
        match encoded {
            Ok(Some(packet)) => {
                let packet = VideoPacket {
                    captured_at: job.captured_at,
                    ..packet
                };
                self.counters.encoded.add(1);
                self.counters.encoded_bytes.add(packet.data.len() as u64);
                if packet.key_frame {
                    self.thinning.on_key_frame();
                    // Who asked while it was being encoded gets this one.
                    self.control.take_key_frame_wish();
                }
                if !self.control.is_retired() {
                    self.outputs.write(Packet::Video(packet));
                }
            }
            Ok(None) => self.counters.withheld.add(1),
            Err(error) => {
                self.counters.skipped.add(1);
                self.complain(error);
            }
        }
    }
}

/// Leaves pictures out on purpose, where even the lowest bitrate is too much.
struct Thinning {
    key_frame_interval: u32,
    /// Pictures since the last key frame, that one and those left out among them; `None` before the first.
    since_key_frame: Option<u32>,
    left_out_last: bool,
}

enum Turn {
    LeftOut,
    Encoded { as_key_frame: bool },
}

impl Thinning {
    fn new(key_frame_interval: u32) -> Self {
        Self {
            key_frame_interval,
            since_key_frame: None,
            left_out_last: false,
        }
    }

    /// What becomes of the next picture. Key frames come as often in time as without thinning.
    fn next(&mut self, pace: Pace, wish: bool) -> Turn {
        let is_due = |since: u32| since >= self.key_frame_interval;
        let as_key_frame = wish || self.since_key_frame.is_none_or(is_due);
        self.since_key_frame = self.since_key_frame.map(|since| since.saturating_add(1));
        let leave_out = match pace {
            Pace::Full => false,
            Pace::Half => !self.left_out_last && !as_key_frame,
            Pace::Still => !as_key_frame,
        };
        self.left_out_last = leave_out;
        if leave_out {
            Turn::LeftOut
        } else {
            Turn::Encoded { as_key_frame }
        }
    }

    fn on_key_frame(&mut self) {
        self.since_key_frame = Some(1);
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
        units::{FrameRate, MediaTime, PixelSize},
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
        let control = Arc::new(VideoControl::new(ORDER));
        let encoder = AskedMeanwhile {
            control: Arc::clone(&control),
            begun: false,
        };
        assert_eq!(
            encoded(Box::new(encoder), &control, 3),
            [true, false, false]
        );
    }

    const ORDER: Advice = Advice {
        video: Bitrate::from_kbps(400),
        pace: Pace::Full,
    };
    const FORMAT: VideoFormat = VideoFormat {
        size: PixelSize::MIN,
        frame_rate: FrameRate::new(15),
        bitrate: Bitrate::from_kbps(400),
        key_frame_interval: 6,
    };

    /// Encodes so many pictures; for each that came out, whether it is a key frame.
    fn encoded(
        encoder: Box<dyn VideoEncoder>,
        control: &Arc<VideoControl>,
        count: u64,
    ) -> Vec<bool> {
        let outputs = Arc::new(Outputs::new(true));
        let seen = Arc::new(Seen::default());
        outputs.attach(Arc::clone(&seen) as Arc<dyn Output>);
        outputs.write(audio_at(MediaTime::from_millis(5000)));
        let (jobs, inbox) = sync_channel(usize::try_from(count).unwrap());
        for number in 0..count {
            jobs.send(EncodeJob {
                picture: Arc::new(I420::black(PixelSize::MIN)),
                time: MediaTime::from_millis(number * 66),
                captured_at: MediaTime::from_millis(number * 66),
            })
            .unwrap();
        }
        drop(jobs);
        let counters = Arc::new(Counters::default());
        let worker = Worker {
            encoder,
            bitrate: FORMAT.bitrate,
            thinning: Thinning::new(FORMAT.key_frame_interval),
            told: None,
            control: Arc::clone(control),
            counters: Arc::clone(&counters),
            outputs,
            on_error: |error| panic!("{error}"),
        };
        worker.run(&inbox);
        let seen = std::mem::take(&mut *seen.0.lock().unwrap());
        assert_eq!(counters.encoded.get(), seen.len() as u64);
        assert_eq!(counters.thinned.get(), count - seen.len() as u64);
        seen
    }

    /// Encodes whatever it is given; key frames only where they are wanted.
    struct Willing;

    impl VideoEncoder for Willing {
        fn encode(
            &mut self,
            _: &I420,
            time: MediaTime,
            want_key_frame: bool,
        ) -> Result<Option<VideoPacket>, EncodeError> {
            let Packet::Video(packet) = video_at(time, want_key_frame) else {
                unreachable!("a picture was asked for");
            };
            Ok(Some(packet))
        }

        fn set_bitrate(&mut self, _: Bitrate) -> Result<(), EncodeError> {
            Ok(())
        }
    }

    #[test]
    fn fewer_pictures_are_encoded_where_the_floor_is_too_much_and_key_frames_keep_their_interval() {
        let made = |pace| {
            let control = Arc::new(VideoControl::new(Advice { pace, ..ORDER }));
            encoded(Box::new(Willing), &control, 12)
        };
        let group = [true, false, false, false, false, false];
        assert_eq!(made(Pace::Full), [group, group].concat());
        let group = [true, false, false];
        assert_eq!(made(Pace::Half), [group, group].concat());
        assert_eq!(made(Pace::Still), [true, true]);
    }

    #[test]
    fn an_encoder_that_was_replaced_makes_nothing_more() {
        let control = Arc::new(VideoControl::new(ORDER));
        control.retire();
        let outputs = Arc::new(Outputs::new(false));
        let counters = Arc::new(Counters::default());
        let jobs = start(
            Box::new(Willing),
            &FORMAT,
            control,
            Arc::clone(&counters),
            Arc::clone(&outputs),
            |error| panic!("{error}"),
        )
        .unwrap();
        for number in 0..3 {
            let job = EncodeJob {
                picture: Arc::new(I420::black(PixelSize::MIN)),
                time: MediaTime::from_millis(number),
                captured_at: MediaTime::from_millis(number),
            };
            jobs.send(job).unwrap();
        }
        drop(jobs);
        // Its thread holds the outputs until it has ended.
        while Arc::strong_count(&outputs) > 1 {
            thread::yield_now();
        }
        assert_eq!((counters.encoded.get(), counters.skipped.get()), (0, 3));
    }
}

//! Encoders and sources that do not do their part, by stand-ins.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use bytes::Bytes;

use super::*;
use crate::{
    capture::{camera::CameraFeed, source::DeviceId},
    encode::{
        encoder::{EncodeError, VideoEncoder},
        h264::H264Encoder,
    },
    engine::event::{Cause, Severity},
    flv::testing::video_at,
    media::{
        frame::I420,
        packet::{Packet, VideoPacket},
    },
    units::MediaTime,
};

/// Makes 2,400 kb/s at 15 pictures a second, whatever it is told.
struct Deaf {
    begun: bool,
}

impl VideoEncoder for Deaf {
    fn encode(
        &mut self,
        _: &I420,
        time: MediaTime,
        want_key_frame: bool,
    ) -> Result<Option<VideoPacket>, EncodeError> {
        let key_frame = want_key_frame || !std::mem::replace(&mut self.begun, true);
        let Packet::Video(packet) = video_at(time, key_frame) else {
            unreachable!("a picture was asked for");
        };
        let data = Bytes::from(vec![0; 2_400_000 / 8 / 15]);
        Ok(Some(VideoPacket { data, ..packet }))
    }

    fn set_bitrate(&mut self, _: Bitrate) -> Result<(), EncodeError> {
        Ok(())
    }
}

/// Hangs with its tenth picture, for ever.
struct Hanging {
    inner: H264Encoder,
    left: u32,
}

impl VideoEncoder for Hanging {
    fn encode(
        &mut self,
        picture: &I420,
        time: MediaTime,
        want_key_frame: bool,
    ) -> Result<Option<VideoPacket>, EncodeError> {
        if self.left == 0 {
            loop {
                thread::park();
            }
        }
        self.left -= 1;
        self.inner.encode(picture, time, want_key_frame)
    }

    fn set_bitrate(&mut self, target: Bitrate) -> Result<(), EncodeError> {
        self.inner.set_bitrate(target)
    }
}

/// Takes longer for a picture than it is shown, until it is told to be fast.
struct Slow {
    inner: H264Encoder,
    fast: bool,
}

impl VideoEncoder for Slow {
    fn encode(
        &mut self,
        picture: &I420,
        time: MediaTime,
        want_key_frame: bool,
    ) -> Result<Option<VideoPacket>, EncodeError> {
        if !self.fast {
            thread::sleep(Duration::from_millis(70));
        }
        self.inner.encode(picture, time, want_key_frame)
    }

    fn set_bitrate(&mut self, target: Bitrate) -> Result<(), EncodeError> {
        self.inner.set_bitrate(target)
    }

    fn set_fast(&mut self, fast: bool) {
        self.fast = fast;
    }
}

/// Parts whose first encoder is what `first` makes, all others are as they should be.
macro_rules! parts_with_first_encoder {
    ($first:expr) => {{
        static OPENED: AtomicU32 = AtomicU32::new(0);
        Parts {
            open_encoder: |format| {
                let real = H264Encoder::new(format)?;
                if OPENED.fetch_add(1, Ordering::Relaxed) > 0 {
                    return Ok(Box::new(real));
                }
                let first: fn(H264Encoder) -> Box<dyn VideoEncoder> = $first;
                Ok(first(real))
            },
            ..Parts::default()
        }
    }};
}

#[test]
fn a_deaf_encoder_is_named_with_both_figures_and_replaced_by_one_that_obeys() {
    let parts = parts_with_first_encoder!(|_| Box::new(Deaf { begun: false }));
    let server = Server::start();
    let mut viewer = Viewer::start_with(parts, VideoChoice::TestPicture);
    viewer.go_live(server.address());
    let begun = Instant::now();
    let named = viewer.wait_for_words("though 200 kb/s were ordered");
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(
        (named.severity, named.cause),
        (Severity::Error, Cause::Encoder)
    );
    assert!(named.text.contains("started again"), "{}", named.text);
    let figure = |name| {
        named
            .figures
            .iter()
            .find(|it| it.name == name)
            .unwrap()
            .value
    };
    assert!(
        (1_800.0..3_000.0).contains(&figure("made_kbps")),
        "{named:?}"
    );
    let before = viewer.stats.frames_sent;
    viewer.wait_for_frames(before + 30);
    viewer.stop();
    let stream = server.take();
    let keys = stream.pictures.iter().filter(|it| it.is_key).count();
    assert!(keys >= 2 && stream.times.is_sorted(), "{keys} key frames");
}

#[test]
fn an_encoder_that_takes_all_of_its_time_is_told_to_be_fast_and_catches_up() {
    let parts = parts_with_first_encoder!(|inner| Box::new(Slow { inner, fast: false }));
    let server = Server::start();
    let mut viewer = Viewer::start_with(parts, VideoChoice::TestPicture);
    viewer.go_live(server.address());
    let told = viewer.wait_for_words("this computer is busy");
    assert_eq!(
        (told.severity, told.cause),
        (Severity::Info, Cause::Encoder)
    );
    let load = &told.figures[0];
    assert!(
        load.name == "encoder_load" && load.value > 0.9,
        "{:?}",
        told.figures
    );
    let before = viewer.stats.frames_sent;
    viewer.wait_for_frames(before + 30);
    viewer.stop();
    server.take();
}

#[test]
fn an_encoder_that_hangs_is_named_within_three_seconds_and_replaced() {
    let parts = parts_with_first_encoder!(|inner| Box::new(Hanging { inner, left: 10 }));
    let server = Server::start();
    let mut viewer = Viewer::start_with(parts, VideoChoice::TestPicture);
    viewer.go_live(server.address());
    let named = viewer.wait_for_words("made no picture for");
    assert_eq!(
        (named.severity, named.cause),
        (Severity::Error, Cause::Encoder)
    );
    let before = viewer.stats.frames_sent;
    viewer.wait_for_frames(before + 20);
    viewer.stop();
    let stream = server.take();
    let gap = stream
        .pictures
        .windows(2)
        .find(|pair| pair[1].time > pair[0].time + 1000);
    let [before, after] = gap.expect("a gap") else {
        unreachable!("windows of two");
    };
    assert!(
        after.is_key && after.time - before.time < 5000,
        "{}",
        after.time - before.time
    );
    stream.assert_sound_whole();
}

#[test]
fn a_camera_that_stops_delivering_is_named_within_three_seconds_and_the_stream_goes_on() {
    let parts = Parts {
        open_camera: |_, _, _, _| CameraFeed::that_hangs_after(30),
        ..Parts::default()
    };
    let server = Server::start();
    let camera = VideoChoice::Camera(DeviceId("stand-in".into()));
    let mut viewer = Viewer::start_with(parts, camera);
    viewer.go_live(server.address());
    let ready = viewer.engine.now();
    let named = viewer.wait_for_words("stopped delivering");
    assert_eq!(
        (named.severity, named.cause),
        (Severity::Warning, Cause::Source)
    );
    assert!(named.at.since(ready) < Duration::from_secs(3), "{named:?}");
    viewer.follow(Duration::from_millis(500));
    viewer.stop();
    server.take().assert_whole(viewer.skipped);
}

#[test]
fn a_camera_that_never_delivers_is_named_within_three_seconds_too() {
    let parts = Parts {
        open_camera: |_, _, _, _| CameraFeed::that_hangs_after(0),
        ..Parts::default()
    };
    let camera = VideoChoice::Camera(DeviceId("stand-in".into()));
    let mut viewer = Viewer::start_with(parts, camera);
    let chosen = viewer.engine.now();
    let named = viewer.wait_for_words("has delivered nothing");
    assert_eq!(
        (named.severity, named.cause),
        (Severity::Warning, Cause::Source)
    );
    assert!(
        named.at.since(chosen) <= Duration::from_secs(3),
        "{named:?}"
    );
}

#[test]
fn the_bitrate_and_its_limits_can_be_changed_while_live() {
    let server = Server::start();
    let mut viewer = Viewer::start(VideoChoice::TestPicture);
    viewer.go_live(server.address());
    let mut format = FORMAT;
    format.video.bitrate = Bitrate::from_kbps(400);
    viewer.send(Command::SetFormat(format));
    viewer.wait_for_words("Video bitrate is 400 kb/s now");
    let audio = FORMAT.audio.bitrate.bps();
    let both = |kbps: u32| Bitrate::from_bps(kbps * 1000 + audio);
    viewer.wait_for(|event| {
        matches!(event, Event::Stats(stats) if stats.target == both(400) && stats.ceiling == both(400))
    });
    format.rate.adaptive = true;
    viewer.send(Command::SetFormat(format));
    viewer.wait_for_words("between 100 kb/s and 400 kb/s");
    viewer.follow(Duration::from_millis(700));
    viewer.stop();
    server.take().assert_whole(viewer.skipped);
}

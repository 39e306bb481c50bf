//! A running pipeline allocates no memory for a picture or a block of sound: not on the program's thread, not on the
//! encoder's, not on the one for sound. Nor does a camera's picture that is to be decoded.

#![cfg(target_os = "linux")] // where a thread's name can be looked up

#[path = "support/allocations.rs"]
mod allocations;
#[path = "support/format.rs"]
mod format;

use std::{
    error::Error,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use allocations::{Counting, by_thread};
use format::FORMAT;
use skywave::{
    capture::{
        camera::CameraFeed,
        source::{AudioChoice, DeviceId, VideoChoice},
    },
    engine::{
        command::{Broadcast, Command, Destination},
        event::Event,
        handle::Engine,
        parts::Parts,
    },
    media::{
        clock::Clock,
        convert::{Converter, RawLayout, RawPicture, YuvColours},
        frame::VideoFrame,
        mjpeg::MjpegDecoder,
        pool::PicturePool,
    },
    net::receiver::Receiver,
    record::RecordingTarget,
    secret::Secret,
    units::PixelSize,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_running_pipeline_allocates_nothing_for_a_picture_or_a_block_of_sound() {
    for video in [
        VideoChoice::TestPicture,
        VideoChoice::Camera(DeviceId("painted".into())),
    ] {
        let allocated = allocated_in_steady_state(video.clone()).unwrap();
        for thread in WATCHED {
            let count = allocated.iter().find(|(name, _)| name == thread);
            let (_, count) = count.expect("the thread runs");
            assert_eq!(*count, 0, "{thread} with {video:?}: {allocated:?}");
        }
    }
}

#[test]
fn a_motion_jpeg_camera_s_picture_is_decoded_without_an_allocation() {
    let step = AtomicU32::new(0);
    let patience_ends = Instant::now() + PATIENCE;
    let is_reached = |number| {
        assert!(Instant::now() < patience_ends, "no step {number}");
        step.load(Ordering::Acquire) >= number
    };
    let decode_some = || {
        let mut decoder = MjpegDecoder::new();
        for next in [1, 3] {
            for _ in 0..10 {
                decoder.decode(JPEG).expect("a sound picture");
            }
            step.store(next, Ordering::Release);
            while !is_reached(next + 1) {
                thread::yield_now();
            }
        }
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("decoder".into());
        let decoder = thread.spawn_scoped(scope, decode_some).unwrap();
        let wait_for = |number| {
            while !is_reached(number) {
                assert!(!decoder.is_finished(), "it panicked");
                thread::yield_now();
            }
        };
        wait_for(1); // so far, memory grows
        let before = by_thread();
        step.store(2, Ordering::Release);
        wait_for(3);
        let allocated = since(&before);
        step.store(4, Ordering::Release);
        let count = allocated.iter().find(|(name, _)| name == "decoder");
        assert_eq!(count.map(|(_, count)| *count), Some(0), "{allocated:?}");
    });
}

/// What each thread allocates while [`FRAMES`] pictures are shown, published and recorded, in the first of a few
/// windows in which those watched allocate nothing, else in the last one.
fn allocated_in_steady_state(video: VideoChoice) -> Result<Vec<(String, u64)>, Box<dyn Error>> {
    let parts = Parts {
        open_camera: |_, _, _, clock| {
            CameraFeed::of_pictures("painted", move || painted_pictures(clock))
        },
        ..Parts::default()
    };
    let receiver = Receiver::start("127.0.0.1:0".parse()?, |_| ())?;
    let folder = tempfile::tempdir()?;
    let engine = Engine::start_with(parts, FORMAT)?;
    engine.send(Command::SelectVideo(video));
    engine.send(Command::SelectAudio(AudioChoice::Beep));
    engine.send(Command::ShowPreview(true));
    let server = format!("rtmp://{}/live", receiver.local_addr());
    let destination = Destination::new(&server, Secret::new("key"));
    engine.send(Command::GoLive(Box::new(Broadcast::from(destination))));
    engine.send(Command::StartRecording(RecordingTarget::Folder(
        folder.path().to_owned(),
    )));
    wait_for(&engine, WARM_UP);
    let mut windows = (1..=WINDOWS).map(|window| {
        let before = by_thread();
        wait_for(&engine, WARM_UP + window * FRAMES);
        since(&before)
    });
    // An encoder that is opened anew, for a busy computer, allocates; a pipeline that allocates for each picture
    // does so in every window.
    let is_steady = |counts: &Vec<(String, u64)>| {
        let watched = counts
            .iter()
            .filter(|(name, _)| WATCHED.contains(&name.as_str()));
        watched.map(|(_, count)| count).sum::<u64>() == 0
    };
    let mut last = Vec::new();
    let steady = windows.find(|counts| {
        last.clone_from(counts);
        is_steady(counts)
    });
    Ok(steady.unwrap_or(last))
}

/// What each thread allocated since it was asked `before`.
fn since(before: &[(String, u64)]) -> Vec<(String, u64)> {
    let now = by_thread();
    let grown = now.iter().map(|(name, count)| {
        let earlier = before.iter().find(|(known, _)| known == name);
        (name.clone(), count - earlier.map_or(0, |(_, count)| *count))
    });
    grown.collect()
}

/// A camera of YUYV pictures, converted as a real one's, and then scaled to another size and shape.
fn painted_pictures(clock: Clock) -> impl FnMut() -> VideoFrame {
    let size = CAMERA_SIZE;
    let row_bytes = size.width as usize * 2;
    let mut bytes = vec![128; size.area() * 2];
    let mut pool = PicturePool::new(size);
    let mut converter = Converter::new();
    let mut number = 0_usize;
    move || {
        thread::sleep(FORMAT.video.frame_rate.frame_duration());
        number += 1;
        let row = number * 7 % size.height as usize * row_bytes;
        bytes[row..row + row_bytes].fill(u8::try_from(number % 256).unwrap_or(0));
        let raw = RawPicture {
            size,
            layout: RawLayout::Yuyv,
            colours: YuvColours::Bt601,
            stride: None,
            data: &bytes,
        };
        let picture = pool.picture(|picture| {
            let converted = converter.convert(&raw, picture);
            converted.expect("both have the same size");
        });
        VideoFrame {
            picture,
            captured_at: clock.now(),
        }
    }
}

/// Looks at the preview, as a window does, until so many pictures went out.
fn wait_for(engine: &Engine, frames: u64) {
    let patience_ends = Instant::now() + PATIENCE;
    let mut sent = 0;
    while sent < frames {
        assert!(
            Instant::now() < patience_ends,
            "{sent} of {frames} pictures sent"
        );
        if let Some(Event::Stats(stats)) = engine.next_event(Duration::from_millis(50)) {
            sent = stats.frames_sent;
        }
        drop(engine.preview());
    }
}

/// 320×180 pixels of a film, as a webcam compresses it.
const JPEG: &[u8] = include_bytes!("../benches/support/camera.jpg");
/// Neither the output's size nor its shape.
const CAMERA_SIZE: PixelSize = PixelSize::new(320, 240);

/// Until pools have grown and every queue has been as long as it gets.
const WATCHED: [&str; 3] = ["program", "video encoder", "audio"];
const WINDOWS: u64 = 4;
const WARM_UP: u64 = 100;
/// Several key frames, and more packets than any queue grows for.
const FRAMES: u64 = 200;
/// A hang is a failure, not a long wait.
const PATIENCE: Duration = Duration::from_mins(1);

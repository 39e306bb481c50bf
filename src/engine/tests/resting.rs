//! What the engine leaves undone while nobody wants it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::{
    capture::{camera::CameraFeed, source::DeviceId},
    engine::event::Arrival,
};

/// An engine with a camera that counts in `converted` which of its pictures it converts.
macro_rules! viewer_of_camera {
    ($converted:ident) => {{
        static $converted: AtomicU64 = AtomicU64::new(0);
        let parts = Parts {
            open_camera: |_, _, _, _| CameraFeed::that_counts_what_it_converts(&$converted),
            ..Parts::default()
        };
        let camera = VideoChoice::Camera(DeviceId("stand-in".into()));
        (Viewer::start_with(parts, camera), &$converted)
    }};
}

impl Viewer {
    /// Waits until the camera took so many pictures more.
    fn wait_for_captured(&mut self, count: u64) {
        let wanted = self.stats.frames_captured + count;
        self.wait_for(
            |event| matches!(event, Event::Stats(stats) if stats.frames_captured >= wanted),
        );
    }

    /// Waits until the preview shows a picture of that size.
    fn wait_for_picture_of(&mut self, size: PixelSize) {
        let deadline = Instant::now() + PATIENCE;
        while self.engine.preview().is_none_or(|it| it.size() != size) {
            assert!(Instant::now() < deadline, "no picture of {size}");
            self.next();
        }
    }
}

#[test]
fn a_camera_that_nobody_looks_at_goes_on_and_is_not_converted() {
    let (mut viewer, converted) = viewer_of_camera!(CONVERTED);
    viewer.wait_for_captured(50); // until it rests
    let before = converted.load(Ordering::Relaxed);
    viewer.wait_for_captured(50);
    assert_eq!(converted.load(Ordering::Relaxed), before);
    assert!(viewer.engine.preview().is_none());

    viewer.send(Command::ShowPreview(true));
    viewer.wait_for_captured(50);
    assert!(converted.load(Ordering::Relaxed) > 20);
    assert!(viewer.engine.preview().is_some());

    viewer.send(Command::ShowPreview(false));
    viewer.wait_for_captured(50); // until it is heard of
    let before = converted.load(Ordering::Relaxed);
    viewer.wait_for_captured(50);
    assert_eq!(converted.load(Ordering::Relaxed), before);
}

#[test]
fn a_camera_that_nobody_looks_at_is_converted_for_a_stream() {
    let (mut viewer, converted) = viewer_of_camera!(STREAMED);
    viewer.wait_for_captured(10);
    let server = Server::start();
    viewer.go_live(server.address());
    viewer.wait_for_captured(50);
    assert!(converted.load(Ordering::Relaxed) > 20);
    viewer.stop();
}

#[test]
fn a_picture_that_stays_the_same_is_shown_once() {
    let viewer = Viewer::start(VideoChoice::None);
    let shown = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&shown);
    viewer.engine.set_waker(Box::new(move |arrival| {
        counted.fetch_add(u64::from(arrival == Arrival::Picture), Ordering::Relaxed);
    }));
    viewer.send(Command::ShowPreview(true));
    let deadline = Instant::now() + PATIENCE;
    while viewer.engine.preview().is_none() {
        assert!(Instant::now() < deadline, "no picture");
        std::thread::yield_now();
    }
    std::thread::sleep(Duration::from_millis(500));
    assert!(viewer.engine.preview().is_none());
    assert_eq!(shown.load(Ordering::Relaxed), 1);
}

#[test]
fn without_picture_and_sound_nobody_is_woken() {
    let viewer = Viewer::start(VideoChoice::None);
    viewer.send(Command::SelectAudio(AudioChoice::Silence));
    viewer.send(Command::ShowPreview(true));
    let woken = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&woken);
    viewer.engine.set_waker(Box::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    let deadline = Instant::now() + PATIENCE;
    loop {
        // Longer than from one levels or statistics to the next. At first there is news: devices, the sound falling.
        std::thread::sleep(Duration::from_millis(600));
        if woken.swap(0, Ordering::Relaxed) == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "something new all the time");
    }
    assert!(
        viewer.engine.try_event().is_some(),
        "to be read all the same"
    );
}

#[test]
fn what_only_the_preview_shows_keeps_the_cameras_size() {
    let (mut viewer, _) = viewer_of_camera!(SHOWN);
    let mut format = FORMAT;
    format.video.size = PixelSize::new(320, 180);
    viewer.send(Command::SetFormat(format));
    viewer.send(Command::ShowPreview(true));
    viewer.wait_for_picture_of(PixelSize::MIN);
    let server = Server::start();
    viewer.go_live(server.address());
    viewer.wait_for_picture_of(format.video.size);
    viewer.stop();
    viewer.wait_for_picture_of(PixelSize::MIN);
}

//! Cameras against the kernel's test driver, vivid. Needs its machine: run by `test.sh`, not by `cargo test`.
#![cfg(target_os = "linux")]

use std::{
    thread,
    time::{Duration, Instant},
};

use skywave::{
    capture::{
        camera::{self, CameraFeed},
        source::{CameraFormat, CameraInfo, CaptureError, PixelLayout, SourceEvent},
    },
    media::{clock::Clock, frame::VideoFrame},
    units::PixelSize,
};
use v4l::control::{Control, Value};

#[test]
fn every_layout_shows_the_colour_bars() {
    for pixels in [
        PixelLayout::Yuyv,
        PixelLayout::Uyvy,
        PixelLayout::Nv12,
        PixelLayout::I420,
        PixelLayout::Rgb,
        PixelLayout::Bgr,
        PixelLayout::Grey,
    ] {
        let feed = start(pixels);
        let description = ready(&feed);
        assert!(
            description.contains(&format!("320×180 at 10 fps, {pixels}")),
            "{description}"
        );
        assert_bars(&picture(&feed), pixels, "as it is");
    }
}

#[test]
fn the_range_and_matrix_that_the_camera_tells_are_undone() {
    // Menu entries of vivid: sRGB and its transfer function, so that the bars' values stay what they are.
    let _transfer = Setting::new("Transfer Function", 2, 0);
    for (space, space_entry) in [("sRGB", 2), ("Rec. 709", 1)] {
        let _space = Setting::new("Colorspace", space_entry, 2);
        for (range, range_entry) in [("full", 1), ("limited", 2)] {
            let _range = Setting::new("Quantization", range_entry, 0);
            let feed = start(PixelLayout::I420);
            ready(&feed);
            assert_bars(
                &picture(&feed),
                PixelLayout::I420,
                &format!("{space}, {range} range"),
            );
        }
    }
}

#[test]
fn a_camera_that_falls_silent_is_told_and_taken_back() {
    let feed = start(PixelLayout::Yuyv);
    ready(&feed);
    let silence = Setting::new("Percentage of Dropped Buffers", 100, 0);
    let lost = lost(&feed);
    assert!(matches!(lost, CaptureError::Stalled { .. }), "{lost}");
    assert!(feed.latest().is_none());
    drop(silence);
    ready(&feed);
    picture(&feed);
}

#[test]
fn a_driver_that_fails_is_told_and_tried_again() {
    let feed = start(PixelLayout::Yuyv);
    ready(&feed);
    set("Inject Fatal Streaming Error", 1);
    let lost = lost(&feed);
    assert!(matches!(lost, CaptureError::Failed { .. }), "{lost}");
    ready(&feed);
}

#[test]
fn a_camera_let_go_can_be_opened_again_at_once() {
    drop(start(PixelLayout::Yuyv));
    for pixels in [PixelLayout::Yuyv, PixelLayout::Nv12] {
        let feed = start(pixels);
        ready(&feed);
    }
}

#[test]
fn formats_are_listed_while_the_camera_is_in_use() {
    let before = vivid().formats;
    let feed = start(PixelLayout::Nv12);
    ready(&feed);
    assert_eq!(vivid().formats, before);
    let frames = feed.frames_captured();
    within_a_minute("pictures go on", || {
        (feed.frames_captured() > frames).then_some(())
    });
}

fn vivid() -> CameraInfo {
    let camera = camera::list()
        .into_iter()
        .find(|camera| camera.name.contains("vivid"));
    camera.expect("the machine has vivid's camera")
}

fn start(pixels: PixelLayout) -> CameraFeed {
    CameraFeed::start_in(vivid().id, Clock::start(), move |formats| {
        let suits = |format: &&CameraFormat| {
            format.pixels == pixels
                && format.size == PixelSize::new(320, 180)
                && format.frame_rate.fps() == 10
        };
        formats.iter().find(suits).copied()
    })
}

/// The description it tells when it delivers; a camera let go a moment ago may be busy at first.
fn ready(feed: &CameraFeed) -> String {
    within_a_minute("ready", || match feed.poll_event() {
        Some(SourceEvent::Ready { description }) => Some(description),
        Some(SourceEvent::Lost(error)) => {
            println!("not ready: {error}");
            None
        }
        None => None,
    })
}

fn lost(feed: &CameraFeed) -> CaptureError {
    within_a_minute("lost", || match feed.poll_event() {
        Some(SourceEvent::Lost(error)) => Some(error),
        _ => None,
    })
}

fn picture(feed: &CameraFeed) -> VideoFrame {
    within_a_minute("a picture", || feed.latest())
}

fn within_a_minute<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The driver shows bars of 75 % white, yellow, cyan, green, magenta, red, blue, and black, with text above.
fn assert_bars(frame: &VideoFrame, pixels: PixelLayout, what: &str) {
    let size = frame.picture.size();
    assert_eq!(size, PixelSize::new(320, 180));
    let [y, u, v] = frame.picture.planes();
    let (width, height) = (size.width as usize, size.height as usize);
    for (bar, rgb) in BARS.iter().enumerate() {
        let middle = (2 * bar + 1) * width / 16;
        let mean = |plane: &[u8], scale: usize| {
            let (stride, x) = (width / scale, middle / scale);
            let rows = height * 5 / 6 / scale..height * 11 / 12 / scale;
            let samples: Vec<u32> = rows
                .flat_map(|row| &plane[row * stride + x - 4..row * stride + x + 4])
                .map(|sample| u32::from(*sample))
                .collect();
            samples.iter().sum::<u32>() / u32::try_from(samples.len()).expect("few")
        };
        let found = [mean(y, 1), mean(u, 2), mean(v, 2)];
        let [luma, ..] = bt709(*rgb);
        let expected = if pixels == PixelLayout::Grey {
            [luma, 128.0, 128.0]
        } else {
            bt709(*rgb)
        };
        println!("{pixels}, {what}: bar {bar} is {found:?}, expected {expected:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (f64::from(*found) - expected).abs() <= TOLERANCE,
                "{pixels}, {what}: bar {bar} is wrong"
            );
        }
    }
}

/// BT.709 limited range (ITU-R BT.709-6 section 3).
fn bt709([r, g, b]: [f64; 3]) -> [f64; 3] {
    let luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    [
        16.0 + luma * 219.0,
        128.0 + (b - luma) / 1.8556 * 224.0,
        128.0 + (r - luma) / 1.5748 * 224.0,
    ]
}

/// A control of the driver, set back when dropped.
struct Setting {
    name: &'static str,
    before: i64,
}

impl Setting {
    fn new(name: &'static str, value: i64, before: i64) -> Self {
        set(name, value);
        Self { name, before }
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        set(self.name, self.before);
    }
}

fn set(name: &str, value: i64) {
    let device = v4l::Device::with_path("/dev/video0").expect("vivid is the only camera");
    let known = device.query_controls().expect("it has controls");
    let control = known.iter().find(|control| control.name == name);
    let control = Control {
        id: control.unwrap_or_else(|| panic!("no control {name}")).id,
        value: Value::Integer(value),
    };
    device.set_control(control).expect("it takes the value");
}

const LEVEL: f64 = 0.75;
const BARS: [[f64; 3]; 8] = [
    [LEVEL, LEVEL, LEVEL],
    [LEVEL, LEVEL, 0.0],
    [0.0, LEVEL, LEVEL],
    [0.0, LEVEL, 0.0],
    [LEVEL, 0.0, LEVEL],
    [LEVEL, 0.0, 0.0],
    [0.0, 0.0, LEVEL],
    [0.0, 0.0, 0.0],
];
/// How far a mean may be off: the two matrices differ by up to 30.
const TOLERANCE: f64 = 4.0;

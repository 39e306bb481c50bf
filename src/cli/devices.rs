//! `skywave devices`: cameras with their formats, and microphones.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};

use super::args::DevicesArgs;
use crate::{
    capture::{
        camera, microphone,
        source::{CameraInfo, MicrophoneInfo},
    },
    units::PixelSize,
};

/// The list as text or JSON.
#[must_use]
pub fn devices(args: &DevicesArgs) -> String {
    let (cameras, microphones) = (camera::list(), microphone::list());
    if args.json {
        as_json(&cameras, &microphones).to_string()
    } else {
        as_text(&cameras, &microphones)
    }
}

fn as_json(cameras: &[CameraInfo], microphones: &[MicrophoneInfo]) -> Value {
    let cameras: Vec<Value> = cameras
        .iter()
        .map(|camera| {
            let formats: Vec<Value> = camera
                .formats
                .iter()
                .map(|format| {
                    json!({
                        "width": format.size.width,
                        "height": format.size.height,
                        "fps": format.frame_rate.fps(),
                        "pixels": format.pixels.to_string(),
                    })
                })
                .collect();
            json!({ "name": camera.name, "id": camera.id.0, "formats": formats })
        })
        .collect();
    let microphones: Vec<Value> = microphones
        .iter()
        .map(|microphone| {
            json!({ "name": microphone.name, "id": microphone.id.0, "default": microphone.is_default })
        })
        .collect();
    json!({ "cameras": cameras, "microphones": microphones })
}

fn as_text(cameras: &[CameraInfo], microphones: &[MicrophoneInfo]) -> String {
    let mut text = String::from("Cameras\n");
    if cameras.is_empty() {
        text.push_str("  none found; --test-picture needs none\n");
    }
    for (index, camera) in cameras.iter().enumerate() {
        let _ = writeln!(text, "  {index}  {}", camera.name);
        text.push_str(&formats_text(camera));
    }
    text.push_str("Microphones\n");
    if microphones.is_empty() {
        text.push_str("  none found; --tone and --silence need none\n");
    }
    for (index, microphone) in microphones.iter().enumerate() {
        let default = if microphone.is_default {
            "  (default)"
        } else {
            ""
        };
        let _ = writeln!(text, "  {index}  {}{default}", microphone.name);
    }
    text.truncate(text.trim_end().len());
    text
}

/// One line for each layout and size, with the frame rates it offers.
fn formats_text(camera: &CameraInfo) -> String {
    let mut rates: BTreeMap<(String, u32, u32), Vec<u32>> = BTreeMap::new();
    for format in &camera.formats {
        let PixelSize { width, height } = format.size;
        let line = rates
            .entry((format.pixels.to_string(), width, height))
            .or_default();
        line.push(format.frame_rate.fps());
    }
    let mut text = String::new();
    for ((pixels, width, height), mut rates) in rates {
        rates.sort_unstable();
        rates.dedup();
        let rates: Vec<String> = rates.iter().map(u32::to_string).collect();
        let _ = writeln!(
            text,
            "       {pixels} {width}×{height} at {} fps",
            rates.join(", ")
        );
    }
    text
}
